import { once } from "node:events";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { ACK, envelope, frame07, frame08, replyFrame } from "@dynamo/test-support/raw-frames";
import { until } from "@dynamo/test-support";
import { addressOf, collect } from "@dynamo/test-world";
import { World } from "./support/world.ts";
import type { Worker } from "@dynamo/test-world";

/** A bare connection to a worker that keeps what it answers. */
class RawCaller {
  readonly socket: Socket;
  received: Buffer = Buffer.alloc(0);
  ended = false;
  closed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => (this.received = Buffer.concat([this.received, chunk])));
    socket.on("end", () => (this.ended = true));
    socket.on("close", () => (this.closed = true));
    socket.on("error", () => undefined);
  }

  static async to(world: World, { served }: Worker): Promise<RawCaller> {
    const [authority = ""] = addressOf(served.instance).split("/");
    const [host = "", port = ""] = authority.split(":");
    const socket = connect({ host, port: Number(port), noDelay: true, allowHalfOpen: true });
    await once(socket, "connect");
    world.onEnd(async () => void socket.destroy());
    return new RawCaller(socket);
  }

  /** Waits for exactly these bytes, and fails when there are others. */
  async expects(...replies: Buffer[]): Promise<void> {
    const expected = Buffer.concat(replies);
    await until(
      `${expected.length} bytes are answered`,
      () => this.received.length >= expected.length || this.closed,
    );
    expect(this.received.toString("latin1")).toBe(expected.toString("latin1"));
    this.received = Buffer.alloc(0);
  }
}

/** Where responses are refused, so that handlers end soon. */
const NOWHERE = "127.0.0.1:1";

function pathOf({ served }: Worker): string {
  const address = addressOf(served.instance);
  return address.slice(address.indexOf("/") + 1);
}

/** A handler that notes what it was asked. */
function noting(): { requests: unknown[]; handler: (request: unknown) => string[] } {
  const requests: unknown[] = [];
  return {
    requests,
    handler: (request) => {
      requests.push(request);
      return ["ok"];
    },
  };
}

describe("both frame dialects", () => {
  it("are understood on one port, even on one connection", async () => {
    await using world = new World();
    const { requests, handler } = noting();
    const worker = await world.worker(handler, { tcp: { pathForm: "0.7" } });
    expect(pathOf(worker)).toBe("generate");
    const caller = await RawCaller.to(world, worker);
    caller.socket.write(frame07("generate", envelope("a", NOWHERE, "0.7")));
    await caller.expects(ACK);
    caller.socket.write(frame08("generate", {}, envelope("b", NOWHERE, "0.8")));
    await caller.expects(ACK);
    caller.socket.write(
      Buffer.concat([
        frame07("generate", envelope("c", NOWHERE, "0.7 again")),
        frame08("generate", { "request-id": "d" }, envelope("d", NOWHERE, "0.8 again")),
      ]),
    );
    await caller.expects(ACK, ACK);
    await until("all were handled", () => requests.length === 4);
    expect(requests).toEqual(["0.7", "0.8", "0.7 again", "0.8 again"]);
  });

  it("a frame of 0.7 for an endpoint that is not there leaves the connection usable for newer ones", async () => {
    await using world = new World();
    const { requests, handler } = noting();
    const worker = await world.worker(handler);
    const caller = await RawCaller.to(world, worker);
    caller.socket.write(frame07("generate", envelope("a", NOWHERE, 1)));
    await caller.expects(replyFrame("Server unavailable: unknown endpoint generate"));
    caller.socket.write(frame08(pathOf(worker), {}, envelope("b", NOWHERE, 2)));
    await caller.expects(ACK);
    await until("it was handled", () => requests.length === 1);
  });

  it.each([60_000, 65_536, 70_000, 131_072, 161_000, 200_000, 3_000_000])(
    "a frame of 0.7 with a payload of about %i bytes is read whole",
    async (bytes) => {
      await using world = new World();
      const worker = await world.worker((text: string) => [text.length], { tcp: { pathForm: "0.7" } });
      const { client } = await world.client<string, number>();
      expect(await collect(client.roundRobin("x".repeat(bytes)))).toEqual([bytes]);
      expect(addressOf(worker.served.instance)).toMatch(/^127\.0\.0\.1:\d+\/generate$/);
    },
  );

  it("one caller speaks to each worker in the dialect of its address", async () => {
    await using world = new World();
    // What is added from the control message is there in any case.
    const headersSeen = (_request: unknown, { headers }: { headers: object }) => [
      Object.keys(headers).length > 1,
    ];
    const old = await world.worker(headersSeen, { tcp: { pathForm: "0.7" } });
    const recent = await world.worker(headersSeen, { tcp: { pathForm: "1.6" } });
    expect(pathOf(recent)).toBe(`${recent.id.toString(16)}/test/backend/generate`);
    const { client } = await world.client({ settings: { responseMode: "callhome" } });
    for (let i = 0; i < 3; i += 1) {
      expect(await collect(client.direct({}, old.id))).toEqual([false]);
      expect(await collect(client.direct({}, recent.id))).toEqual([true]);
    }
  });
});

