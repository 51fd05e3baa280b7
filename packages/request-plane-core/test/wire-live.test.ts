/** A listener for responses under damaged input, over real sockets. */
import { once } from "node:events";
import { connect } from "node:net";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { decodeCallHomeInfo } from "../src/call-home/connection-info.ts";
import { CallHomeListener } from "../src/call-home/listener.ts";
import { RequestPlaneError } from "../src/errors.ts";
import type { ResponseControl, ResponseReceiver } from "../src/response-plane.ts";
import { END } from "../src/response-reader.ts";
import type { ResponseReader } from "../src/response-reader.ts";
import { FINAL_BODY, KILL_FRAME } from "../src/wire/response-frames.ts";
import { encodeDataOnly, encodeHeaderOnly } from "../src/wire/two-part.ts";
import { recordedResponses } from "./fixtures/recorded.ts";
import { framesOf } from "./support/two-part-frames.ts";
import { damaged, sendAndEnd } from "@dynamo/test-support";
import type { Ending } from "@dynamo/test-support";
import { until } from "@dynamo/test-support";
import { nextOf, reading } from "./support/reading.ts";

const AT_ONCE = 50;
/** Stands for the subject in streams that are damaged before it is known. */
const SUBJECT = "00000000-1111-4222-8333-444444444444";

const recorded = recordedResponses();
const streams = recorded.map(({ dialer }) => withSubject(dialer, SUBJECT));
const whole = withSubject(recorded.find(({ name }) => name === "0.7.1 tcp three_items 1")!.dialer, SUBJECT);

describe("a listener for responses", () => {
  it("takes 2,000 damaged streams without disturbing the one that is not", async () => {
    const { listener, open } = await listening();
    const healthy = await HealthyStream.begin(listener, open);
    const inputs = fc.sample(damaged(streams), { seed: 20_260_101, numRuns: 2_000 });
    const outcomes = { ended: 0, failed: 0, unclaimed: 0 };
    for (let at = 0; at < inputs.length; at += AT_ONCE) {
      const witnesses = await Promise.all(
        inputs.slice(at, at + AT_ONCE).map(async (bytes, index) => {
          const witness = new Witness();
          const { port, subject, slot } = await open(witness);
          await sendAndEnd(port, withSubject(bytes, subject), index % 2 === 0 ? "FIN" : "RST");
          await until("the listener has seen the end", () => witness.isOver || witness.events === "");
          slot.abandon();
          return witness;
        }),
      );
      await healthy.check();
      await until("nothing but the healthy stream is left", () => listener.size === 1);
      for (const witness of witnesses) outcomes[witness.outcome] += 1;
    }
    expect(Math.min(...Object.values(outcomes))).toBeGreaterThan(20);
    await healthy.end();
    await until("nothing is left", () => listener.size === 0);
  });

  it.each<[Ending]>([["FIN"], ["RST"]])(
    "calls no prefix of a response whole that lacks complete_final, when a %s follows it",
    async (ending) => {
      const { listener, open } = await listening();
      const healthy = await HealthyStream.begin(listener, open);
      const wholeFrom = whole.indexOf(FINAL_BODY) + FINAL_BODY.length;
      const seen = { success: 0, disconnected: 0, cancelled: 0 };
      for (let at = 0; at < whole.length; at += AT_ONCE) {
        const calls = await Promise.all(
          Array.from({ length: Math.min(AT_ONCE, whole.length - at) }, async (_, index) => {
            const { buffer, reader } = reading<unknown>(1024 * 1024);
            const { port, subject, slot } = await open(buffer);
            buffer.slot = slot;
            const result = itemsAndError(reader);
            await sendAndEnd(port, withSubject(whole, subject).subarray(0, at + index), ending);
            return { length: at + index, buffer, result };
          }),
        );
        const waiting = () => calls.map(({ buffer }) => buffer).filter(({ state }) => state === "waiting");
        await until(
          "only the responses that nobody brought are left",
          () => listener.size === 1 + waiting().length,
        );
        for (const buffer of waiting()) buffer.cancel(new RequestPlaneError("cancelled", "nobody came"));
        for (const { length, result } of calls) {
          const { items, error } = await result;
          expect(items).toEqual([0, 1, 2].slice(0, items.length).map((i) => ({ i, text: "hi" })));
          expect(error === undefined && length < wholeFrom).toBe(false);
          expect(error !== undefined && length >= wholeFrom && ending === "FIN").toBe(false);
          seen[error ? (error.code as "disconnected" | "cancelled") : "success"] += 1;
        }
        await healthy.check();
      }
      expect(Object.keys(seen)).toHaveLength(3);
      expect(seen.disconnected).toBeGreaterThan(100);
      if (ending === "FIN") expect(seen.success).toBe(whole.length - wholeFrom);
      await healthy.end();
      await until("nothing is left", () => listener.size === 0);
    },
  );

  it.each(recorded)("hands out the frames of $name and says nothing", async ({ dialer }) => {
    const { listener, open } = await listening();
    const witness = new Witness();
    const { port, subject } = await open(witness);
    const answer = await sendAndEnd(port, withSubject(dialer, subject), "FIN");
    await until("nothing is left", () => listener.size === 0);
    expect(witness.bodies).toEqual(
      framesOf([dialer])
        .map(({ body }) => body)
        .filter((body) => body !== ""),
    );
    expect(witness.outcome).toBe("ended");
    expect(answer).toHaveLength(0);
  });

  it("answers with the recorded kill when its caller drops the stream", async () => {
    const { dialer, listener: answer } = recorded.find(
      ({ name }) => name === "1.6.1 tcp caller_drops_stream 1",
    )!;
    const { listener, open } = await listening();
    const witness = new Witness();
    const { port, subject } = await open(witness);
    const socket = connect(port, "127.0.0.1");
    const received: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => received.push(chunk));
    socket.write(withSubject(dialer, subject));
    await until("four items came", () => witness.bodies.length === 4);
    witness.control!.kill();
    await once(socket, "end");
    socket.destroy();
    await until("nothing is left", () => listener.size === 0);
    expect(Buffer.concat(received).toString("hex")).toBe(answer.toString("hex"));
  });

  it.each([
    ["an unknown subject", encodeHeaderOnly(`{"subject":"${SUBJECT}","stream_type":"response"}`)],
    ["a handshake that is none", encodeHeaderOnly('"sentinel"')],
    ["a length of 4 GiB", Buffer.from("0000000100000000", "hex").subarray(0, 8)],
    ["another protocol", Buffer.from("GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")],
  ])("tells a connection with %s to stop, and closes it", async (_what, bytes) => {
    const { listener, open } = await listening();
    const { port, slot } = await open(new Witness());
    const socket = connect(port, "127.0.0.1");
    const received: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => received.push(chunk));
    socket.write(Buffer.concat([bytes, Buffer.alloc(24)]));
    await once(socket, "end");
    socket.destroy();
    slot.abandon();
    await until("nothing is left", () => listener.size === 0);
    expect(Buffer.concat(received)).toEqual(KILL_FRAME);
  });
});

