/**
 * Something that can be measured: a server program of its own, and a client.
 */
import type { BenchRequest } from "./workload.ts";

interface Facts {
  readonly name: string;
  /** One line for people. */
  readonly what: string;
  /** It calls {@link runServer}, or does in Python what that does; it is started as a process of its own. */
  readonly serverProgram: URL;
  readonly serverArgs?: readonly string[];
  /** Settings of both processes. */
  readonly env?: Readonly<Record<string, string>>;
  /** Name of the subject that does the same exchange with nothing around it. Default: none. */
  readonly rival?: string;
  /**
   * What has to be there: a nats-server, which both processes find at `NATS_SERVER`, or real Dynamo, whose Python
   * both find at `DYNAMO_PYTHON`. Default: nothing.
   */
  readonly needs?: "nats" | "dynamo";
}

/** Its client is run by `client-program.ts`. */
export interface NodeSubject extends Facts {
  /** Called in the client's process, once, with what the server program says its address is. */
  connect(address: string): Promise<SubjectClient>;
}

/** Both its programs are written in Python. */
export interface PythonSubject extends Facts {
  readonly needs: "dynamo";
  readonly clientProgram: URL;
}

export type Subject = NodeSubject | PythonSubject;

/** Each call resolves with the number of items that came, once the answer is known to be whole. */
export interface SubjectClient {
  /** Sends a request for one item. */
  unary(request: BenchRequest): Promise<number>;
  /** Sends a request for many items. `onFirst` is for cases that are timed to the first item. */
  stream(request: BenchRequest, onFirst: () => void): Promise<number>;
  /** The same, read as many at a time as are here. Default: what reads a stream does so anyway. */
  readonly batches?: (request: BenchRequest) => Promise<number>;
  /** Sends a request whose answer is held open. Resolves at the first item with what leaves the answer. */
  open?(request: BenchRequest): Promise<() => void>;
  close(): Promise<void>;
}
