import { execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";

export const HAS_CURL = ((): boolean => {
  try {
    return execFileSync("curl", ["--version"]).includes("HTTP2");
  } catch {
    return false;
  }
})();

export interface CurlResult {
  readonly status: number;
  readonly version: string;
  readonly type: string;
  readonly body: string;
  /** 0 when curl took the response for whole. */
  readonly exitCode: number;
}

export async function curl(...options: string[]): Promise<CurlResult> {
  const format = "\n%{http_code} %{http_version} %{content_type}";
  return new Promise((resolve) => {
    execFile("curl", ["-sS", "--max-time", "20", "-w", format, ...options], (error, output) => {
      const cut = output.lastIndexOf("\n");
      const [status = "", version = "", type = ""] = output.slice(cut + 1).split(" ");
      const exitCode = error ? Number(error.code) : 0;
      resolve({ status: Number(status), version, type, body: output.slice(0, cut), exitCode });
    });
  });
}

/** A request as a person types it. */
export async function curlJson(address: string, request: unknown, ...options: string[]): Promise<CurlResult> {
  return curl(...jsonOptions(request), ...options, address);
}

export interface CurlStream extends AsyncDisposable {
  /** What has arrived so far. */
  readonly body: string;
  /** Its exit code. */
  readonly ended: Promise<number | null>;
  /** The whole body of a request that is read from standard input (`-T -`). */
  send(text: string): void;
  /** It reads nothing any more. */
  freeze(): void;
  /** As Ctrl-C does. */
  interrupt(): Promise<void>;
}

/** A request whose response is looked at while it arrives. */
export function curlStream(...options: string[]): CurlStream {
  const child = spawn("curl", ["-sSN", "--max-time", "20", ...options]);
  const ended = once(child, "close").then(() => child.exitCode);
  let body = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
  const interrupt = async (): Promise<void> => {
    child.kill("SIGINT");
    child.kill("SIGCONT");
    await ended;
  };
  return {
    get body() {
      return body;
    },
    ended,
    send: (text) => child.stdin.end(text),
    freeze: () => void child.kill("SIGSTOP"),
    interrupt,
    [Symbol.asyncDispose]: interrupt,
  };
}

export function jsonOptions(request: unknown): string[] {
  return ["-H", "content-type: application/json", "-d", JSON.stringify(request)];
}
