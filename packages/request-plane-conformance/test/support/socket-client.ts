import { connect } from "node:net";
import type { Socket } from "node:net";
import { parseSocketAddress, RequestPlaneError } from "@dynamo/request-plane-core";
import type { Headers, OutboundRequest, PlaneHealth, RequestPlaneClient } from "@dynamo/request-plane-core";
import type { FixtureSettings } from "../../src/index.ts";
import { frame, onFrames } from "./socket-frames.ts";
import type { Refusal } from "./socket-frames.ts";

/** A request on its way. */
interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: RequestPlaneError) => void;
}

export class SocketClient implements RequestPlaneClient {
  readonly #settings: FixtureSettings;
  readonly #lines = new Map<string, Line>();
  #closed = false;

  constructor(settings: FixtureSettings) {
    this.#settings = settings;
  }

  async deliver({ address, headers, envelope, envelopeBytes, signal }: OutboundRequest): Promise<void> {
    if (this.#closed) throw new RequestPlaneError("closed", "The client is closed");
    if (signal?.aborted) throw cancelled(signal);
    const { clientMaxMessageBytes: limit } = this.#settings;
    if (envelopeBytes > limit) {
      const facts = { limit, actual: envelopeBytes, setting: "clientMaxMessageBytes" };
      throw new RequestPlaneError("payload_too_large", "The envelope is too large", { facts });
    }
    const slash = address.indexOf("/");
    const line = this.#line(slash < 0 ? "" : address.slice(0, slash));
    const lower = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
    const head = JSON.stringify({
      path: address.slice(slash + 1),
      headers: Object.fromEntries(lower) as Headers,
    });
    const headBytes = Buffer.alloc(4);
    headBytes.writeUInt32BE(Buffer.byteLength(head), 0);
    await line.send([headBytes, Buffer.from(head), ...envelope], signal);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const line of this.#lines.values())
      line.close(new RequestPlaneError("closed", "The client was closed"));
  }

  health(): PlaneHealth {
    const pending = [...this.#lines.values()].reduce((sum, line) => sum + line.pending, 0);
    return { connections: this.#lines.size, pending };
  }

  #line(place: string): Line {
    const known = this.#lines.get(place);
    if (known) return known;
    try {
      const line = new Line(place, this.#settings, () => this.#lines.delete(place));
      this.#lines.set(place, line);
      return line;
    } catch (cause) {
      throw new RequestPlaneError("cannot_connect", `No address: ${place}`, { cause });
    }
  }
}

/** One connection; replies find their requests by id. */
class Line {
  readonly #place: string;
  readonly #settings: FixtureSettings;
  readonly #socket: Socket;
  readonly #onClose: () => void;
  readonly #waiters = new Map<number, Waiter>();
  #lastId = 0;
  #connected = false;
  #closed = false;

  constructor(place: string, settings: FixtureSettings, onClose: () => void) {
    this.#place = place;
    this.#settings = settings;
    this.#onClose = onClose;
    this.#socket = connect({ ...parseSocketAddress(place), noDelay: true });
    this.#socket.once("connect", () => (this.#connected = true));
    this.#socket.on("error", (cause) => this.close(this.#lost(cause)));
    this.#socket.on("close", () => this.close(this.#lost()));
    onFrames(this.#socket, (bytes) => this.#reply(bytes));
  }

  get pending(): number {
    return this.#waiters.size;
  }

  async send(parts: readonly Uint8Array[], signal: AbortSignal | undefined): Promise<void> {
    const id = (this.#lastId += 1);
    const { acknowledgeTimeoutMs: limit } = this.#settings;
    const facts = {
      phase: "acknowledge",
      limit,
      setting: "acknowledgeTimeoutMs",
      address: this.#place,
    } as const;
    const expire = (): void =>
      this.#take(id)?.reject(new RequestPlaneError("deadline_exceeded", "No acknowledgement", { facts }));
    const abort = (): void => this.#take(id)?.reject(cancelled(signal));
    const timer = setTimeout(expire, limit);
    signal?.addEventListener("abort", abort);
    try {
      await new Promise<void>((resolve, reject) => {
        this.#waiters.set(id, { resolve, reject });
        this.#socket.write(frame(id, ...parts));
      });
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
  }

  close(error: RequestPlaneError): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.destroy();
    this.#onClose();
    for (const { reject } of this.#waiters.values()) reject(error);
    this.#waiters.clear();
  }

  #reply(bytes: Buffer): void {
    const waiter = this.#take(bytes.readUInt32BE(0));
    // One that came too late, or was not asked for.
    if (!waiter) return;
    if (bytes.length === 4) {
      waiter.resolve();
      return;
    }
    const { code, message, limit } = JSON.parse(bytes.toString("utf8", 4)) as Refusal;
    const facts = limit === undefined ? {} : { limit };
    waiter.reject(new RequestPlaneError(code, message, { remote: true, facts }));
  }

  #take(id: number): Waiter | undefined {
    const waiter = this.#waiters.get(id);
    this.#waiters.delete(id);
    return waiter;
  }

  #lost(cause?: Error): RequestPlaneError {
    const code = this.#connected ? "disconnected" : "cannot_connect";
    return new RequestPlaneError(code, `Lost ${this.#place}`, { cause, facts: { address: this.#place } });
  }
}

function cancelled(signal: AbortSignal | undefined): RequestPlaneError {
  return new RequestPlaneError("cancelled", "The delivery was aborted", { cause: signal?.reason });
}
