/**
 * The proxies of docs/proxies.md: real programs with the configurations that stand there, at other addresses.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FoundProgram, WantedProgram } from "@dynamo/debian-programs";
import { until } from "@dynamo/test-support";

/** Where the proxy is: the port of the worker on other addresses of loopback. */
export const PROXY_HOST = "127.0.0.2";
const HTTP1_HOST = "127.0.0.3";
const STOP_MS = 3_000;

export interface ProxyKind extends WantedProgram {
  /** Of its block in the page. */
  readonly language: string;
  /** Where HTTP/1.1 is spoken. */
  readonly http1Host: string;
  /** Addresses as the page has them, and what stands for them. */
  readonly addresses: (port: number) => Readonly<Record<string, string>>;
  /** Writes what the program needs into the folder beside the page's configuration and says how it is started. */
  readonly command: (folder: string, file: string) => Promise<readonly string[]>;
}

export const PROXIES: readonly ProxyKind[] = [
  {
    name: "nginx",
    package: "nginx",
    language: "nginx",
    http1Host: HTTP1_HOST,
    addresses: (port) => ({
      "10.0.0.5:8888": `127.0.0.1:${port}`,
      "*:8888": `${PROXY_HOST}:${port}`,
      "*:8080": `${HTTP1_HOST}:${port}`,
    }),
    command: async (folder, file) => {
      const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
      const paths = temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join("\n");
      const main = `daemon off; master_process off; pid ${folder}/pid; error_log stderr;
        events {}
        http { access_log off; ${paths} include ${file}; }`;
      await writeFile(`${folder}/nginx.conf`, main);
      return ["-e", "stderr", "-p", folder, "-c", `${folder}/nginx.conf`];
    },
  },
  {
    name: "haproxy",
    package: "haproxy",
    language: "haproxy",
    http1Host: PROXY_HOST,
    addresses: (port) => ({ "10.0.0.5:8888": `127.0.0.1:${port}`, "*:8888": `${PROXY_HOST}:${port}` }),
    command: async (_folder, file) => ["-db", "-f", file],
  },
  {
    name: "nghttpx",
    package: "nghttp2-proxy",
    language: "ini",
    http1Host: PROXY_HOST,
    addresses: (port) => ({ "10.0.0.5,8888": `127.0.0.1,${port}`, "*,8888": `${PROXY_HOST},${port}` }),
    command: async (_folder, file) => [`--conf=${file}`, "--single-process", "--workers=1"],
  },
];

/** Starts the proxy for the worker at this port of 127.0.0.1; resolves when it listens. */
export async function startProxy(
  kind: ProxyKind,
  program: FoundProgram,
  port: number,
): Promise<AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), "proxy-"));
  const file = join(folder, "page.conf");
  await writeFile(file, await configuration(kind, port));
  const child = spawn(program.path, await kind.command(folder, file), {
    env: { ...process.env, ...program.environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const endWithUs = (): void => void child.kill("SIGKILL");
  process.once("exit", endWithUs);
  const gone = once(child, "exit");
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const stop = async (): Promise<void> => {
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
    child.kill("SIGTERM");
    await gone;
    clearTimeout(timer);
    process.off("exit", endWithUs);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await until(`${kind.name} listens`, async () => {
      if (child.exitCode !== null) throw new Error(`${kind.name} ended: ${output}`);
      return (await isTaken(PROXY_HOST, port)) && (await isTaken(kind.http1Host, port));
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return { [Symbol.asyncDispose]: stop };
}

/** The block of the page with the addresses of this test. */
async function configuration({ language, addresses }: ProxyKind, port: number): Promise<string> {
  const page = await readFile(new URL("../../../../docs/proxies.md", import.meta.url), "utf8");
  const block = new RegExp(`^\`\`\`${language}\n(?<text>.*?)^\`\`\``, "ms").exec(page)?.groups?.["text"];
  if (block === undefined) throw new Error(`docs/proxies.md has no block in ${language}`);
  return Object.entries(addresses(port)).reduce((text, [shown, real]) => {
    if (!text.includes(shown)) throw new Error(`The ${language} block of docs/proxies.md has no ${shown}`);
    return text.replaceAll(shown, real);
  }, block);
}

function isTaken(host: string, port: number): Promise<boolean> {
  const socket = connect(port, host);
  return new Promise<boolean>((resolve) => {
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
  }).finally(() => socket.destroy());
}
