/** Reads Prometheus' text format. */

/** Each series, as it is written, with its value. */
export function seriesOf(text: string): Map<string, number> {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(" ");
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}

/** The values of all series whose name and labels match, together. */
export function sumOf(text: string, pattern: RegExp): number {
  return [...seriesOf(text)].reduce((sum, [series, value]) => (pattern.test(series) ? sum + value : sum), 0);
}
