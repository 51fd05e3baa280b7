/**
 * Compares what a program printed with what a document says. In the document an ellipsis stands for any text
 * within a line, and alone on a line for any number of lines.
 */
export function matches(expected: string[], printed: string[]): boolean {
  const [first, ...rest] = expected;
  if (first === undefined) return printed.length === 0;
  if (first.trim() === "…") {
    return Array.from({ length: printed.length + 1 }).some((_, skipped) =>
      matches(rest, printed.slice(skipped)),
    );
  }
  const [line, ...more] = printed;
  return line !== undefined && lineMatches(first, line) && matches(rest, more);
}

function lineMatches(expected: string, line: string): boolean {
  const literal = expected.trimEnd().replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  return new RegExp(`^${literal.replaceAll("…", ".*")}$`).test(line.trimEnd());
}
