import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { calling, request } from "./support/plane.ts";
import {
  acknowledgement,
  DATA,
  END_STREAM,
  frame,
  GOAWAY,
  HEADERS,
  RawWorker,
  responseHead,
  RST_STREAM,
  u32,
} from "./support/raw-http2.ts";
import type { RawConnection } from "./support/raw-http2.ts";
import { until } from "@dynamo/test-support";
import { failureOf } from "@dynamo/test-world";

type Answer = (connection: RawConnection, stream: number) => void;

const NO_ERROR = 0;
const INTERNAL_ERROR = 2;
const REFUSED_STREAM = 7;
const CANCEL = 8;

const rst = (stream: number, code: number): Buffer => frame(RST_STREAM, 0, stream, u32(code));
const goaway = (lastStream: number, code: number): Buffer => frame(GOAWAY, 0, 0, u32(lastStream, code));
const begun = (stream: number): Buffer => responseHead(stream, 202, 5);

describe("What looks like an end and isn't one", () => {
  const cuts: Record<string, Answer> = {
    "RST CANCEL before the status": (connection, stream) => connection.send(rst(stream, CANCEL)),
    "RST NO_ERROR before the status": (connection, stream) => connection.send(rst(stream, NO_ERROR)),
    "RST CANCEL after a status that promises more": (connection, stream) =>
      connection.send(begun(stream), frame(DATA, 0, stream, Buffer.from("ok")), rst(stream, CANCEL)),
    "RST NO_ERROR after a status that promises more": (connection, stream) =>
      connection.send(begun(stream), frame(DATA, 0, stream, Buffer.from("ok")), rst(stream, NO_ERROR)),
    "RST NO_ERROR after a status of unknown length": (connection, stream) =>
      connection.send(responseHead(stream, 202), rst(stream, NO_ERROR)),
    "RST INTERNAL_ERROR after the status": (connection, stream) =>
      connection.send(begun(stream), rst(stream, INTERNAL_ERROR)),
    "FIN before the status": ({ socket }) => socket.end(),
    "FIN after a status that promises more": (connection, stream) => {
      connection.send(begun(stream));
      connection.socket.end();
    },
    "GOAWAY that counts the request as seen, then FIN": (connection, stream) => {
      connection.send(goaway(stream, NO_ERROR));
      connection.socket.end();
    },
    "GOAWAY with an error that counts the request as seen": (connection, stream) =>
      connection.send(goaway(stream, INTERNAL_ERROR)),
    "TCP reset": ({ socket }) => socket.resetAndDestroy(),
    "bytes that are no frames": ({ socket }) => socket.write("HTTP/1.1 202 Accepted\r\n\r\n"),
  };

  test.each(Object.entries(cuts))("%s", async (_name, cut) => {
    await using worker = await RawWorker.start(cut);
    await using client = calling();
    const error = await failureOf(client.deliver(request(worker.address)));
    expect(error).toMatchObject({ code: "disconnected", retryableElsewhere: true });
    expect(error.facts.address).toBe(worker.address);
    expect(client.health().pending).toBe(0);
  });
});

describe("What is a whole answer", () => {
  const answers: Record<string, Answer> = {
    "a status that is the end": (connection, stream) => connection.send(acknowledgement(stream)),
    "a status with a text of known length": (connection, stream) =>
      connection.send(responseHead(stream, 200, 2), frame(DATA, END_STREAM, stream, Buffer.from("ok"))),
    "an answer after a GOAWAY that counts the request as seen": (connection, stream) => {
      connection.send(goaway(stream, NO_ERROR));
      setTimeout(() => connection.send(acknowledgement(stream)), 50);
    },
  };

  test.each(Object.entries(answers))("%s", async (_name, answer) => {
    await using worker = await RawWorker.start(answer);
    await using client = calling();
    await client.deliver(request(worker.address));
    expect(client.health().pending).toBe(0);
  });

  test("one whose stream the worker leaves open is cut off, and that gives the place back", async () => {
    await using worker = await RawWorker.start((connection, stream) =>
      connection.send(responseHead(stream, 202, 0)),
    );
    await using client = calling({ maxConcurrentStreams: 1 });
    await client.deliver(request(worker.address));
    await worker.connections[0]!.next(RST_STREAM);
    await client.deliver(request(worker.address));
    expect(worker.connections).toHaveLength(1);
    expect(client.health().pending).toBe(0);
  });

  test.each([
    [404, "unknown_endpoint"],
    [413, "payload_too_large"],
    [429, "overloaded"],
    [503, "unavailable"],
    [500, "unavailable"],
    [400, "invalid_argument"],
    [301, "protocol_error"],
  ])("a refusal of another kind of worker: %i is %s", async (status, code) => {
    const text = "Endpoint not found";
    await using worker = await RawWorker.start((connection, stream) =>
      connection.send(
        responseHead(stream, status, text.length),
        frame(DATA, END_STREAM, stream, Buffer.from(text)),
      ),
    );
    await using client = calling();
    const error = await failureOf(client.deliver(request(worker.address)));
    expect(error).toMatchObject({ code, remote: true });
    expect(error.message).toBe(`The worker answered ${status}: ${text}`);
  });
});

