import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { CallHomeConnector } from "../src/call-home/connector.ts";
import { CallHomeListener } from "../src/call-home/listener.ts";
import { RequestPlaneError } from "../src/errors.ts";
import type {
  ResponseControl,
  ResponseReceiver,
  ResponseSlot,
  ResponseWriter,
} from "../src/response-plane.ts";
import { until } from "@dynamo/test-support";
import { ending } from "./support/ending.ts";

/** A receiver that notes all it is told. */
class Notes implements ResponseReceiver {
  readonly maxFrameBytes = 1024 * 1024;
  readonly told: string[] = [];
  control: ResponseControl | undefined;
  error: RequestPlaneError | undefined;

  completed(): void {
    expect.unreachable("Call-home has no such mark");
  }

  connected(control: ResponseControl): void {
    this.control = control;
    this.told.push("connected");
  }

  opened(): void {
    this.told.push("opened");
  }

  frame(bytes: Buffer, start: number, end: number): void {
    this.told.push(bytes.toString("utf8", start, end));
  }

  ended(): void {
    this.told.push("ended");
  }

  failed(error: RequestPlaneError): void {
    this.error = error;
    this.told.push(`failed ${error.code}`);
  }
}

class Pair implements AsyncDisposable {
  readonly listener = new CallHomeListener({ host: "127.0.0.1", port: 0, maxMessageBytes: 1024 * 1024 });
  readonly connector = new CallHomeConnector();

  async open(id = "r"): Promise<{ slot: ResponseSlot; notes: Notes }> {
    const notes = new Notes();
    return { notes, slot: await this.listener.open(id, notes) };
  }

  dial({ connectionInfo }: ResponseSlot, id = "r"): { writer: ResponseWriter; heard: string[] } {
    const writer = this.connector.connect(connectionInfo, id);
    const heard: string[] = [];
    writer.controlled = { control: (word) => heard.push(word) };
    return { writer, heard };
  }

