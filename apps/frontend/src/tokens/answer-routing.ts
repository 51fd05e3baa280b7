/**
 * What an answer tells about its routing, in `nvext`: what `nvext.extra_fields` asks for, and the answer to the question
 * where a request would go.
 *
 * Source: kv-verified notes, sections 1.5 and 2.3.
 */
import type { InstanceId } from "@dynamo/request-plane-core";
import type { Fields } from "../chat/chunk.ts";
import { routingField, timingField, workerIdField } from "../kv/routing-fields.ts";
import type { RoutingDecision } from "../routed-request.ts";
import type { RoutingHints } from "../routing-hints.ts";

interface Choice {
  readonly worker: InstanceId;
  readonly decision: RoutingDecision;
  readonly firstToken: number;
}

export class AnswerRouting {
  readonly #hints: RoutingHints;
  readonly #received = Date.now();
  #sent: number | undefined;
  /** The first worker: where a request has moved on, Dynamo keeps naming that one too. */
  #choice: Choice | undefined;
  #tokens: ArrayLike<number> = [];

  constructor(hints: RoutingHints) {
    this.#hints = hints;
  }

  /** The client only asks where its request would go. */
  get isQuery(): boolean {
    return this.#hints.query !== undefined;
  }

  /** A worker was chosen. */
  sent(): void {
    this.#sent ??= Date.now();
  }

  /** It answers, or would have been asked. */
  chosen(worker: InstanceId, decision: RoutingDecision, tokens: ArrayLike<number>): void {
    if (this.#choice) return;
    this.#choice = { worker, decision, firstToken: Date.now() };
    this.#tokens = tokens;
  }

  /** What the first chunk tells. */
  first(): Fields | undefined {
    if (!this.#choice) return undefined;
    const { worker, decision } = this.#choice;
    const routing = routingField(decision);
    return this.#asked({
      worker_id: workerIdField(worker, decision),
      ...(routing && { routing }),
      ...(this.isQuery && { token_ids: Array.from(this.#tokens) }),
    });
  }

  /** What the last chunk tells. */
  last(): Fields | undefined {
    if (!this.#choice || this.isQuery) return undefined;
    const { decision, firstToken } = this.#choice;
    const moments = { received: this.#received, sent: this.#sent ?? firstToken, firstToken };
    return this.#asked({ timing: timingField(moments, decision) });
  }

  /** Annotations of 0.7, each with its text. Empty for other questions. */
  annotations(): Readonly<Record<string, string>> {
    if (this.#hints.query !== "0.7" || !this.#choice) return {};
    return {
      worker_instance_id: String(this.#choice.worker),
      token_data: JSON.stringify(Array.from(this.#tokens)),
    };
  }

  #asked(known: Fields): Fields | undefined {
    const { extraFields } = this.#hints;
    const asked = Object.entries(known).filter(([name]) => extraFields.has(name));
    return asked.length === 0 ? undefined : Object.fromEntries(asked);
  }
}
