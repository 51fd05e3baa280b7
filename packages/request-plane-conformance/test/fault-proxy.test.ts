import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { FaultProxy } from "../src/index.ts";
import type { Faults } from "../src/index.ts";
import { ResourceLedger } from "../src/ledger.ts";
import { until } from "@dynamo/test-support";

/** A server that sends back what it is sent, a proxy in front of it, and a connection through both. */
class Setup implements AsyncDisposable {
  readonly proxy: FaultProxy;
  readonly atServer: Socket[] = [];
  /** What came through to the server, over all connections. */
  received = Buffer.alloc(0);
  /** Why a connection of the server broke. */
  readonly errors: string[] = [];
  readonly #stop: () => void;

  private constructor(proxy: FaultProxy, stop: () => void) {
    this.proxy = proxy;
    this.#stop = stop;
  }

  static async start(faults: { toServer?: Faults; toClient?: Faults } = {}): Promise<Setup> {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      setup.atServer.push(socket);
      socket.on("data", (chunk) => {
        setup.received = Buffer.concat([setup.received, chunk]);
        socket.write(chunk);
      });
      socket.on("error", ({ message }) => setup.errors.push(message));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const setup = new Setup(await FaultProxy.start({ host: "127.0.0.1", port }), () => server.close());
    Object.assign(setup.proxy, faults);
    return setup;
  }

  async dial(): Promise<Peer> {
    const socket = connect({ ...this.proxy.address, allowHalfOpen: true });
    const peer: Peer = { socket, received: Buffer.alloc(0), ended: false, error: undefined };
    socket.on("data", (chunk) => (peer.received = Buffer.concat([peer.received, chunk])));
    socket.on("end", () => (peer.ended = true));
    socket.on("error", ({ code }: NodeJS.ErrnoException) => (peer.error = code));
    await once(socket, "connect");
    return peer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.proxy.close();
    for (const socket of this.atServer) socket.destroy();
    this.#stop();
  }
}

interface Peer {
  readonly socket: Socket;
  received: Buffer;
  ended: boolean;
  error: string | undefined;
}

const BYTES = Buffer.from(Array.from({ length: 200_000 }, (_, i) => i % 251));

describe("the fault proxy", () => {
  it("passes everything on, both ways, when it has no fault", async () => {
    await using setup = await Setup.start();
    const peer = await setup.dial();
    peer.socket.end(BYTES);
    await until("all is back", () => peer.received.length === BYTES.length);
    expect(peer.received.equals(BYTES)).toBe(true);
    expect(setup.proxy).toMatchObject({ accepted: 1, connections: 1 });
  });

  it("keeps every byte and their order with latency, jitter and a bandwidth", async () => {
    await using setup = await Setup.start({
      toServer: { latencyMs: 1, jitterMs: 5, pieceBytes: 30_000 },
      toClient: { bytesPerSecond: 2_000_000 },
    });
    const peer = await setup.dial();
    const before = performance.now();
    peer.socket.write(BYTES);
    await until("all is back", () => peer.received.length === BYTES.length);
    expect(peer.received.equals(BYTES)).toBe(true);
    // Never faster than the bandwidth; slower it may be on a busy machine.
    expect(performance.now() - before).toBeGreaterThan((BYTES.length / 2_000_000) * 1000 * 0.9);
  });

  it("passes on byte by byte", async () => {
    await using setup = await Setup.start({ toServer: { pieceBytes: 1, latencyMs: 1 } });
    const sizes: number[] = [];
    const peer = await setup.dial();
    await until("the server has it", () => setup.atServer.length === 1);
    setup.atServer[0]!.on("data", ({ length }) => sizes.push(length));
    peer.socket.write("twelve bytes");
    await until("all is back", () => peer.received.toString() === "twelve bytes");
    expect(sizes.length).toBeGreaterThan(1);
  });

  it.each([0, 1, 1000, 65_536, 199_999])("cuts after %d bytes, at both ends", async (afterBytes) => {
    await using setup = await Setup.start({ toServer: { cut: { afterBytes, how: "close" } } });
    const peer = await setup.dial();
    peer.socket.write(BYTES);
    await until("the caller sees the end", () => peer.ended || peer.socket.destroyed);
    await until("the server has what was let through", () => setup.received.length >= afterBytes);
    expect(setup.received.equals(BYTES.subarray(0, afterBytes))).toBe(true);
    await until("the link is gone", () => setup.proxy.connections === 0);
  });

  it("resets both ends", async () => {
    await using setup = await Setup.start();
    const peer = await setup.dial();
    peer.socket.write("hello");
    await until("the answer is here", () => peer.received.length === 5);
    setup.proxy.disconnect("reset");
    await until("both see it", () => peer.error !== undefined && setup.errors.length === 1);
    expect(peer.error).toBe("ECONNRESET");
    expect(setup.proxy.connections).toBe(0);
  });

  it("half-closes one direction and leaves the other", async () => {
    await using setup = await Setup.start({ toClient: { cut: { afterBytes: 5, how: "half-close" } } });
    const peer = await setup.dial();
    peer.socket.write("hello");
    await until("the caller sees the end", () => peer.ended);
    peer.socket.write(", server");
    await until("the server still hears", () => setup.received.toString() === "hello, server");
    expect(peer.received.toString()).toBe("hello");
  });

  it("gives back sockets that are reset while they are being shut down", async () => {
    using ledger = new ResourceLedger();
    const account = ledger.open();
    await account.run(async () => {
      await using setup = await Setup.start();
      const peer = await setup.dial();
      await until("it is through", () => setup.atServer.length === 1);
      setup.proxy.disconnect("close");
      setup.proxy.disconnect("reset");
      peer.socket.destroy();
    });
    await until("nothing is left open", () => account.held().length === 0);
  });

  it("is a black hole until it is healed, and loses nothing", async () => {
    await using setup = await Setup.start({ toServer: { blackHole: true } });
    const peer = await setup.dial();
    peer.socket.write("into the dark");
    await until("it is connected", () => setup.atServer.length === 1);
    expect(setup.received.length).toBe(0);
    setup.proxy.toServer = {};
    await until("it came out", () => peer.received.toString() === "into the dark");
  });

  it("inverts one byte, wherever the pieces begin", async () => {
    await using setup = await Setup.start({ toServer: { corruptAt: 1003, pieceBytes: 100 } });
    const peer = await setup.dial();
    peer.socket.write(BYTES);
    await until("all is through", () => setup.received.length === BYTES.length);
    const wrong = [...BYTES.keys()].filter((i) => setup.received[i] !== BYTES[i]);
    expect(wrong).toEqual([1003]);
  });

  it("resets its caller when nobody listens behind it", async () => {
    await using setup = await Setup.start();
    setup.proxy.target = await unusedAddress();
    const peer = await setup.dial();
    await until("the caller is told", () => peer.socket.destroyed);
    await until("the link is gone", () => setup.proxy.connections === 0);
  });

  it("ends what is under way and all waits when it is closed", async () => {
    const setup = await Setup.start({ toServer: { blackHole: true }, toClient: { latencyMs: 60_000 } });
    const peer = await setup.dial();
    peer.socket.write("never seen");
    await until("it is connected", () => setup.atServer.length === 1);
    await setup[Symbol.asyncDispose]();
    await until("the caller sees it", () => peer.socket.destroyed || peer.ended);
    expect(setup.proxy.connections).toBe(0);
    peer.socket.destroy();
  });
});

async function unusedAddress(): Promise<{ host: string; port: number }> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return { host: "127.0.0.1", port };
}
