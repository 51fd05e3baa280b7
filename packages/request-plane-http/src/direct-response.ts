/**
 * The response of a request that came without an envelope: it goes back on its own HTTP exchange.
 */
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type {
  ConnectionInfo,
  Controlled,
  OnOver,
  ResponseConnector,
  ResponseWriter,
} from "@dynamo/request-plane-core";
import type { Exchange } from "./exchange.ts";
import { formatFor, readItem } from "./item-format.ts";
import type { ItemFormat } from "./item-format.ts";
import { refuse } from "./refusal.ts";

/** The value of `connection_info.transport` that means this exchange. */
export const DIRECT_TRANSPORT = "http_direct";

/** More than this isn't collected before it is written. */
const BATCH_CHARACTERS = 64 * 1024;

export class DirectConnector implements ResponseConnector {
  readonly transport = DIRECT_TRANSPORT;
  readonly #exchange: Exchange;
  readonly #peerTimeoutMs: number;

  constructor(exchange: Exchange, peerTimeoutMs: number) {
    this.#exchange = exchange;
    this.#peerTimeoutMs = peerTimeoutMs;
  }

  connect(_info: ConnectionInfo, requestId: string): ResponseWriter {
    return new DirectWriter(this.#exchange, requestId, this.#peerTimeoutMs);
  }
}

/** The status waits for the first item, so that what fails before it has a status of its own. */
class DirectWriter implements ResponseWriter {
  readonly framing = "wrapped";
  controlled: Controlled | undefined;
  readonly #exchange: Exchange;
  readonly #requestId: string;
  readonly #format: ItemFormat;
  readonly #peerTimeoutMs: number;
  /** Written in this tick and not handed to the exchange yet. */
  #batch = "";
  #state: "waiting" | "streaming" | "ended" = "waiting";
  #lost: RequestPlaneError | undefined;

  constructor(exchange: Exchange, requestId: string, peerTimeoutMs: number) {
    this.#exchange = exchange;
    this.#requestId = requestId;
    this.#format = formatFor(exchange.headers.accept);
    this.#peerTimeoutMs = peerTimeoutMs;
    const { output } = exchange;
    if (output.closed) setImmediate(() => this.#closed());
    else output.once("close", () => this.#closed());
  }

  prologue(error?: RequestPlaneError): void {
    if (error) this.#fail(error);
  }

  write(body: string | Uint8Array): boolean {
    if (this.#state === "ended") return true;
    const item = readItem(body);
    if (item.kind === "error") {
      this.#fail(item.error);
      return true;
    }
    this.#begin();
    if (this.#batch === "") process.nextTick(() => this.#flush());
    this.#batch += this.#format.write(item);
    if (this.#batch.length >= BATCH_CHARACTERS) this.#flush();
    return !this.#exchange.output.writableNeedDrain;
  }

  async drained(): Promise<void> {
    const { output } = this.#exchange;
    if (output.writableNeedDrain && !output.closed)
      await new Promise<void>((resolve) => this.#within("drain", resolve));
  }

  end(onOver: OnOver): void {
    if (this.#state !== "ended") {
      this.#begin();
      this.#finish();
    }
    if (this.#exchange.output.closed) onOver(this.#lost);
    else this.#within("close", () => onOver(this.#lost));
  }

  /** Who still reads is told that there is no more, and why. */
  abort(): void {
    this.#fail(new RequestPlaneError("unavailable", "The worker dropped this request"));
  }

  #begin(): void {
    if (this.#state !== "waiting") return;
    this.#state = "streaming";
    this.#exchange.begin(200, {
      "content-type": this.#format.contentType,
      "cache-control": "no-store",
      "request-id": this.#requestId,
    });
  }

  #fail(error: RequestPlaneError): void {
    if (this.#state === "ended") return;
    if (this.#state === "streaming") {
      this.#batch += this.#format.write({ kind: "error", error });
      this.#finish();
      return;
    }
    this.#state = "ended";
    refuse(this.#exchange, error);
  }

  #finish(): void {
    this.#flush();
    this.#state = "ended";
    this.#exchange.output.end();
  }

  #flush(): void {
    if (this.#batch === "" || this.#state === "ended") return;
    this.#exchange.output.write(this.#batch);
    this.#batch = "";
  }

  /** A reader that takes nothing for too long is cut off. */
  #within(event: "drain" | "close", told: () => void): void {
    const { output } = this.#exchange;
    const timer = setTimeout(() => this.#exchange.cut(), this.#peerTimeoutMs);
    const done = (): void => {
      clearTimeout(timer);
      output.off("drain", done).off("close", done);
      told();
    };
    output.on("close", done);
    if (event === "drain") output.on("drain", done);
  }

  #closed(): void {
    if (this.#state !== "ended" || !this.#exchange.isOutputWhole)
      this.#lost = new RequestPlaneError("disconnected", "The caller left before its response was whole");
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.controlled?.control("kill");
  }
}