describe("A request that the worker never looked at", () => {
  const refusals: Record<string, Answer> = {
    "is sent again after REFUSED_STREAM": (connection, stream) =>
      connection.send(rst(stream, REFUSED_STREAM)),
    "is sent again after GOAWAY": (connection) => connection.send(goaway(0, NO_ERROR)),
    "is sent again after GOAWAY with an error": (connection) => connection.send(goaway(0, INTERNAL_ERROR)),
  };

  test.each(Object.entries(refusals))("%s", async (_name, refuse) => {
    await using worker = await RawWorker.start((connection, stream, index) => {
      if (index === 0) refuse(connection, stream);
      else connection.send(acknowledgement(stream));
    });
    await using client = calling();
    await client.deliver(request(worker.address));
    expect(worker.connections.flatMap((connection) => connection.of(HEADERS))).toHaveLength(2);
  });

  test("is given up after some times, and may go elsewhere", async () => {
    await using worker = await RawWorker.start((connection, stream) =>
      connection.send(rst(stream, REFUSED_STREAM)),
    );
    await using client = calling();
    const error = await failureOf(client.deliver(request(worker.address)));
    expect(error).toMatchObject({ code: "unavailable", retryableElsewhere: true });
    expect(worker.connections[0]!.of(HEADERS)).toHaveLength(3);
  });
});

test("GOAWAY on an unused connection leads to a new one", async () => {
  await using worker = await RawWorker.start((connection, stream) =>
    connection.send(acknowledgement(stream)),
  );
  await using client = calling();
  for (let times = 1; times <= 3; times++) {
    await client.deliver(request(worker.address));
    expect(worker.connections).toHaveLength(times);
    worker.connections.at(-1)!.send(goaway(1, NO_ERROR));
    await until("the connection is closed", () => client.health().connections === 0);
  }
});

test("Requests beside one that is lost are not disturbed", async () => {
  await using worker = await RawWorker.start((connection, stream, index) => {
    if (index === 1) connection.send(rst(stream, CANCEL));
    else setTimeout(() => connection.send(acknowledgement(stream)), 50);
  });
  await using client = calling();
  const deliveries = Array.from({ length: 3 }, () => client.deliver(request(worker.address)));
  const results = await Promise.allSettled(deliveries);
  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(worker.connections).toHaveLength(1);
});

test("A caller that aborts takes its request back", async () => {
  await using worker = await RawWorker.start(() => undefined);
  await using client = calling();
  const controller = new AbortController();
  const delivery = client.deliver(request(worker.address, "", { signal: controller.signal }));
  await until("it is sent", () => worker.connections[0]?.of(HEADERS).length === 1);
  controller.abort(new Error("changed my mind"));
  expect(await failureOf(delivery)).toMatchObject({ code: "cancelled" });
  expect((await worker.connections[0]!.next(RST_STREAM)).payload).toEqual(u32(CANCEL));
  const late = client.deliver(request(worker.address, "", { signal: controller.signal }));
  expect(await failureOf(late)).toMatchObject({ code: "cancelled" });
  expect(worker.connections[0]!.of(HEADERS)).toHaveLength(1);
});

test("Closing the client ends what waits, for a connection too", async () => {
  await using worker = await RawWorker.start(() => undefined);
  await using client = calling({ maxConcurrentStreams: 1 });
  const sent = failureOf(client.deliver(request(worker.address)));
  await until("it is sent", () => worker.connections[0]?.of(HEADERS).length === 1);
  const waiting = failureOf(client.deliver(request(worker.address)));
  await client.close();
  expect(await sent).toMatchObject({ code: "closed" });
  expect(await waiting).toMatchObject({ code: "closed" });
  expect(client.health()).toEqual({ connections: 0, pending: 0 });
  expect(await failureOf(client.deliver(request(worker.address)))).toMatchObject({ code: "closed" });
  await until("the connections are closed", () => worker.open === 0);
});

describe("A peer that is no HTTP/2 worker", () => {
  async function peer(onConnection: (socket: Socket) => void) {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket.on("error", () => undefined));
      onConnection(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/rpc/x`;
    const dispose = async (): Promise<void> => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    };
    return { address, sockets, [Symbol.asyncDispose]: dispose };
  }

  test("but speaks HTTP/1.1 only: no request is lost on it", async () => {
    await using old = await peer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    await using client = calling();
    const error = await failureOf(client.deliver(request(old.address)));
    expect(error).toMatchObject({ code: "cannot_connect", retryableElsewhere: true });
    expect(error.message).toContain("No HTTP/2 connection");
  });

  test("and closes at once, or says nothing, or isn't there", async () => {
    await using closing = await peer((socket) => socket.destroy());
    await using silent = await peer((socket) => void socket.resume());
    await using client = calling({ requestTimeoutMs: 150 });
    expect(await failureOf(client.deliver(request(closing.address)))).toMatchObject({
      code: "cannot_connect",
    });
    expect(await failureOf(client.deliver(request(silent.address)))).toMatchObject({
      code: "deadline_exceeded",
      facts: { phase: "connect" },
    });
    await closing[Symbol.asyncDispose]();
    const refused = await failureOf(client.deliver(request(closing.address)));
    expect(refused).toMatchObject({ code: "cannot_connect" });
    expect(refused.message).toContain("ECONNREFUSED");
    await until("nothing is left open", () => client.health().connections === 0);
    await until("at the peer neither", () =>
      [...silent.sockets].every((socket) => socket.readableEnded || socket.closed),
    );
  });
});
