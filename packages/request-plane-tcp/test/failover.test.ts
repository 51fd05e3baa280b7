import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { ErrorCode } from "@dynamo/request-plane-core";
import { describe, expect, it } from "vitest";
import { deafListener } from "./support/deaf-listener.ts";
import { recordOf, ScriptedWorker } from "./support/scripted-worker.ts";
import type { Script } from "./support/scripted-worker.ts";
import { until } from "@dynamo/test-support";
import { collect, failureOf, idOf, settled } from "@dynamo/test-world";
import { World } from "./support/world.ts";
import type { ManagerSetup } from "./support/world.ts";
import type { Caller } from "@dynamo/test-world";

/** Short enough to wait for, and long enough for a healthy worker on a busy machine. */
const SHORT_MS = 1_500;
const LONG_MS = 20_000;

/** Only what a failure runs into is short. */
function bounds(phase?: string): Pick<ManagerSetup, "tcp" | "settings"> {
  const limit = (of: string): number => (of === phase ? SHORT_MS : LONG_MS);
  return {
    tcp: { connectTimeoutMs: limit("connect"), requestTimeoutMs: limit("acknowledge") },
    settings: { establishMs: limit("establish"), firstItemMs: limit("first_item") },
  };
}

const SICK = idOf(1);
const HEALTHY = idOf(2);

interface Failure {
  readonly name: string;
  readonly script: Script;
  readonly code: ErrorCode;
  readonly phase?: string;
}

const FAILURES: readonly Failure[] = [
  {
    name: "closes without an acknowledgement",
    script: ({ socket }) => void socket.destroy(),
    code: "disconnected",
  },
  { name: "never acknowledges", script: () => undefined, code: "deadline_exceeded", phase: "acknowledge" },
  {
    name: "acknowledges and never dials",
    script: (request) => void request.ack(),
    code: "deadline_exceeded",
    phase: "establish",
  },
  {
    name: "dials and closes before the handshake",
    script: async (request) => void (await request.ack().dial()).response.end(),
    code: "deadline_exceeded",
    phase: "establish",
  },
  {
    name: "closes after the handshake",
    script: async (request) => void (await request.ack().dial()).handshake().response.end(),
    code: "disconnected",
  },
  {
    name: "stalls after the handshake",
    script: async (request) => void (await request.ack().dial()).handshake(),
    code: "deadline_exceeded",
    phase: "establish",
  },
  {
    name: "answers with an error prologue",
    script: async (request) => void (await request.ack().dial()).handshake().header({ error: "no room" }),
    code: "unavailable",
  },
  {
    name: "answers with a malformed prologue",
    script: async (request) => void (await request.ack().dial()).handshake().header("hello"),
    code: "protocol_error",
  },
  {
    name: "says that it has no such endpoint",
    script: (request) => request.refuse("Server unavailable: unknown endpoint x"),
    code: "unknown_endpoint",
  },
  {
    name: "says so in the words of older releases",
    script: (request) => request.refuse("Unknown endpoint: x"),
    code: "unknown_endpoint",
  },
  {
    name: "is overloaded",
    script: (request) => request.refuse("Server overloaded: worker at capacity"),
    code: "overloaded",
  },
  {
    name: "begins and never sends an item",
    script: async (request) => {
      await request.ack().begin();
    },
    code: "deadline_exceeded",
    phase: "first_item",
  },
  {
    name: "begins and closes without an item",
    script: async (request) => void (await request.ack().begin()).response.end(),
    code: "disconnected",
  },
  {
    name: "resets before the first item",
    script: async (request) => void (await request.ack().begin()).response.resetAndDestroy(),
    code: "disconnected",
  },
  {
    name: "sends something that is not JSON first",
    script: async (request) => void (await request.ack().begin()).body("{"),
    code: "protocol_error",
  },
];

async function withSick(
  world: World,
  script: Script,
  phase?: string,
): Promise<Caller<unknown, string> & { sick: ScriptedWorker }> {
  const sick = await ScriptedWorker.start(world, SICK, script);
  await world.worker(() => ["healthy"], { instanceId: HEALTHY });
  return { sick, ...(await world.client<unknown, string>(bounds(phase))) };
}

