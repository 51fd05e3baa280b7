/** What carries the messages of the event plane of Dynamo 1.4 and later. */
import type { ChannelTransport, EventChannelRecord } from "@dynamo/discovery";
import type { EventEnvelope } from "@dynamo/kv-router/wire";
import type { EndpointName } from "@dynamo/request-plane-core";

export interface EventTransport {
  /** As `DYN_EVENT_PLANE` calls it. */
  readonly name: string;
  /** As records of channels call it. */
  readonly kind: string;
  /** Events about requests in one message; with 1 they come bare, else in a list. */
  readonly maxSequenceEvents: number;

  /** Rejects when nothing can be carried at the moment. */
  connect(): Promise<void>;

  /**
   * Opens a channel. Rejects when that can't be done.
   *
   * @param onRestored called when what was sent for a while was dropped, and what is sent now is not.
   */
  publisher(endpoint: EndpointName, topic: string, onRestored?: () => void): Promise<EnvelopePublisher>;

  /** Listens to channels of one topic. */
  listener(topic: string, events: ListenerEvents): EnvelopeListener;

  /** Ends what all publishers and listeners share; they are closed before. */
  close(): Promise<void>;
}

export interface EnvelopePublisher {
  /** Where others listen. */
  readonly address: ChannelTransport;
  /** Never waits and never throws: what can't be sent is dropped. */
  send(envelope: EventEnvelope): void;
  /** Sends what is left, as far as that goes at once. */
  close(): Promise<void>;
}

export interface ListenerEvents {
  readonly onEnvelope: (envelope: EventEnvelope) => void;
  /** These publishers can be heard from now on. What they said before may be lost. */
  readonly onListening: (publisherIds: readonly bigint[]) => void;
  /** What arrived is no message. */
  readonly onProblem: (problem: string) => void;
}

export interface EnvelopeListener {
  /** Connects in the background, for as long as it takes. Throws `protocol_error` when the address is none. */
  add(channel: EventChannelRecord): void;
  remove(channel: EventChannelRecord): void;
  close(): Promise<void>;
}
