import type { EndpointRecord, InboundRequest, RequestPlaneError } from "@dynamo/request-plane-core";
import { callHomeOf, readTwoPart } from "./envelope.ts";
import { RawResponse } from "./raw-response.ts";

/** What a raw worker does with a request it was handed. An error refuses it. */
export type RawScript = (request: RawRequest) => RequestPlaneError | undefined;

/** A server of the plane whose endpoint is answered by hand. */
export interface RawWorker {
  readonly address: string;
  readonly record: EndpointRecord;
  readonly requests: readonly RawRequest[];
}

export class RawRequest {
  readonly inbound: InboundRequest;
  readonly #onDial: (response: RawResponse) => void;

  constructor(inbound: InboundRequest, onDial: (response: RawResponse) => void) {
    this.inbound = inbound;
    this.#onDial = onDial;
  }

  get id(): string {
    return callHomeOf(this.inbound.envelope).id;
  }

  get payload(): unknown {
    return JSON.parse(readTwoPart(this.inbound.envelope)?.body.toString() ?? "null") as unknown;
  }

  /** Calls home; nothing is written yet. */
  async dial(): Promise<RawResponse> {
    const response = await RawResponse.dial(callHomeOf(this.inbound.envelope));
    this.#onDial(response);
    return response;
  }

  /** Calls home and goes on by itself. What fails here, the caller of the request sees. */
  answer(behave: (response: RawResponse) => unknown): void {
    this.dial()
      .then(behave)
      .catch(() => undefined);
  }
}
