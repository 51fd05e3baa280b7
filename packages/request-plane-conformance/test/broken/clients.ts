import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { Headers, OutboundRequest } from "@dynamo/request-plane-core";
import { broken, deliversBy, goodMemory, goodSocket } from "./wrap.ts";
import type { BrokenTransport } from "./wrap.ts";

/** The same request with other headers. */
function withHeaders(request: OutboundRequest, change: (headers: Headers) => Headers): OutboundRequest {
  return { ...request, headers: change(request.headers) };
}

const never = new Promise<never>(() => undefined);

export const BROKEN_CLIENTS: readonly BrokenTransport[] = [
  {
    fault: "acknowledges before the worker has accepted",
    factory: broken(
      goodMemory,
      deliversBy(async (request, deliver) => void deliver(request).catch(() => undefined)),
    ),
    caughtBy: [
      ["delivery", "the acknowledgement comes after the worker has accepted"],
      ["limits", "an envelope that is 1 bytes over the caller's limit is refused before anything is sent"],
    ],
  },
  {
    fault: "never acknowledges",
    factory: broken(
      goodMemory,
      deliversBy(async (request, deliver) => {
        await deliver(request);
        await never;
      }),
    ),
    caughtBy: [["delivery", "the acknowledgement doesn't wait for the work"]],
  },
  {
    fault: "delivers twice",
    factory: broken(
      goodMemory,
      deliversBy(async (request, deliver) => {
        await deliver(request);
        await deliver(request);
      }),
    ),
    caughtBy: [
      ["delivery", "an envelope of 24 bytes arrives unchanged, once"],
      ["delivery", "nothing arrives that was not sent"],
      ["concurrency", "50 deliveries at the same time are each accepted once"],
    ],
  },
  {
    fault: "delivers in another order than it was asked",
    factory: broken(goodMemory, {
      client: (good) => {
        let held: OutboundRequest | undefined;
        return {
          deliver: async (request) => {
            // Every second request goes ahead of the one before it.
            const late = held;
            held = late ? undefined : request;
            if (!late) return;
            await good.deliver(request);
            await good.deliver(late);
          },
        };
      },
    }),
    caughtBy: [["delivery", "requests that are sent one after the other are accepted in that order"]],
  },
  {
    fault: "takes refusals for acknowledgements",
    factory: broken(
      goodMemory,
      deliversBy((request, deliver) =>
        deliver(request).catch((error: unknown) => {
          if (!(RequestPlaneError.is(error) && error.remote)) throw error;
        }),
      ),
    ),
    caughtBy: [
      ["delivery", "a refusal leaves the way good for the next request"],
      ["lifecycle", "an endpoint that was unregistered refuses with unknown_endpoint"],
      ["bad peers", "an envelope of one byte is refused, and the worker serves on"],
    ],
  },
  {
    fault: "changes a byte beyond 64 KiB",
    factory: broken(
      goodMemory,
      deliversBy((request, deliver) => {
        const bytes = Buffer.concat(request.envelope);
        if (bytes.length > 65_536) bytes[65_536] = (bytes[65_536] ?? 0) ^ 1;
        return deliver({ ...request, envelope: [bytes] });
      }),
    ),
    caughtBy: [["delivery", "an envelope of 65537 bytes arrives unchanged, once"]],
    passes: [["delivery", "an envelope of 65536 bytes arrives unchanged, once"]],
  },
  {
    fault: "loses the last bytes of an envelope in many pieces",
    factory: broken(
      goodMemory,
      deliversBy((request, deliver) => deliver({ ...request, envelope: request.envelope.slice(0, 100) })),
    ),
    caughtBy: [["delivery", "an envelope in 100 pieces of 13 bytes and one of 5 arrives joined, in order"]],
    passes: [["delivery", "an envelope in 7 pieces of 9973 bytes and one of 5 arrives joined, in order"]],
  },
  {
    fault: "ignores the signal",
    factory: broken(
      goodMemory,
      deliversBy(({ address, headers, envelope, envelopeBytes }, deliver) =>
        deliver({ address, headers, envelope, envelopeBytes }),
      ),
    ),
    caughtBy: [["cancellation", "deliver with an aborted signal rejects with cancelled and sends nothing"]],
  },
  {
    fault: "keeps listening to the signal",
    factory: broken(
      goodMemory,
      deliversBy(async (request, deliver) => {
        await deliver(request);
        request.signal?.addEventListener("abort", () => undefined);
      }),
    ),
    caughtBy: [
      ["cancellation", "a signal that is aborted after the acknowledgement doesn't harm the connection"],
    ],
  },
  {
    fault: "waits for the acknowledgement without a bound",
    factory: (settings) => goodSocket({ ...settings, acknowledgeTimeoutMs: 600_000 }),
    caughtBy: [
      [
        "deadlines",
        "an acknowledgement that never comes fails in the phase acknowledge, with limit and setting",
      ],
    ],
  },
  {
    fault: "forgets its limit",
    factory: async (settings) => {
      const { client, ...rest } = await goodMemory({ ...settings, clientMaxMessageBytes: 2 ** 30 });
      const { clientMaxMessageBytes: maxMessageBytes } = settings;
      return { ...rest, client: { ...client, capabilities: { ...client.capabilities, maxMessageBytes } } };
    },
    caughtBy: [
      ["limits", "an envelope that is 1 bytes over the caller's limit is refused before anything is sent"],
    ],
  },
  {
    fault: "gives an outcome to the request before",
    factory: broken(goodMemory, {
      client: (good) => {
        let before: Promise<void> = Promise.resolve();
        return {
          deliver: (request) => {
            const mine = before;
            before = good.deliver(request);
            before.catch(() => undefined);
            return mine;
          },
        };
      },
    }),
    caughtBy: [
      ["concurrency", "acknowledgements and refusals at the same time each reach their own request"],
    ],
  },
  {
    fault: "drops headers",
    factory: broken(
      goodMemory,
      deliversBy((request, deliver) => deliver(withHeaders(request, () => ({})))),
    ),
    caughtBy: [
      ["headers and metadata", "a header of tracing arrives as it was sent"],
      ["headers and metadata", "fifty headers arrive together"],
      ["deadlines", "the worker is told how much time is left"],
    ],
    passes: [["headers and metadata", "metadata with one entry arrives as it was sent"]],
  },
  {
    fault: "lets headers be smuggled in",
    factory: broken(
      goodMemory,
      deliversBy((request, deliver) =>
        deliver(
          withHeaders(request, (headers) => {
            const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
            const split = lines.join("\r\n").split(/\r?\n/);
            return Object.fromEntries(split.map((line) => line.split(": ", 2) as [string, string]));
          }),
        ),
      ),
    ),
    caughtBy: [
      [
        "headers and metadata",
        "a header value with a line break is refused or arrives whole; it never becomes another header",
      ],
    ],
    passes: [["headers and metadata", "fifty headers arrive together"]],
  },
  {
    fault: "keeps headers of one request for the next",
    factory: broken(goodMemory, {
      client: (good) => {
        let kept: Headers = {};
        return {
          deliver: (request) => {
            kept = { ...kept, ...request.headers };
            return good.deliver({ ...request, headers: kept });
          },
        };
      },
    }),
    caughtBy: [["headers and metadata", "headers of one request don't stay for the next one"]],
  },
  {
    fault: "gives an address up for good after one failure",
    factory: broken(goodSocket, {
      client: (good) => {
        const lost = new Map<string, unknown>();
        return {
          deliver: async (request) => {
            if (lost.has(request.address)) throw lost.get(request.address);
            await good.deliver(request).catch((error: unknown) => {
              lost.set(request.address, error);
              throw error;
            });
          },
        };
      },
    }),
    caughtBy: [
      ["reconnection", "an address where nobody was is tried anew each time"],
      [
        "reconnection",
        "a connection that ends before the acknowledgement (reset) fails the request as disconnected",
      ],
    ],
  },
  {
    fault: "takes the end of a connection for an acknowledgement",
    factory: broken(
      goodSocket,
      deliversBy((request, deliver) =>
        deliver(request).catch((error: unknown) => {
          if (!(RequestPlaneError.is(error) && error.code === "disconnected")) throw error;
        }),
      ),
    ),
    caughtBy: [
      ["reconnection", "a request that is cut after 2000 bytes (close) fails and is not accepted"],
      [
        "bad peers",
        "a client whose server answers with noise and closes fails, and takes nothing for an acknowledgement",
      ],
    ],
  },
  {
    fault: "leaves its connections open when it is closed",
    factory: broken(goodSocket, {
      client: (good) => {
        let closed = false;
        return {
          deliver: (request) =>
            closed ? Promise.reject(new RequestPlaneError("closed", "closed")) : good.deliver(request),
          close: async () => void (closed = true),
          health: () => (closed ? { connections: 0, pending: 0 } : good.health()),
        };
      },
    }),
    caughtBy: [["lifecycle", "closing a client ends its connections at the server too"]],
  },
  {
    fault: "leaves a timer running",
    factory: broken(goodMemory, {
      client: () => {
        setTimeout(() => undefined, 20_000);
        return {};
      },
    }),
    caughtBy: [["lifecycle", "a client that was never used can be closed, and twice"]],
  },
  {
    fault: "says in its health that nothing is there",
    factory: broken(goodMemory, { client: () => ({ health: () => ({ connections: 0, pending: 0 }) }) }),
    caughtBy: [["lifecycle", "health shows the connection that was used, and no request that waits"]],
  },
  {
    fault: "never counts a connection down",
    factory: broken(goodMemory, {
      client: (good) => {
        let most = 0;
        return {
          health: () => {
            const { connections, pending } = good.health();
            most = Math.max(most, connections);
            return { connections: most, pending };
          },
          close: async () => {
            most = Math.max(most, good.health().connections);
            await good.close();
          },
        };
      },
    }),
    caughtBy: [["delivery", "two clients reach one server"]],
  },
];
