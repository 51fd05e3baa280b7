import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { text as bodyOf } from "node:stream/consumers";
import { fileDiscovery, modelRecord, textChatCard } from "@dynamo/discovery";
import { createNetworkManager } from "@dynamo/request-plane-core";
import type { Transport } from "@dynamo/request-plane-core";
import { http } from "@dynamo/request-plane-http";
import { tcp } from "@dynamo/request-plane-tcp";
import { describe, expect, onTestFinished, test } from "vitest";
import { contentOf, text } from "./support/chunks.ts";
import type { ChatHandler } from "./support/deployment.ts";
import { chat, errorOf, headOf, open, send } from "./support/http.ts";
import { until } from "@dynamo/test-support";
import { Program, copyWithout, discoveryFolder } from "./support/program.ts";
import { chunksOf } from "./support/sse.ts";

const LOOPBACK = ["--http-host", "127.0.0.1", "--http-port", "0"];

/** A worker in this process that the program finds in the folder. */
async function serve(folder: string, handler: ChatHandler, transport = tcp(), model = "m"): Promise<void> {
  const discovery = fileDiscovery({ root: folder });
  const manager = createNetworkManager({ transports: [transport], discovery });
  onTestFinished(async () => {
    await manager.close({ drainMs: 0 });
    await discovery.close();
  });
  const served = await manager.endpoint(`dynamo.${model}.generate`).serve(handler as never);
  await discovery.register(modelRecord(served.instance, textChatCard(model)));
}

async function frontend(folder: string, ...args: string[]): Promise<{ program: Program; url: string }> {
  const program = new Program([...LOOPBACK, ...args], { DYN_FILE_KV: folder });
  const url = await program.url();
  return { program, url };
}

async function sees(url: string, count: number): Promise<boolean> {
  const { body } = await send(url, { method: "GET", path: "/v1/models" });
  return (JSON.parse(body) as { data: unknown[] }).data.length === count;
}

