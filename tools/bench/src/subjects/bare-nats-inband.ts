/**
 * The yardstick for responses over NATS itself: a request names a subject below the caller's inbox, to which the
 * server publishes each item, and nothing as the last message.
 */
import { createInbox } from "@nats-io/transport-node";
import type { NodeSubject } from "../subject.ts";
import type { BenchItem, BenchRequest } from "../workload.ts";
import { connectNats } from "./bare-nats.ts";

export const bareNatsInband: NodeSubject = {
  name: "bare-nats-inband",
  what: "bare @nats-io/transport-node, items published to the caller's inbox",
  serverProgram: new URL("bare-nats-inband-server.ts", import.meta.url),
  needs: "nats",

  async connect(subject) {
    const nats = await connectNats();
    const inbox = createInbox();
    const waiting = new Map<string, Answer>();
    nats.subscribe(`${inbox}.*`, {
      callback(error, message) {
        const reply = message.subject;
        const answer = waiting.get(reply);
        if (error ?? !answer) throw error ?? new Error(`Nobody waits for ${reply}`);
        if (message.data.length > 0) {
          const { index } = message.json<BenchItem>();
          if (index !== answer.items++) throw new Error(`Item ${index} is out of order`);
        } else {
          waiting.delete(reply);
          answer.resolve(answer.items);
        }
      },
    });
    let calls = 0;
    const call = (request: BenchRequest): Promise<number> => {
      const reply = `${inbox}.${(calls += 1)}`;
      nats.publish(subject, JSON.stringify(request), { reply });
      return new Promise((resolve) => waiting.set(reply, { items: 0, resolve }));
    };
    return { unary: call, stream: call, close: () => nats.close() };
  },
};

interface Answer {
  items: number;
  readonly resolve: (items: number) => void;
}
