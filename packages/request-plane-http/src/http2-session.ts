/**
 * What both ends of an HTTP/2 connection do alike: what they allow the other side, and the test whether it is
 * still there.
 */
import type { Http2Session, Settings } from "node:http2";
import type { HttpSettings } from "./settings.ts";

const STREAM_WINDOW_BYTES = 1024 * 1024;
/** As far as the adaptive window of Dynamo's HTTP library grows. */
const CONNECTION_WINDOW_BYTES = 16 * 1024 * 1024;

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
