/** What tests ask of calls, instances and managers. */
import type {
  Instance,
  InstanceId,
  ManagerHealth,
  NetworkManager,
  RequestPlaneError,
  ResponseStream,
} from "@dynamo/request-plane-core";
import { until } from "@dynamo/test-support";

/** Instance ids that sort as they are written. */
export function idOf(number: number): InstanceId {
  return 0xa000_0000_0000_0000n + BigInt(number);
}

export function addressOf(instance: Instance): string {
  return Object.values(instance.transport)[0] ?? "";
}

export async function collect<T>(items: AsyncIterable<T> | Promise<ResponseStream<T>>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of await items) collected.push(item);
  return collected;
}

/** The error that a promise rejects with. */
export async function failureOf(promise: Promise<unknown>): Promise<RequestPlaneError> {
  return promise.then(
    (value) => {
      throw new Error(`Expected a failure, got ${JSON.stringify(value)}`);
    },
    (error: unknown) => error as RequestPlaneError,
  );
}

/** Requests and responses under way; connections of the pools may stay. */
export function busy(health: ManagerHealth): number {
  const pending = Object.values(health.planes).reduce((total, plane) => total + plane.pending, 0);
  return pending + health.responsesAwaited + health.responsesWritten;
}

export async function settled(...managers: NetworkManager[]): Promise<void> {
  await until("nothing is under way", () => managers.every((manager) => busy(manager.health()) === 0));
}

/** Whether it resolves; for waits until it does, as for a worker that comes back later than its caller. */
export function succeeds(promise: Promise<unknown>): Promise<boolean> {
  return promise.then(
    () => true,
    () => false,
  );
}
