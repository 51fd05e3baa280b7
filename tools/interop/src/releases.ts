/**
 * The releases of Dynamo that are run, and what is known of each before it is.
 */
import type { FileLayoutName } from "@dynamo/discovery";
import type { PathForm } from "@dynamo/request-plane-tcp";

export const PLANES = ["tcp", "nats", "http"] as const;
export type Plane = (typeof PLANES)[number];

/** On every run: the oldest, the last one with an HTTP plane, the newest. */
export const DEFAULT_RELEASES = ["0.7.1", "1.2.1", "1.6.1"] as const;
export const ALL_RELEASES = ["0.7.1", "0.8.1", "1.0.1", "1.2.1", "1.4.2", "1.5.1", "1.6.1"] as const;
export type Release = (typeof ALL_RELEASES)[number];

/** Whether the release is this one or newer; `since` is `major.minor`. */
export function isSince(release: string, since: `${number}.${number}`): boolean {
  const [major = 0, minor = 0] = release.split(".").map(Number);
  const [sinceMajor = 0, sinceMinor = 0] = since.split(".").map(Number);
  return major > sinceMajor || (major === sinceMajor && minor >= sinceMinor);
}

/** Why a release can't be run on a plane, in a sentence, or `undefined`. */
export function lackOf(release: Release, plane: Plane): Lack | undefined {
  if (plane === "http" && isSince(release, "1.3")) {
    return { why: "The HTTP plane is gone since 1.3.", says: /Invalid request plane mode/ };
  }
  if (plane === "nats" && isSince(release, "0.8") && !isSince(release, "1.0")) {
    const why =
      "0.8 needs JetStream of a NATS server that is newer than Debian's 2.9.10, which the suite runs.";
    return { why, says: /JetStream not available/ };
  }
  return undefined;
}

export interface Lack {
  readonly why: string;
  /** What the release says when it is started on the plane all the same. */
  readonly says: RegExp;
}

export function planesOf(release: Release): readonly Plane[] {
  return PLANES.filter((plane) => !lackOf(release, plane));
}

/** How the release names its files of discovery. The two don't see each other's. */
export function layoutOf(release: Release): FileLayoutName {
  return isSince(release, "0.8") ? "0.8" : "0.7";
}

/** The form of addresses that callers of the release take on the TCP plane. */
export function pathFormOf(release: Release): PathForm {
  return isSince(release, "0.8") ? "1.6" : "0.7";
}
