/**
 * Something that can be measured: a server program of its own, and a client.
 */
import type { BenchRequest } from "./workload.ts";

export interface Subject {
  readonly name: string;
  /** One line for people. */
  readonly what: string;
  /** A module that calls {@link runServer}; it is started as a process of its own. */
  readonly serverProgram: URL;
  readonly serverArgs?: readonly string[];
  /** Settings of both processes. */
  readonly env?: Readonly<Record<string, string>>;
  /** Name of the subject that does the same exchange with nothing around it. Default: none. */
  readonly rival?: string;
  /** Both processes find a nats-server at `NATS_SERVER`. */
  readonly needsNats?: true;
  /** Called in the client's process, once, with what the server program says its address is. */
  connect(address: string): Promise<SubjectClient>;
}

/** Each call resolves with the number of items that came, once the answer is known to be whole. */
export interface SubjectClient {
  /** Sends a request for one item. */
  unary(request: BenchRequest): Promise<number>;
  /** Sends a request for many items. */
  stream(request: BenchRequest): Promise<number>;
  close(): Promise<void>;
}
