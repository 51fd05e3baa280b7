/**
 * One thing that is tried with one release on one plane.
 */
import { planesOf } from "./releases.ts";
import type { Plane, Release } from "./releases.ts";
import type { Site } from "./site.ts";

export interface Cell {
  /** Heading under which the result is reported. */
  readonly section: string;
  /** What holds when it passes. Unique within its section. */
  readonly name: string;
  /** Planes and releases it is for; default: all planes that the release has. Others are not reported. */
  readonly on?: (release: Release, plane: Plane) => boolean;
  /** How long it may take, in milliseconds. Default 120 000. */
  readonly timeoutMs?: number;
  /** Rejects when it fails. What a release can't do is told by `cannot`. */
  readonly run: (site: Site) => Promise<Cannot | undefined>;
}

/** What the release can't do, in one sentence that says why. */
export interface Cannot {
  readonly cannot: string;
}

export function cannot(why: string): Cannot {
  return { cannot: why };
}

export type Outcome =
  | {
      readonly status: "pass";
      /** What failed at the first try, when it passed at the second one. */
      readonly failedFirst?: string;
    }
  | { readonly status: "cannot"; readonly why: string }
  | { readonly status: "fail"; readonly what: string };

export type CellResult = Outcome & {
  readonly section: string;
  readonly name: string;
  readonly release: Release;
  readonly plane: Plane;
  readonly durationMs: number;
};

export function isFor({ on }: Cell, release: Release, plane: Plane): boolean {
  return on ? on(release, plane) : planesOf(release).includes(plane);
}

/** Fills in the section of each cell. */
export function inSection(section: string, cells: readonly Omit<Cell, "section">[]): Cell[] {
  return cells.map((cell) => ({ section, ...cell }));
}