/** Notes what a receiver is told, as letters: connected, opened, frame, ended, failed (X). */
class Witness implements ResponseReceiver {
  readonly maxFrameBytes = 64 * 1024;
  events = "";
  control: ResponseControl | undefined;
  readonly bodies: string[] = [];

  get isOver(): boolean {
    return /[EX]$/.test(this.events);
  }

  /** Fails the test when the events came in an order that the contract doesn't know. */
  get outcome(): "ended" | "failed" | "unclaimed" {
    expect(this.events).toMatch(/^(|CX|COF*[EX])$/);
    if (this.events === "") return "unclaimed";
    return this.events.endsWith("E") ? "ended" : "failed";
  }

  completed(): void {
    expect.unreachable("Call-home has no such mark");
  }

  connected(control: ResponseControl): void {
    this.events += "C";
    this.control = control;
  }

  opened(): void {
    this.events += "O";
  }

  frame(bytes: Buffer, start: number, end: number): void {
    this.events += "F";
    this.bodies.push(bytes.toString("latin1", start, end));
  }

  ended(): void {
    this.events += "E";
  }

  failed(error: RequestPlaneError): void {
    expect(error).toBeInstanceOf(RequestPlaneError);
    this.events += "X";
  }
}

type Open = Awaited<ReturnType<typeof listening>>["open"];

async function listening() {
  const listener = new CallHomeListener({ host: "127.0.0.1", port: 0, maxMessageBytes: 64 * 1024 });
  onTestFinished(() => listener.close());
  const open = async (receiver: ResponseReceiver) => {
    const slot = await listener.open("id", receiver);
    const { address, subject } = decodeCallHomeInfo(slot.connectionInfo, "id");
    return { slot, subject, port: Number(address.split(":")[1]) };
  };
  return { listener, open };
}

/** A worker that sends one more item whenever it is checked, and expects to hear nothing. */
class HealthyStream {
  readonly #witness: Witness;
  readonly #socket: ReturnType<typeof connect>;
  #sent = 0;
  #heard = 0;

  static async begin(listener: CallHomeListener, open: Open): Promise<HealthyStream> {
    const witness = new Witness();
    const { port, subject } = await open(witness);
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    const head = [`{"subject":"${subject}","stream_type":"response"}`, '{"error":null}'];
    socket.write(Buffer.concat(head.map(encodeHeaderOnly)));
    await until("the healthy stream is open", () => witness.events === "CO");
    expect(listener.size).toBe(1);
    return new HealthyStream(witness, socket);
  }

  private constructor(witness: Witness, socket: ReturnType<typeof connect>) {
    this.#witness = witness;
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => (this.#heard += chunk.length));
  }

  async check(): Promise<void> {
    this.#socket.write(encodeDataOnly(Buffer.from(String(this.#sent))));
    this.#sent += 1;
    await until("the healthy stream's item is there", () => this.#witness.bodies.length === this.#sent);
    expect(this.#heard).toBe(0);
  }

  async end(): Promise<void> {
    this.#socket.write(encodeHeaderOnly('"sentinel"'));
    await once(this.#socket, "end");
    this.#socket.destroy();
    expect(this.#witness.outcome).toBe("ended");
    expect(this.#witness.bodies).toEqual(Array.from({ length: this.#sent }, (_, index) => String(index)));
    expect(this.#heard).toBe(0);
  }
}

async function itemsAndError(reader: ResponseReader<unknown>) {
  const items: unknown[] = [];
  try {
    for (;;) {
      const item = await nextOf(reader);
      if (item === END) return { items, error: undefined };
      items.push(item.data);
    }
  } catch (error) {
    return { items, error: RequestPlaneError.from(error) };
  }
}

/** The stream with the subject of its handshake, or what is left of it, replaced by another. */
function withSubject(stream: Buffer, subject: string): Buffer {
  const text = stream.toString("latin1");
  if (text.includes(SUBJECT)) return Buffer.from(text.replaceAll(SUBJECT, subject), "latin1");
  const before = /"subject":"([0-9a-f-]{36})"/.exec(text)?.[1];
  return before === undefined ? stream : Buffer.from(text.replaceAll(before, subject), "latin1");
}
