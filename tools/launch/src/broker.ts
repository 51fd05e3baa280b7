/**
 * The NATS server of the deployment: one that runs already, or one of our own.
 */
import { connect } from "node:net";
import { fileURLToPath } from "node:url";
import { installedNatsServer } from "@dynamo/nats-server";
import { Child } from "./child.ts";

export interface Broker {
  /** For the user. */
  readonly shown: string;
  /** What its clients have to know. */
  readonly environment: NodeJS.ProcessEnv;
  /** Runs the server that was started for this. */
  readonly keeper?: Child;
}

export interface Places {
  /** Default: `NATS_SERVER`, when it is set. */
  readonly named?: string | undefined;
  /** Used when a server answers there. */
  readonly usual?: string;
  /** The path of a `nats-server`. */
  readonly find?: () => Promise<string | undefined>;
}

export const USUAL_SERVER = "nats://localhost:4222";
const KEEPER = fileURLToPath(new URL("nats-keeper.ts", import.meta.url));
const LOOK_MS = 1_000;

/** Rejects with a sentence on how to get a server when there is none. */
export async function findBroker(places: Places = {}): Promise<Broker> {
  const { named = process.env["NATS_SERVER"], usual = USUAL_SERVER, find = installedNatsServer } = places;
  // The text may hold a password.
  if (named) return { shown: "the server of NATS_SERVER", environment: { NATS_SERVER: named } };
  if (await isNats(usual)) return { shown: usual, environment: { NATS_SERVER: usual } };
  if ((await find()) === undefined) {
    throw new Error(
      `--nats: no NATS server answers at ${usual}, and there is no nats-server to start. Install it ` +
        "(apt-get install nats-server, brew install nats-server), or set NATS_SERVER to where one runs.",
    );
  }
  const keeper = new Child({ name: "nats-server", program: KEEPER, args: [], env: process.env });
  const url = String(await keeper.firstMessage());
  return { shown: `${url}, started for this`, environment: { NATS_SERVER: url }, keeper };
}

/** Whether a server introduces itself there, as NATS servers do. */
export function isNats(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  return new Promise<boolean>((resolve) => {
    socket.setTimeout(LOOK_MS, () => resolve(false));
    socket.once("data", (data) => resolve(data.toString().startsWith("INFO ")));
    socket.once("error", () => resolve(false));
    socket.once("close", () => resolve(false));
  }).finally(() => socket.destroy());
}
