/**
 * A `.cpuprofile` as a flame graph in SVG: callers below, callees on top, as wide as their time.
 */
import { escapeXml } from "./chart.ts";
import { describe } from "./cpu-profile.ts";
import type { CpuProfile, ProfileNode } from "./cpu-profile.ts";

const WIDTH = 1200;
const ROW = 16;
/** Narrower ones are left out, with all that they call. */
const MIN_PIXELS = 0.5;
const PIXELS_PER_LETTER = 6.5;
const IDLE = "(idle)";

interface Frame {
  readonly name: string;
  readonly where: string;
  readonly selfUs: number;
  readonly totalUs: number;
  readonly callees: readonly Frame[];
}

export function flameGraphOf(profile: CpuProfile, title: string): string {
  const root = frameOf(profile);
  const rows: string[] = [];
  let deepest = 0;
  const scale = root.totalUs === 0 ? 0 : WIDTH / root.totalUs;
  const draw = (frame: Frame, x: number, depth: number): void => {
    const width = frame.totalUs * scale;
    if (width < MIN_PIXELS) return;
    deepest = Math.max(deepest, depth);
    rows.push(box(frame, { x, width, depth, share: frame.totalUs / root.totalUs }));
    let calleeX = x;
    for (const callee of frame.callees) {
      draw(callee, calleeX, depth + 1);
      calleeX += callee.totalUs * scale;
    }
  };
  draw(root, 0, 0);
  const height = (deepest + 3) * ROW;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="monospace" font-size="11">`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    `<text x="4" y="12">${escapeXml(title)}</text>`,
    // Depth grows upwards.
    `<g transform="translate(0 ${height - ROW})">`,
    ...rows,
    "</g>",
    "</svg>\n",
  ].join("\n");
}

/** The tree with its times. Time in which the process was idle is no part of it. */
function frameOf({ nodes, samples, timeDeltas }: CpuProfile): Frame {
  const self = new Map<number, number>();
  // A sample stands for the time up to the next one.
  samples.forEach((id, i) => self.set(id, (self.get(id) ?? 0) + (timeDeltas[i + 1] ?? 0)));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const build = ({ id, callFrame, children = [] }: ProfileNode): Frame => {
    const callees = children
      .flatMap((child) => byId.get(child) ?? [])
      .map(build)
      .filter(({ totalUs }) => totalUs > 0)
      .sort((a, b) => b.totalUs - a.totalUs);
    const selfUs = callFrame.functionName === IDLE ? 0 : (self.get(id) ?? 0);
    const totalUs = callees.reduce((sum, callee) => sum + callee.totalUs, selfUs);
    return {
      name: callFrame.functionName || "(anonymous)",
      where: describe(callFrame),
      selfUs,
      totalUs,
      callees,
    };
  };
  const [root] = nodes;
  return root ? build(root) : { name: "(root)", where: "(root)", selfUs: 0, totalUs: 0, callees: [] };
}

interface Box {
  readonly x: number;
  readonly width: number;
  readonly depth: number;
  readonly share: number;
}

function box({ name, where, selfUs, totalUs }: Frame, { x, width, depth, share }: Box): string {
  const y = -(depth + 1) * ROW;
  const letters = Math.floor((width - 4) / PIXELS_PER_LETTER);
  const label = letters < 3 ? "" : name.length <= letters ? name : `${name.slice(0, letters - 1)}…`;
  const milliseconds = (us: number): string => `${(us / 1000).toFixed(1)} ms`;
  const tip = `${where}: ${milliseconds(totalUs)}, ${(share * 100).toFixed(1)}%, ${milliseconds(selfUs)} of its own`;
  return [
    `<g><title>${escapeXml(tip)}</title>`,
    `<rect x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${ROW - 1}" fill="${colorOf(where)}"/>`,
    ...(label === "" ? [] : [`<text x="${(x + 2).toFixed(1)}" y="${y + 11}">${escapeXml(label)}</text>`]),
    "</g>",
  ].join("");
}

/** This project's code, that of packages, that of Node, and native code. */
function colorOf(where: string): string {
  if (/\((packages|tools|apps)\//.test(where)) return "#f2a65a";
  if (where.includes("(node:")) return "#b7d3a8";
  return where.includes("(") && where.endsWith(")") && !where.startsWith("(") ? "#f6d87c" : "#d0d4d9";
}
