/**
 * The ends of a chat, ours and theirs: OpenAI frontends and workers behind them.
 */
import { freePort } from "@dynamo/test-support/free-port";
import { Child } from "../child.ts";
import { layoutOf, pathFormOf } from "../releases.ts";
import type { Site } from "../site.ts";
import { until, untilFound } from "../waiting.ts";
import { startPython } from "./python-program.ts";

const APPS = new URL("../../../../apps/", import.meta.url).pathname;
/** How long a process may take until it does what it is for. Machines of CI are slow. */
const START_MS = 60_000;
/** How long a frontend that starts may take for one answer. */
const ANSWER_MS = 10_000;
/** Of the workers that cells share. */
export const OUR_MODEL = "ours";
export const THEIR_MODEL = "theirs";

/** A server with OpenAI's routes. */
export class ChatFrontend implements AsyncDisposable {
  readonly url: string;
  readonly process: Child;

  constructor(url: string, process: Child) {
    this.url = url;
    this.process = process;
  }

  /** Resolves when the model is listed and answers, which for some releases is not the same moment. */
  async waitFor(model: string): Promise<void> {
    const { name } = this.process;
    await this.waitUntilListed(model);
    await this.process.whileAlive(
      until(`${name} answers for ${model}`, () => this.#answersFor(model), START_MS),
    );
  }

  async waitUntilListed(model: string): Promise<void> {
    const lists = async (): Promise<boolean> => (await this.models()).includes(model);
    await this.process.whileAlive(until(`${this.process.name} lists ${model}`, lists, START_MS));
  }

  async #answersFor(model: string): Promise<boolean> {
    // Engines that take tokens want to know how many they may make.
    const body = JSON.stringify({ model, messages: [{ role: "user", content: "ready?" }], max_tokens: 1 });
    const headers = { "content-type": "application/json" };
    const response = await this.#fetch("/v1/chat/completions", { method: "POST", headers, body });
    await response?.body?.cancel();
    return response?.ok === true;
  }

  async models(): Promise<string[]> {
    const response = await this.#fetch("/v1/models");
    if (!response?.ok) return [];
    const { data } = (await response.json()) as { data: { id: string }[] };
    return data.map(({ id }) => id);
  }

  /** Nothing when it isn't there yet, or says nothing. */
  #fetch(path: string, options: RequestInit = {}): Promise<Response | undefined> {
    const signal = AbortSignal.timeout(ANSWER_MS);
    return fetch(`${this.url}${path}`, { ...options, signal }).catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process.kill();
  }
}

export function theirFrontend(site: Site): Promise<ChatFrontend> {
  return startTheirFrontend(site);
}

/** Theirs, as `chat.py` has it: with `kv` for routing by KV cache. */
export async function startTheirFrontend(site: Site, options: readonly string[] = []): Promise<ChatFrontend> {
  const port = await freePort();
  const child = await startPython(site, "chat.py", ["frontend", String(port), ...options]);
  await child.message("started");
  return new ChatFrontend(`http://127.0.0.1:${port}`, child);
}

export function ourFrontend(site: Site): Promise<ChatFrontend> {
  return startOurFrontend(site);
}

export async function startOurFrontend(site: Site, options: readonly string[] = []): Promise<ChatFrontend> {
  const address = ["--http-host", "127.0.0.1", "--http-port", "0"];
  const child = await startApp(site, "frontend", [...address, ...options]);
  const [, url = ""] = await says(child, /Listening on (http:\/\/[\d.:]+)/);
  return new ChatFrontend(url, child);
}

/** A worker of theirs that answers with the question. */
export async function startTheirEcho(site: Site, model: string): Promise<Child> {
  const child = await startPython(site, "chat.py", ["echo", endpointOf(model), model]);
  await child.message("started");
  return child;
}

/** Our mock worker, which answers with the question unless the options say otherwise. */
export async function startOurChatWorker(
  site: Site,
  model: string,
  options: readonly string[] = [],
): Promise<ChatWorker> {
  const args = ["--model-name", model, "--endpoint", `dyn://${endpointOf(model)}`, ...options];
  const child = await startApp(site, "mock-worker", args);
  await says(child, /serving /);
  return new ChatWorker(child);
}

/** Two that answer `ours`, in one process unless addresses of the release have room for one only. */
export async function startTwoOfOurs(site: Site, model: string): Promise<AsyncDisposable> {
  const options = ["--reply", "fixed", "--reply-text", "ours"];
  if (site.isSince("0.8")) return startOurChatWorker(site, model, [...options, "--num-workers", "2"]);
  const both = new AsyncDisposableStack();
  both.use(await startOurChatWorker(site, model, options));
  both.use(await startOurChatWorker(site, model, options));
  return both;
}

export function ourChatWorker(site: Site): Promise<ChatWorker> {
  return startOurChatWorker(site, OUR_MODEL);
}

export function theirEcho(site: Site): Promise<Child> {
  return startTheirEcho(site, THEIR_MODEL);
}

export class ChatWorker implements AsyncDisposable {
  readonly process: Child;

  constructor(process: Child) {
    this.process = process;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process.kill();
  }
}

/** Each model has an endpoint of its own. */
export function endpointOf(model: string): string {
  return `chat.${model}.generate`;
}

async function startApp(site: Site, app: string, args: readonly string[]): Promise<Child> {
  return new Child({
    name: `our ${app} for ${site.name}`,
    command: process.execPath,
    args: [`${APPS}${app}/src/main.ts`, ...args],
    env: {
      ...(await site.environment()),
      DYN_LOG: "info",
      DYN_FILE_KV_LAYOUT: layoutOf(site.release),
      DYN_TCP_PATH_FORM: pathFormOf(site.release),
      DYN_TCP_RPC_PORT: "0",
      DYN_HTTP_RPC_PORT: "0",
      NATS_SERVER: site.surroundings.natsUrl,
      ...(site.surroundings.etcdUrl !== undefined && { DYN_EVENT_PLANE: "jetstream" }),
    },
  });
}

/** Resolves when it is in the log. */
function says(child: Child, what: RegExp): Promise<RegExpExecArray> {
  const find = (): RegExpExecArray | undefined => what.exec(child.log) ?? undefined;
  return child.whileAlive(untilFound(`${child.name} says ${String(what)}`, find, START_MS));
}
