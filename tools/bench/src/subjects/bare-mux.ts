/**
 * The yardstick for responses that come back on the connection of their request: frames with a call id over one
 * TCP connection. No time-outs, no back pressure, no handling of errors.
 */
import { once } from "node:events";
import { connect } from "node:net";
import type { NodeSubject } from "../subject.ts";
import type { BenchItem, BenchRequest } from "../workload.ts";
import { FrameWriter, ITEM, readFrames, REQUEST } from "./mux-frames.ts";

export const bareMux: NodeSubject = {
  name: "bare-mux",
  what: "bare node:net, requests and responses multiplexed on one connection",
  serverProgram: new URL("bare-mux-server.ts", import.meta.url),

  async connect(port) {
    const socket = connect({ host: "127.0.0.1", port: Number(port), noDelay: true });
    await once(socket, "connect");
    const writer = new FrameWriter(socket);
    const waiting = new Map<number, Answer>();
    readFrames(socket, (call, kind, body) => {
      const answer = waiting.get(call);
      if (!answer) throw new Error(`Nobody waits for call ${call}`);
      if (kind === ITEM) {
        takeItem(answer, JSON.parse(body) as BenchItem);
      } else {
        waiting.delete(call);
        answer.resolve(answer.items);
      }
    });
    let calls = 0;
    const call = (request: BenchRequest): Promise<number> => {
      const id = (calls = (calls + 1) >>> 0);
      writer.put(id, REQUEST, JSON.stringify(request));
      return new Promise((resolve) => waiting.set(id, { items: 0, resolve }));
    };
    const open = (request: BenchRequest): Promise<() => void> => {
      const id = (calls = (calls + 1) >>> 0);
      writer.put(id, REQUEST, JSON.stringify(request));
      const leave = (): void => void waiting.delete(id);
      return new Promise((resolve) => {
        waiting.set(id, { items: 0, resolve: () => undefined, onFirst: () => resolve(leave) });
      });
    };
    return { unary: call, stream: call, open, close: async () => void socket.destroy() };
  },
};

interface Answer {
  items: number;
  readonly resolve: (items: number) => void;
  readonly onFirst?: () => void;
}

function takeItem(answer: Answer, { index }: BenchItem): void {
  if (index === 0) answer.onFirst?.();
  if (index !== answer.items++) throw new Error(`Item ${index} is out of order`);
}