  async rest(): Promise<void> {
    await until("nothing is open", () => this.listener.size === 0 && this.connector.size === 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.connector.close();
    await this.listener.close();
  }
}

describe("a worker that calls home", () => {
  it("is connected, opens, streams and ends; both sides are at rest afterwards", async () => {
    await using pair = new Pair();
    const { slot, notes } = await pair.open();
    const { writer, heard } = pair.dial(slot);
    writer.prologue();
    writer.write('{"a":1}');
    writer.write(Buffer.from('{"b":"é"}'));
    await ending(writer);
    await until("the end is told", () => notes.told.includes("ended"));
    const expected = ["connected", "opened", '{"a":1}', '{"b":"é"}', '{"complete_final":true}', "ended"];
    expect(notes.told).toEqual(expected);
    expect(heard).toEqual([]);
    await pair.rest();
  });

  it("refuses with an error that arrives as it is, and nothing else", async () => {
    await using pair = new Pair();
    const { slot, notes } = await pair.open();
    const { writer } = pair.dial(slot);
    writer.prologue(new RequestPlaneError("invalid_argument", "no such field"));
    await ending(writer);
    await until("it is told", () => notes.error !== undefined);
    expect(notes.told).toEqual(["connected", "failed invalid_argument"]);
    expect(notes.error).toMatchObject({ message: "no such field", remote: true });
    await pair.rest();
  });

  it("hears stop and then kill, and its end rejects after the kill", async () => {
    await using pair = new Pair();
    const { slot, notes } = await pair.open();
    const { writer, heard } = pair.dial(slot);
    writer.prologue();
    await until("the caller can control it", () => notes.told.includes("opened"));
    notes.control!.stop();
    notes.control!.stop();
    await until("it hears the stop", () => heard.length > 0);
    writer.write("{}");
    await until("the caller still reads", () => notes.told.includes("{}"));
    notes.control!.kill();
    notes.control!.kill();
    await until("it hears the kill", () => heard.length > 1);
    expect(heard).toEqual(["stop", "kill"]);
    await expect(ending(writer)).rejects.toMatchObject({ code: "disconnected" });
    expect(notes.told.at(-1)).toBe("{}");
    await pair.rest();
  });

  it("that is too late is told so, and the place of the request is free", async () => {
    await using pair = new Pair();
    const { slot, notes } = await pair.open();
    slot.abandon();
    expect(pair.listener.size).toBe(0);
    const { writer, heard } = pair.dial(slot);
    writer.prologue();
    await until("it hears the kill", () => heard.includes("kill"));
    await expect(ending(writer)).rejects.toMatchObject({ code: "disconnected" });
    expect(notes.told).toEqual([]);
    await pair.rest();
  });

  it("gets no second connection for the same response", async () => {
    await using pair = new Pair();
    const { slot, notes } = await pair.open();
    const first = pair.dial(slot);
    first.writer.prologue();
    await until("the first is there", () => notes.told.includes("opened"));
    const second = pair.dial(slot);
    second.writer.prologue();
    second.writer.write("{}");
    await until("the second is told to go", () => second.heard.includes("kill"));
    await ending(first.writer);
    await until("the first ends", () => notes.told.includes("ended"));
    expect(notes.told).toEqual(["connected", "opened", '{"complete_final":true}', "ended"]);
    await pair.rest();
  });

  it("that aborts never looks whole", async () => {
    await using pair = new Pair();
    const { slot, notes } = await pair.open();
    const { writer } = pair.dial(slot);
    writer.prologue();
    writer.write("{}");
    await until("the item is there", () => notes.told.includes("{}"));
    writer.abort();
    await until("the end is told", () => notes.told.length > 3);
    expect(notes.told.includes('{"complete_final":true}')).toBe(false);
    await pair.rest();
  });

  it("waits while its caller is paused, and loses nothing", async () => {
    await using pair = new Pair();
    const { slot, notes } = await pair.open();
    const { writer } = pair.dial(slot);
    writer.prologue();
    await until("it is there", () => notes.told.includes("opened"));
    notes.control!.pause();
    const item = JSON.stringify("x".repeat(50_000));
    let written = 0;
    let waiting: Promise<void> | undefined;
    while (!waiting) {
      if (written > 5_000) throw new Error("The writer is never held");
      written += 1;
      if (writer.write(item)) await sleep(0);
      else waiting = writer.drained();
      const goesOn = waiting && (await Promise.race([waiting.then(() => true), sleep(200, false)]));
      if (goesOn) waiting = undefined;
    }
    notes.control!.resume();
    await waiting;
    await ending(writer);
    await until("all is there", () => notes.told.includes("ended"));
    expect(notes.told.filter((word) => word === item).length).toBe(written);
  });

  it("with nobody at the address says so when it ends", async () => {
    await using pair = new Pair();
    const { slot } = await pair.open();
    await pair.listener.close();
    const { writer, heard } = pair.dial(slot);
    writer.prologue();
    await until("it is told", () => heard.includes("kill"));
    await expect(ending(writer)).rejects.toMatchObject({ code: "cannot_connect" });
    expect(pair.connector.size).toBe(0);
  });

  it.each([
    ["another request's id", "other", {}],
    ["another stream type", "r", { stream_type: "request" }],
    ["no subject", "r", { subject: undefined }],
    ["an address without a port", "r", { address: "127.0.0.1" }],
  ])("does not dial for %s", async (_what, id, changes) => {
    await using pair = new Pair();
    const { slot } = await pair.open();
    const info = JSON.parse(slot.connectionInfo.info) as object;
    const connectionInfo = { transport: "tcp_server", info: JSON.stringify({ ...info, ...changes }) };
    expect(() => pair.connector.connect(connectionInfo, id)).toThrow(RequestPlaneError);
    expect(pair.connector.size).toBe(0);
  });
});

describe("the listener", () => {
  it("is one for all responses, and starts with the first", async () => {
    await using pair = new Pair();
    const opened = await Promise.all(["a", "b", "c"].map((id) => pair.open(id)));
    const infos = opened.map(({ slot }) => JSON.parse(slot.connectionInfo.info) as Record<string, string>);
    expect(new Set(infos.map(({ address }) => address)).size).toBe(1);
    expect(new Set(infos.map(({ subject }) => subject)).size).toBe(3);
    expect(infos.map(({ context }) => context)).toEqual(["a", "b", "c"]);
    expect(pair.listener.size).toBe(3);
  });

  it("closed: ends what waits and what streams with closed, and opens nothing more", async () => {
    await using pair = new Pair();
    const waiting = await pair.open("a");
    const streaming = await pair.open("b");
    pair.dial(streaming.slot, "b").writer.prologue();
    await until("one streams", () => streaming.notes.told.includes("opened"));
    await pair.listener.close();
    expect(waiting.notes.told).toEqual(["failed closed"]);
    expect(streaming.notes.told).toEqual(["connected", "opened", "failed closed"]);
    expect(pair.listener.size).toBe(0);
    await expect(pair.open()).rejects.toMatchObject({ code: "closed" });
  });

  it("is not held up by connections that say nothing", async () => {
    await using pair = new Pair();
    const { slot, notes } = await pair.open();
    const { address } = JSON.parse(slot.connectionInfo.info) as { address: string };
    const silent = Array.from({ length: 50 }, () => connect(Number(address.split(":")[1]), "127.0.0.1"));
    await until("they are connected", () => silent.every(({ connecting }) => !connecting));
    const { writer } = pair.dial(slot);
    writer.prologue();
    await ending(writer);
    expect(notes.told.at(-1)).toBe("ended");
    for (const socket of silent) socket.destroy();
    await pair.rest();
  });
});
