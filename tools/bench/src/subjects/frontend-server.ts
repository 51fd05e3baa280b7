/**
 * A mock worker and a frontend, as processes of their own: `frontend-server.ts <ours|dynamo>`
 */
import { mkdir } from "node:fs/promises";
import { freePort } from "@dynamo/test-support/free-port";
import { waitForModel } from "@dynamo/launch/chat";
import { Child } from "@dynamo/launch/child";
import { programOf } from "@dynamo/launch/deployment";
import { runServer } from "../program.ts";
import { MODEL } from "./chat-client.ts";

const [whose] = process.argv.slice(2);
const START_MS = 20_000;
const END_MS = 1_500;
/** Longer than any answer that is asked for. */
const TOKENS = 1_000;
const PYTHON_PROGRAM = new URL("../../python/frontend.py", import.meta.url).pathname;

runServer(async () => {
  const { env } = process;
  await mkdir(env["DYN_FILE_KV"] ?? "", { recursive: true });
  const port = String(await freePort());
  const children = [startWorker(env), whose === "dynamo" ? startDynamo(port, env) : startOurs(port, env)];
  const close = async (): Promise<void> => {
    await Promise.all(children.map((one) => one.end(END_MS)));
  };
  const model = waitForModel(`http://127.0.0.1:${port}`, MODEL, AbortSignal.timeout(START_MS));
  const death = Promise.race(children.map((one) => one.ended.then(() => one.obituary())));
  const obituary = await Promise.race([model, death]).catch(() => `No model within ${START_MS} ms`);
  if (obituary === undefined) return { address: port, pids: children.flatMap(({ pid }) => pid ?? []), close };
  await close();
  throw new Error(obituary);
});

function startWorker(env: NodeJS.ProcessEnv): Child {
  const args = ["--model-name", MODEL, "--reply", "words", "--tokens", String(TOKENS)];
  return new Child({ name: "mock worker", program: programOf("mock-worker"), args, env });
}

function startOurs(port: string, env: NodeJS.ProcessEnv): Child {
  const args = ["--http-host", "127.0.0.1", "--http-port", port];
  return new Child({ name: "frontend", program: programOf("frontend"), args, env });
}

function startDynamo(port: string, env: NodeJS.ProcessEnv): Child {
  const interpreter = [env["DYNAMO_PYTHON"] ?? "python3"] as const;
  return new Child({ name: "frontend of Dynamo", interpreter, program: PYTHON_PROGRAM, args: [port], env });
}
