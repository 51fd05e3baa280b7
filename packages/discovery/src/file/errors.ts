/** What `node:fs` says went wrong, for example `ENOENT`; `undefined` for other errors. */
export function fileErrorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** The file or its directory is not there. */
export function isMissing(error: unknown): boolean {
  return fileErrorCode(error) === "ENOENT";
}
