import type { NatsConnection, PublishOptions } from "@nats-io/transport-node";

/**
 * Publishes what belongs to a link. A connection that takes nothing any more is noticed by its owner, and a subject
 * that the other side made up by the silence that follows.
 */
export function publish(
  connection: NatsConnection,
  subject: string,
  data: Uint8Array,
  options?: PublishOptions,
): void {
  try {
    connection.publish(subject, data, options);
  } catch {
    // See above.
  }
}