describe("the program", () => {
  test("serves workers that come and go in file discovery", async () => {
    const folder = discoveryFolder();
    const { program, url } = await frontend(folder);
    expect(await sees(url, 0)).toBe(true);
    await serve(folder, async function* () {
      yield text("hello");
    });
    await until("the model is there", () => sees(url, 1));
    const answer = await send(url, { body: chat({ stream: true }) });
    expect(contentOf(chunksOf(answer.body))).toBe("hello");
    program.child.kill("SIGTERM");
    expect(await program.ended).toBe(0);
  });

  test("means NATS unless told otherwise, and needs no NATS server for workers of other planes", async () => {
    const folder = discoveryFolder();
    // Nothing listens on port 1.
    const program = new Program(LOOPBACK, { DYN_FILE_KV: folder, NATS_SERVER: "nats://127.0.0.1:1" });
    const url = await program.url();
    const transports: Transport[] = [tcp(), http({ host: "127.0.0.1", port: 0 })];
    for (const transport of transports) {
      const handler: ChatHandler = async function* () {
        yield text(`over ${transport.name}`);
      };
      await serve(folder, handler, transport, transport.name);
    }
    await until("both models are there", () => sees(url, 2));
    for (const model of ["tcp", "http"]) {
      const answer = await send(url, { body: chat({ model, stream: true }) });
      expect(contentOf(chunksOf(answer.body))).toBe(`over ${model}`);
    }
    program.child.kill("SIGTERM");
    expect(await program.ended).toBe(0);
    expect(program.stderr).not.toContain("NATS");
  });

  test("without anything that could carry KV events it ends, and says what to set", async () => {
    const program = new Program([
      "--router-mode",
      "kv",
      "--event-plane",
      "pigeons",
      "--discovery-backend",
      "mem",
    ]);
    expect(await program.ended).toBe(2);
    expect(program.stderr).toContain("Invalid event plane 'pigeons'. Valid options are: 'zmq', 'nats'");
  });

  test.each(["nats", "jetstream"])(
    "without the NATS server that %s needs it ends, and says so",
    async (plane) => {
      const args = ["--router-mode", "kv", "--event-plane", plane, "--discovery-backend", "mem"];
      const program = new Program(args, { NATS_SERVER: "nats://127.0.0.1:9" });
      expect(await program.ended).not.toBe(0);
      expect(program.stderr).toContain("set NATS_SERVER");
    },
  );

  test("--help names each flag and its variable, --version the version", async () => {
    const help = new Program(["--help"]);
    expect(await help.ended).toBe(0);
    const flags = [...help.stdout.matchAll(/--([a-z-]+) [<[]\w+[>\]]/g)].map(([, name]) => name);
    expect(flags.length).toBeGreaterThan(15);
    const variables = help.stdout.match(/env:\s*DYN_[A-Z_]+/g) ?? [];
    expect(variables).toHaveLength(flags.length);
    const version = new Program(["--version"]);
    expect(await version.ended).toBe(0);
    expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test.each([
    [["--frobnicate"], {}, 2, "unknown option '--frobnicate'"],
    [["extra"], {}, 2, "too many arguments"],
    [["--http-port", "99999"], {}, 2, "Expected a port"],
    [
      ["--request-plane", "udp"],
      {},
      2,
      "Invalid request plane mode 'udp'. Valid options are: 'nats', 'tcp', 'http'",
    ],
    [["--discovery-backend", "kubernetes"], {}, 2, "kubernetes"],
    [["--http-host", "203.0.113.7"], {}, 1, "--http-host or DYN_HTTP_HOST"],
  ])("%j ends it with the reason", async (args, env, code, message) => {
    const program = new Program(args, env);
    expect(await program.ended).toBe(code);
    expect(program.stderr).toContain(message);
    expect(program.stderr).not.toMatch(/^\s+at /m);
  });

  test.each(["nats", "http", "tcp"])("names the package of %s when it isn't installed", async (plane) => {
    const program = new Program(
      ["--request-plane", plane],
      {},
      copyWithout(`@dynamo/request-plane-${plane}`),
    );
    expect(await program.ended).toBe(2);
    expect(program.stderr).toContain(`npm install @dynamo/request-plane-${plane}`);
  });

  test("warns once of a variable that can't be used, and starts", async () => {
    const program = new Program(LOOPBACK, { DYN_REQUEST_PLANE: "udp", DYN_FILE_KV: discoveryFolder() });
    await program.url();
    expect(program.stderr.match(/DYN_REQUEST_PLANE='udp'/g)).toHaveLength(1);
    program.child.kill("SIGINT");
    expect(await program.ended).toBe(0);
  });

  test("ends also when nobody reads its log any more", async () => {
    // Two warnings and the end at once: the second one is still to be written then.
    const program = new Program(["--discovery-backend", "kubernetes"], {
      DYN_REQUEST_PLANE: "udp",
      DYN_LOG: "loud",
    });
    program.child.stderr?.destroy();
    expect(await program.ended).toBe(2);
  });

  test("says which port is in use and what to do", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const port = String((server.address() as AddressInfo).port);
    const program = new Program(["--http-host", "127.0.0.1", "--http-port", port], {
      DYN_FILE_KV: discoveryFolder(),
    });
    expect(await program.ended).toBe(1);
    expect(program.stderr).toContain(`Port ${port} of 127.0.0.1 is in use`);
    expect(program.stderr).toContain("--http-port or DYN_HTTP_PORT");
  });
});

describe("SIGTERM", () => {
  /** Speaks one word, and the second one when it is told to. */
  function halting(): { handler: ChatHandler; goOn: () => void } {
    const gate = Promise.withResolvers<undefined>();
    const handler: ChatHandler = async function* (_request, { signal }) {
      yield text("one");
      signal.addEventListener("abort", () => gate.resolve(undefined));
      await gate.promise;
      yield text("two");
    };
    return { handler, goOn: () => gate.resolve(undefined) };
  }

  test("lets running streams finish, refuses new requests, and exits with 0", async () => {
    const folder = discoveryFolder();
    const { program, url } = await frontend(folder, "--http-graceful-shutdown-timeout-secs", "20");
    const { handler, goOn } = halting();
    await serve(folder, handler);
    await until("the model is there", () => sees(url, 1));
    const response = await headOf(open(url, { body: chat({ stream: true }) }));

    program.child.kill("SIGTERM");
    const health = () => send(url, { method: "GET", path: "/health" });
    await until("the frontend drains", async () => (await health()).status === 503);
    const refused = await send(url, { body: chat() });
    expect(refused.status).toBe(503);
    expect(refused.headers).toMatchObject({ "retry-after": "1", connection: "close" });
    expect(errorOf(refused).type).toBe("service_unavailable");
    expect((await send(url, { method: "GET", path: "/live" })).status).toBe(200);

    goOn();
    expect(contentOf(chunksOf(await bodyOf(response)))).toBe("onetwo");
    expect(await program.ended).toBe(0);
  });

  test("cuts streams that are over the budget, with an error event", async () => {
    const folder = discoveryFolder();
    const { program, url } = await frontend(folder, "--http-graceful-shutdown-timeout-secs", "0.3");
    await serve(folder, halting().handler);
    await until("the model is there", () => sees(url, 1));
    const response = await headOf(open(url, { body: chat({ stream: true }) }));

    program.child.kill("SIGTERM");
    expect(chunksOf(await bodyOf(response))).toMatchObject([text("one"), { error: { code: 503 } }]);
    expect(await program.ended).toBe(0);
  });

  test("is not held up by a client that doesn't read", async () => {
    const folder = discoveryFolder();
    const { program, url } = await frontend(folder, "--http-graceful-shutdown-timeout-secs", "0.3");
    await serve(folder, async function* (_request, { signal }) {
      while (!signal.aborted) {
        yield text("x".repeat(100_000));
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
    await until("the model is there", () => sees(url, 1));
    const outgoing = open(url, { body: chat({ stream: true }) });
    (await headOf(outgoing)).pause();

    program.child.kill("SIGTERM");
    expect(await program.ended).toBe(0);
    outgoing.destroy();
  });
});
