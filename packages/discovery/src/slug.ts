/**
 * The slug of a text as Dynamo makes it for cards and, in 0.7, for file names: lower case, every character
 * but `a-z0-9-_` replaced by `_`, no `_` in front. Several texts may share one.
 */
export function slugOf(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9_-]/gu, "_")
    .replace(/^_+/, "");
}
