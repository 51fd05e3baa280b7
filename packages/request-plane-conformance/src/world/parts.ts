import type { ManagerHealth, NetworkManager, PlaneHealth } from "@dynamo/request-plane-core";
import { PROMPT_MS, until, within } from "../waiting.ts";

/** Something that is closed at the end of a case, and must have nothing left then. */
interface Part {
  readonly name: string;
  /** Connections, requests and responses that are there. */
  readonly open: () => number;
  /** Those of them that are under way. */
  readonly busy: () => number;
  readonly close: () => Promise<void>;
}

/** How long gauges may take to come to zero after the close. */
const ZERO_MS = 1_000;

/** The managers, servers and clients of one case. */
export class Parts {
  readonly #parts: Part[] = [];

  manager(name: string, manager: NetworkManager): void {
    this.#parts.push({
      name,
      open: () => sumOf(manager.health(), ({ connections, pending }) => connections + pending),
      busy: () => sumOf(manager.health(), ({ pending }) => pending),
      close: () => manager.close({ drainMs: 0 }),
    });
  }

  plane(name: string, plane: { health(): PlaneHealth }, close: () => Promise<void>): void {
    const open = (): number => plane.health().connections + plane.health().pending;
    this.#parts.push({ name, open, busy: () => plane.health().pending, close });
  }

  async quiet(): Promise<void> {
    for (const { name, busy } of this.#parts) {
      await until(`nothing is under way in ${name}`, () => busy() === 0, PROMPT_MS);
    }
  }

  /** Rejects when something takes too long to close, or shows in its health afterwards. */
  async close(): Promise<void> {
    const closings = this.#parts.map(({ name, close }) => within(`Closing ${name}`, close(), PROMPT_MS));
    for (const closing of await Promise.allSettled(closings)) {
      if (closing.status === "rejected") throw closing.reason;
    }
    for (const { name, open } of this.#parts) {
      await until(`the health of ${name}, which is closed, is all zeros`, () => open() === 0, ZERO_MS);
    }
  }
}

function sumOf(health: ManagerHealth, gauge: (plane: PlaneHealth) => number): number {
  const planes = Object.values(health.planes).map(gauge);
  return planes.reduce((sum, value) => sum + value, health.responsesAwaited + health.responsesWritten);
}
