/** Events over NATS. JetStream is not needed: what is missed, workers are asked for. */
import { defaultLogger } from "@dynamo/request-plane-core";
import { natsLink } from "@dynamo/request-plane-nats/connection";
import type { NatsOptions } from "@dynamo/request-plane-nats/connection";
import type { EventTransport } from "../transport.ts";
import { NatsListener } from "./listener.ts";
import { NatsPublisher } from "./publisher.ts";
import { subjectPrefix } from "./subjects.ts";

/** Connects when it is first used. Throws `invalid_configuration` when an option can't be used. */
export function natsEvents(options: NatsOptions = {}): EventTransport {
  const { logger = defaultLogger } = options;
  const listeners = new Set<NatsListener>();
  const publishers = new Set<NatsPublisher>();
  const link = natsLink({
    ...options,
    onRestored: () => {
      for (const listener of listeners) listener.restored();
      for (const publisher of publishers) publisher.onRestored?.();
    },
  });
  return {
    name: "nats",
    kind: "Nats",
    maxSequenceEvents: 1,
    connect: async () => {
      await link.connect();
    },
    publisher: async (endpoint, topic, onRestored) => {
      await link.connect();
      const options = { link, prefix: subjectPrefix(endpoint), topic, logger, onRestored };
      const publisher: NatsPublisher = new NatsPublisher({
        ...options,
        onClose: () => publishers.delete(publisher),
      });
      publishers.add(publisher);
      return publisher;
    },
    listener: (topic, events) => {
      const listener: NatsListener = new NatsListener(link, topic, events, () => listeners.delete(listener));
      listeners.add(listener);
      return listener;
    },
    close: () => link.close(),
  };
}