describe.concurrent("before the first item, a worker that fails is replaced:", () => {
  it.each(FAILURES)("one that $name", async ({ script, phase }) => {
    await using world = new World();
    const { sick, client, manager } = await withSick(world, script, phase);
    // In turn, the sick one is asked first.
    const stream = await client.roundRobin({});
    expect(stream.instance).toBe(HEALTHY);
    expect(await collect(stream)).toEqual(["healthy"]);
    expect(sick.requests.length).toBe(1);
    await settled(manager);
  });

  it.each(FAILURES)("without failover, or by name, the caller hears of one that $name", async (failure) => {
    await using world = new World();
    const { client, manager } = await withSick(world, failure.script, failure.phase);
    const routed = await failureOf(client.roundRobin({}, { failover: false }));
    const direct = await failureOf(client.direct({}, SICK));
    for (const error of [routed, direct]) {
      expect(error).toBeInstanceOf(RequestPlaneError);
      expect(error.code).toBe(failure.code);
      expect(error.facts.phase).toBe(failure.phase);
      expect(error.facts.instance).toBe(SICK.toString(16));
      expect(error.facts.endpoint).toBe("test.backend.generate");
    }
    expect(client.inFlight).toBe(0);
    await settled(manager);
  });

  it("one whose port refuses", async () => {
    await using world = new World();
    const { client, sick } = await withSick(world, () => undefined);
    await sick.stop();
    expect(await collect(client.roundRobin({}))).toEqual(["healthy"]);
    const error = await failureOf(client.direct({}, SICK));
    expect(error.code).toBe("cannot_connect");
    expect(error.facts.address).toBe(sick.record.transport["tcp"]!.split("/")[0]);
    expect(error.message).toContain("ECONNREFUSED");
  });

  it("one whose host does not answer, within the connect time-out", async () => {
    await using world = new World();
    world.discovery.put(recordOf(SICK, await deafListener(world)));
    await world.worker(() => ["healthy"], { instanceId: HEALTHY });
    const { client } = await world.client<unknown, string>(bounds("connect"));
    expect(await collect(client.roundRobin({}))).toEqual(["healthy"]);
    const error = await failureOf(client.direct({}, SICK));
    expect(error).toMatchObject({
      code: "deadline_exceeded",
      facts: { phase: "connect", limit: SHORT_MS, setting: "DYN_TCP_CONNECT_TIMEOUT" },
    });
  });

  it("one that leaves discovery while its dial-back is waited for, at once", async () => {
    await using world = new World();
    const { sick, client } = await withSick(world, (request) => void request.ack());
    const waiting = client.roundRobin({}, { timeouts: { establishMs: 0 } });
    const alone = failureOf(client.direct({}, SICK, { timeouts: { establishMs: 0 } }));
    await until("both requests are there", () => sick.requests.length === 2);
    sick.leaveDiscovery();
    expect(await collect(waiting)).toEqual(["healthy"]);
    expect((await alone).code).toBe("disconnected");
  });
});

describe.concurrent("what is not tried again:", () => {
  it.each(["invalid_argument", "handler_failed", "not_found", "rate_limited"] as const)(
    "a handler that throws %s",
    async (code) => {
      await using world = new World();
      let starts = 0;
      const fail = async function* (): AsyncGenerator<string> {
        starts += 1;
        if (code !== "handler_failed") throw new RequestPlaneError(code, "broken");
        if (starts > 0) throw new Error("broken");
        yield "never";
      };
      await world.worker(fail, { instanceId: SICK });
      await world.worker(fail, { instanceId: HEALTHY });
      const { client } = await world.client();
      const error = await failureOf(client.roundRobin({}));
      expect(error).toMatchObject({ code, message: "broken", remote: true });
      expect(starts).toBe(1);
    },
  );

  it("anything after the first item", async () => {
    await using world = new World();
    const { sick, client } = await withSick(world, async (request) => {
      (await request.ack().begin()).item("first").response.end();
    });
    const stream = await client.roundRobin({});
    const items: string[] = [];
    const reading = (async () => {
      for await (const item of stream) items.push(item);
    })();
    expect(await failureOf(reading)).toMatchObject({ code: "disconnected" });
    expect(items).toEqual(["first"]);
    expect(sick.requests.length).toBe(1);
    expect(client.inFlight).toBe(0);
  });

  it("a request that used up the time of two instances", async () => {
    await using world = new World();
    const mute = [1, 2, 3].map((n) => ScriptedWorker.start(world, idOf(n), (request) => void request.ack()));
    const workers = await Promise.all(mute);
    const { client } = await world.client({ settings: { establishMs: 1_000 } });
    expect((await failureOf(client.roundRobin({}))).facts.phase).toBe("establish");
    const asked = workers.map(({ requests }) => requests.length);
    expect(asked.sort()).toEqual([0, 1, 1]);
  });
});

