/**
 * What both ends of an HTTP/2 connection do alike: what they allow the other side, and the test whether it is
 * still there.
 */
import type { Http2Session, Settings } from "node:http2";
import type { HttpSettings } from "./settings.ts";

const STREAM_WINDOW_BYTES = 1024 * 1024;
/** As far as the adaptive window of Dynamo's HTTP library grows. */
const CONNECTION_WINDOW_BYTES = 16 * 1024 * 1024;

/**
 * node:http2 looks through the names of each header that it sends whether one of them is there twice. Here none is, and
 * the lists it makes for that take longer than the header itself.
 */
export const UNCHECKED_FIELDS = { strictSingleValueFields: false } as const;

/** What the first SETTINGS frame says. */
export function localSettings({ maxFrameBytes, adaptiveWindow }: HttpSettings): Settings {
  return {
    maxFrameSize: maxFrameBytes,
    ...(adaptiveWindow && { initialWindowSize: STREAM_WINDOW_BYTES }),
  };
}

/** For a session that is connected. */
export function widenWindow(session: Http2Session, { adaptiveWindow }: HttpSettings): void {
  if (adaptiveWindow && !session.destroyed) session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
}

/** Tells when something was not used for so long. To use it costs less than to set a timer anew. */
export class IdleTimer {
  readonly #idleMs: number;
  readonly #onIdle: () => void;
  #timer: NodeJS.Timeout | undefined;
  #usedAt = performance.now();
  #isStopped = false;

  constructor(idleMs: number, onIdle: () => void) {
    this.#idleMs = idleMs;
    this.#onIdle = onIdle;
    this.#wait(idleMs);
  }

  /** It is used. */
  refresh(): void {
    this.#usedAt = performance.now();
    if (!this.#timer && !this.#isStopped) this.#wait(this.#idleMs);
  }

  /** For good. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#isStopped = true;
  }

  #wait(ms: number): void {
    this.#timer = setTimeout(this.#look, ms).unref();
  }

  readonly #look = (): void => {
    this.#timer = undefined;
    const leftMs = this.#usedAt + this.#idleMs - performance.now();
    if (leftMs > 0) this.#wait(leftMs);
    else this.#onIdle();
  };
}

/**
 * Pings until the session closes; `onSilent` is called when an answer is overdue. What it returns pings at once.
 */
export function keepAlive(session: Http2Session, settings: HttpSettings, onSilent: () => void): () => void {
  const { keepAliveIntervalMs, keepAliveTimeoutMs } = settings;
  if (keepAliveIntervalMs === 0) return () => undefined;
  let overdue: NodeJS.Timeout | undefined;
  const judge = (): void => {
    // An answer that arrived while this process was busy is read first.
    setImmediate(() => {
      if (overdue) onSilent();
    });
  };
  const answered = (): void => {
    clearTimeout(overdue);
    overdue = undefined;
  };
  const ping = (): void => {
    if (session.destroyed || overdue) return;
    overdue = setTimeout(judge, keepAliveTimeoutMs).unref();
    session.ping((error) => {
      if (!error) answered();
    });
  };
  const interval = setInterval(ping, keepAliveIntervalMs).unref();
  session.once("close", () => {
    clearInterval(interval);
    answered();
  });
  return ping;
}