describe("replies", () => {
  it("come in the order of pipelined frames, however the bytes are cut", async () => {
    await using world = new World();
    const { requests, handler } = noting();
    const worker = await world.worker(handler);
    const caller = await RawCaller.to(world, worker);
    const path = pathOf(worker);
    const frames = ["x", path, "y", path, path].map((to, i) =>
      frame08(to, {}, envelope(`r${i}`, NOWHERE, i)),
    );
    const bytes = Buffer.concat(frames);
    const replies = ["x", "y"].map((to) => replyFrame(`Server unavailable: unknown endpoint ${to}`));
    const expected = [replies[0]!, ACK, replies[1]!, ACK, ACK];
    caller.socket.write(bytes);
    await caller.expects(...expected);
    for (let start = 0; start < bytes.length; start += 97) {
      caller.socket.write(bytes.subarray(start, start + 97));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await caller.expects(...expected);
    await until("all were handled", () => requests.length === 6);
    expect(requests).toEqual([1, 3, 4, 1, 3, 4]);
  });

  it("a worker at capacity refuses, byte for byte, and takes the next request on the same connection", async () => {
    await using world = new World();
    const open = Promise.withResolvers<undefined>();
    const worker = await world.worker(
      async function* () {
        await open.promise;
        yield 1;
      },
      { maxInFlight: 1 },
    );
    const holding = await world.client();
    const held = collect(holding.client.roundRobin({}));
    await until("the worker is full", () => worker.served.inFlight === 1);
    const caller = await RawCaller.to(world, worker);
    caller.socket.write(frame08(pathOf(worker), {}, envelope("a", NOWHERE, 1)));
    await caller.expects(replyFrame("Server overloaded: worker at capacity"));
    open.resolve(undefined);
    await held;
    await until("the worker is idle", () => worker.served.inFlight === 0);
    caller.socket.write(frame08(pathOf(worker), {}, envelope("b", NOWHERE, 1)));
    await caller.expects(ACK);
  });

  it("a path that is no UTF-8 is refused, byte for byte, and the connection stays open", async () => {
    await using world = new World();
    const worker = await world.worker(() => [1]);
    const caller = await RawCaller.to(world, worker);
    caller.socket.write(frame08(Buffer.from([0x2f, 0xff, 0xfe]), {}, envelope("a", NOWHERE, 1)));
    await caller.expects(replyFrame("Invalid endpoint path"));
    caller.socket.write(frame08(pathOf(worker), {}, envelope("b", NOWHERE, 1)));
    await caller.expects(ACK);
  });

  it("an envelope that can't be read is refused, and the connection stays open", async () => {
    await using world = new World();
    const worker = await world.worker(() => [1]);
    const caller = await RawCaller.to(world, worker);
    caller.socket.write(frame08(pathOf(worker), {}, Buffer.from("no envelope")));
    await until("it is refused", () => caller.received.length > 4);
    expect(caller.received.subarray(4).toString()).toMatch(/^Decode error: /);
    caller.received = Buffer.alloc(0);
    caller.socket.write(frame08(pathOf(worker), {}, envelope("b", NOWHERE, 1)));
    await caller.expects(ACK);
  });

  it("a frame that is too large is refused from its head, and the connection is closed", async () => {
    await using world = new World();
    const worker = await world.worker(() => [1], { tcp: { maxMessageBytes: 2048 } });
    const caller = await RawCaller.to(world, worker);
    const path = pathOf(worker);
    const whole = frame08(path, {}, Buffer.alloc(4096));
    caller.socket.write(whole.subarray(0, whole.length - 4096));
    await caller.expects(
      replyFrame(`Read error: message too large: ${whole.length} bytes (max: 2048 bytes)`),
    );
    await until("the connection is ended", () => caller.ended);
    caller.socket.end();
    await until(
      "the connection is closed",
      () => caller.closed && worker.manager.health().planes["tcp"]!.connections === 0,
    );
  });

  it("the refusal arrives although the caller is still writing its 40 MiB", async () => {
    await using world = new World();
    const worker = await world.worker(() => [1]);
    const caller = await RawCaller.to(world, worker);
    const body = Buffer.alloc(40 * 1024 * 1024);
    const whole = frame08(pathOf(worker), {}, body).length;
    const limit = 32 * 1024 * 1024;
    caller.socket.write(frame08(pathOf(worker), {}, body));
    await caller.expects(replyFrame(`Read error: message too large: ${whole} bytes (max: ${limit} bytes)`));
    await until("the connection is ended", () => caller.ended);
  });

  it("frames before an unreadable one are still answered", async () => {
    await using world = new World();
    const worker = await world.worker(() => [1], { tcp: { maxMessageBytes: 2048 } });
    const caller = await RawCaller.to(world, worker);
    const good = frame08(pathOf(worker), {}, envelope("a", NOWHERE, 1));
    const bad = frame08(pathOf(worker), {}, Buffer.alloc(4096));
    caller.socket.write(Buffer.concat([good, good, bad]));
    const refusal = replyFrame(`Read error: message too large: ${bad.length} bytes (max: 2048 bytes)`);
    await caller.expects(ACK, ACK, refusal);
  });

  it("are not piled up for a caller that reads none of them", async () => {
    await using world = new World();
    const worker = await world.worker(() => [1]);
    const caller = await RawCaller.to(world, worker);
    caller.socket.pause();
    // Each is answered with its path of 60 KB.
    const frame = frame08(Buffer.alloc(60_000, "p"), {}, Buffer.alloc(0));
    let written = 0;
    let stuck = false;
    while (!stuck && written < 3_000) {
      written += 1;
      if (caller.socket.write(frame)) continue;
      const drained = once(caller.socket, "drain").then(() => true);
      stuck = !(await Promise.race([
        drained,
        new Promise<false>((resolve) => setTimeout(resolve, 500, false)),
      ]));
    }
    expect(stuck).toBe(true);
    caller.socket.resume();
    const each = 4 + "Server unavailable: unknown endpoint ".length + 60_000;
    await until("all are answered", () => caller.received.length === written * each);
  });
});
