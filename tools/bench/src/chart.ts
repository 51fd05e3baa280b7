/**
 * Bars of speeds as SVG: a block for each case, a bar for each subject, a line over it from the slowest to the
 * fastest round.
 */
import type { Series } from "./measure.ts";
import { casesOf } from "./report.ts";
import { median } from "./statistics.ts";

const WIDTH = 760;
const LABEL_WIDTH = 190;
const VALUE_WIDTH = 90;
const BAR_WIDTH = WIDTH - LABEL_WIDTH - VALUE_WIDTH;
const LINE = 18;
const TITLE = 34;
const MARGIN = 12;

export interface ChartOptions {
  /** Names of the subjects that are set off from the others. */
  readonly highlighted: readonly string[];
}

export function chartOf(all: readonly Series[], { highlighted }: ChartOptions): string {
  const parts: string[] = [];
  let y = MARGIN;
  for (const ofCase of casesOf(all)) {
    parts.push(block(ofCase, y, highlighted));
    y += TITLE + ofCase.length * LINE + MARGIN;
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y}" viewBox="0 0 ${WIDTH} ${y}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${y}" fill="#ffffff"/>`,
    ...parts,
    "</svg>\n",
  ].join("\n");
}

function block(series: readonly Series[], top: number, highlighted: readonly string[]): string {
  const [first] = series;
  if (!first) return "";
  const { name, what, counted } = first.benchCase;
  const most = Math.max(...series.flatMap(speedsOf));
  const title = `<text x="${MARGIN}" y="${top + 18}" font-weight="bold">${escapeXml(`${name}: ${what}, ${counted} in a second`)}</text>`;
  const bars = series.map((one, index) => {
    const color = highlighted.includes(one.subject) ? "#2f6fb0" : "#a9b1ba";
    return bar(one, { y: top + TITLE + index * LINE, scale: BAR_WIDTH / most, color });
  });
  return [title, ...bars].join("\n");
}

interface Place {
  readonly y: number;
  /** Pixels for one in a second. */
  readonly scale: number;
  readonly color: string;
}

function bar(series: Series, { y, scale, color }: Place): string {
  const speeds = speedsOf(series);
  const [middle, least, most] = [median(speeds), Math.min(...speeds), Math.max(...speeds)];
  const at = (speed: number): string => (LABEL_WIDTH + speed * scale).toFixed(1);
  const lineY = y + 6;
  return [
    `<text x="${LABEL_WIDTH - 6}" y="${y + 10}" text-anchor="end">${escapeXml(series.subject)}</text>`,
    `<rect x="${LABEL_WIDTH}" y="${y}" width="${(middle * scale).toFixed(1)}" height="12" fill="${color}"/>`,
    `<line x1="${at(least)}" y1="${lineY}" x2="${at(most)}" y2="${lineY}" stroke="#333333"/>`,
    `<text x="${(Number(at(most)) + 6).toFixed(1)}" y="${y + 10}">${Math.round(middle).toLocaleString("en-US")}</text>`,
  ].join("\n");
}

function speedsOf({ samples }: Series): number[] {
  return samples.map(({ perSecond }) => perSecond);
}

export function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
