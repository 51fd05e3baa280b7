/**
 * A worker made of our packages, in a process of its own.
 */
import { Child } from "../child.ts";
import type { Plane, Release } from "../releases.ts";
import type { Site } from "../site.ts";
import { ourCaller } from "./our-caller.ts";

export const OUR_ENDPOINT = "interop.ours.generate";
const PROGRAM = new URL("../programs/our-worker.ts", import.meta.url).pathname;

export interface OurWorkerOptions {
  readonly endpoint: string;
  readonly release: Release;
  readonly plane: Plane;
  readonly natsUrl: string;
  /** Of discovery. */
  readonly root: string;
  /** It advertises msgpack. */
  readonly speaksMsgpack?: boolean;
}

export class OurWorker implements AsyncDisposable {
  readonly endpoint: string;
  /** Of its instance. */
  readonly id: bigint;
  readonly process: Child;

  constructor(endpoint: string, id: bigint, process: Child) {
    this.endpoint = endpoint;
    this.id = id;
    this.process = process;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
  }
}

/** The one that cells share. */
export function ourWorker(site: Site): Promise<OurWorker> {
  return startOurWorker(site, OUR_ENDPOINT);
}

/** One more, the only one at its endpoint. */
export async function startOurWorker(
  site: Site,
  endpoint: string,
  more: Pick<OurWorkerOptions, "speaksMsgpack"> = {},
): Promise<OurWorker> {
  const { release, plane, discoveryRoot: root, surroundings } = site;
  const options: OurWorkerOptions = {
    endpoint,
    release,
    plane,
    natsUrl: surroundings.natsUrl,
    root,
    ...more,
  };
  const child = new Child({
    name: `our worker for ${site.name}`,
    command: process.execPath,
    args: [PROGRAM, JSON.stringify(options)],
    env: process.env,
  });
  try {
    const { serving } = await child.message<{ serving: string }>("serving");
    await (await site.use(ourCaller)).client(endpoint);
    return new OurWorker(endpoint, BigInt(serving), child);
  } catch (error) {
    await child.kill();
    throw error;
  }
}