describe.concurrent("an instance's health", () => {
  it("is remembered: a sick one is passed over, tried again by one request, and comes back", async () => {
    await using world = new World();
    let sick = true;
    const { sick: worker, client } = await withSick(world, (request) =>
      sick ? void request.socket.destroy() : request.answer("recovered"),
    );
    for (let i = 0; i < 10; i += 1) expect(await collect(client.roundRobin({}))).toEqual(["healthy"]);
    expect(worker.requests.length).toBe(1);
    sick = false;
    await until("the sick one is tried again and answers", async () =>
      (await collect(client.roundRobin({}))).includes("recovered"),
    );
    const served = [...(await collect(client.roundRobin({}))), ...(await collect(client.roundRobin({})))];
    expect(served.sort()).toEqual(["healthy", "recovered"]);
  });

  it("does not suffer from bad requests, refusals for size and callers that leave", async () => {
    await using world = new World();
    let starts = 0;
    const worker = async function* (kind: string): AsyncGenerator<string> {
      starts += 1;
      if (kind === "bad") throw new RequestPlaneError("invalid_argument", "bad");
      yield kind;
      yield kind;
    };
    await world.worker(worker, { instanceId: idOf(1) });
    await world.worker(() => ["other"], { instanceId: idOf(2) });
    const { client } = await world.client<string, string>({ tcp: { maxMessageBytes: 4096 } });
    for (let i = 0; i < 5; i += 1) {
      await failureOf(client.direct("bad", idOf(1)));
      await failureOf(client.direct("x".repeat(5000), idOf(1)));
      for await (const _ of await client.direct("good", idOf(1))) break;
      await failureOf(client.direct("good", idOf(1), { signal: AbortSignal.abort() }));
    }
    expect(starts).toBe(10);
    // Still in turn with the other one.
    const items = [];
    for (let i = 0; i < 4; i += 1) items.push((await collect(client.roundRobin("good")))[0]);
    expect(items.sort()).toEqual(["good", "good", "other", "other"]);
  });

  it("does not keep requests from the last instances there are, however sick", async () => {
    await using world = new World();
    const workers = await Promise.all(
      [1, 2].map((n) => ScriptedWorker.start(world, idOf(n), ({ socket }) => void socket.destroy())),
    );
    const { client } = await world.client(bounds());
    for (let i = 0; i < 4; i += 1) expect((await failureOf(client.roundRobin({}))).code).toBe("disconnected");
    // Both are asked each time: an endpoint is never given up while discovery shows it.
    expect(workers.map(({ requests }) => requests.length)).toEqual([4, 4]);
  });

  it("is forgotten when the record changes to another port, which is used from then on", async () => {
    await using world = new World();
    const { sick, client } = await withSick(world, ({ socket }) => void socket.destroy());
    expect((await failureOf(client.direct({}, SICK))).code).toBe("disconnected");
    await sick.stop();
    // The same id, another port.
    await world.worker(() => ["moved"], { instanceId: SICK });
    await until("the new address is known", () =>
      client.instances().every(({ transport }) => transport["tcp"] !== sick.record.transport["tcp"]),
    );
    const served = [...(await collect(client.roundRobin({}))), ...(await collect(client.roundRobin({})))];
    expect(served.sort()).toEqual(["healthy", "moved"]);
    expect(await collect(client.direct({}, SICK))).toEqual(["moved"]);
    expect(sick.requests.length).toBe(1);
  });
});
