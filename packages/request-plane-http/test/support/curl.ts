import { execFile, execFileSync } from "node:child_process";

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
  return curl("-H", "content-type: application/json", "-d", JSON.stringify(request), ...options, address);
}
