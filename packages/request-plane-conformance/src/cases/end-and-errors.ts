/**
 * A response ends in one of two ways: whole, or with an error that says what went wrong.
 */
import assert from "node:assert/strict";
import { RequestPlaneError } from "@dynamo/request-plane-core";
import type { ErrorCode } from "@dynamo/request-plane-core";
import { inGroup } from "../case.ts";
import type { ConformanceCase } from "../case.ts";
import { collect, collectUntilError, fails } from "../checks.ts";
import type { ReferenceRequest } from "../reference/request.ts";
import { gate } from "../waiting.ts";
import { OPERATIONS } from "./operations.ts";

type Case = Omit<ConformanceCase, "group">;
const requires = ["own worker"] as const;

/** What a handler throws, and what its caller sees: Dynamo's error objects have fewer words than we. */
const CODES: Readonly<Partial<Record<ErrorCode, ErrorCode>>> = {
  invalid_argument: "invalid_argument",
  payload_too_large: "payload_too_large",
  unauthenticated: "unauthenticated",
  permission_denied: "permission_denied",
  not_found: "not_found",
  conflict: "conflict",
  unsupported_media: "unsupported_media",
  rate_limited: "rate_limited",
  not_implemented: "not_implemented",
  cancelled: "cancelled",
  no_instances: "unavailable",
  unknown_endpoint: "unavailable",
  overloaded: "overloaded",
  unavailable: "unavailable",
  cannot_connect: "cannot_connect",
  disconnected: "disconnected",
  deadline_exceeded: "deadline_exceeded",
  protocol_error: "handler_failed",
  handler_failed: "handler_failed",
  internal: "handler_failed",
};

const codes = Object.entries(CODES).map(([code, seen]): Case => ({
  name: `a handler that throws ${code} is heard as ${seen}`,
  run: async (world) => {
    const { client } = await world.reference();
    const request = { do: "fail", code: code as ErrorCode, message: `because of ${code}` } as const;
    const error = await fails(client.roundRobin(request), seen);
    assert.equal(error.remote, true, "The error doesn't say that the worker sent it");
    assert.match(error.message, new RegExp(`because of ${code}`));
  },
}));

const MESSAGES: Readonly<Record<string, string>> = {
  "a plain message": "out of luck",
  "a message in many scripts": "αποτυχία 失敗 🧨",
  "a message with quotes": `he said "no" \\ and left`,
};

const messages = Object.entries(MESSAGES).map(([what, message]): Case => ({
  name: `${what} of a handler's error reaches the caller`,
  run: async (world) => {
    const { client } = await world.reference();
    const error = await fails(client.roundRobin({ do: "fail", message }), "handler_failed");
    assert.equal(error.message, message);
  },
}));

const afterItems = [1, 5, 1000].map((after): Case => ({
  name: `an error after ${after} items comes after all of them`,
  run: async (world) => {
    const { client } = await world.reference();
    const call = client.roundRobin({ do: "fail", code: "invalid_argument", message: "enough", after });
    const { items, error } = await collectUntilError(call);
    assert.equal(items.length, after);
    assert.ok(RequestPlaneError.is(error) && error.code === "invalid_argument");
  },
}));

const vanished = Object.entries(OPERATIONS).map(([name, call]): Case => ({
  name: `${name}: a worker that vanishes before its first item is an error, never an empty response`,
  requires,
  run: async (world) => {
    const started = gate();
    const worker = await world.serve(async function* (_, { signal }) {
      started.open();
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      yield* [];
    });
    const { client } = await world.caller<ReferenceRequest>();
    const outcome = fails(
      call(client, "vanished", { failover: false }),
      "disconnected",
      "unavailable",
      "cannot_connect",
    );
    await started.passed;
    await worker.served.close({ drainMs: 0 });
    await outcome;
  },
}));

const others: readonly Case[] = [
  {
    name: "a response without items ends cleanly",
    run: async (world) => {
      const { client } = await world.reference();
      assert.deepEqual(await collect(client.roundRobin({ do: "count", items: 0 })), []);
    },
  },
  {
    name: "an error is told once; then the stream has ended",
    run: async (world) => {
      const { client } = await world.reference();
      const stream = await client.roundRobin({ do: "fail", message: "once", after: 1 });
      const items = stream[Symbol.asyncIterator]();
      await items.next();
      await fails(items.next(), "handler_failed");
      assert.equal((await items.next()).done, true);
    },
  },
  {
    name: "a request that the handler doesn't understand leaves the endpoint good for the next",
    run: async (world) => {
      const { client } = await world.reference();
      await fails(client.roundRobin({ do: "nonsense" } as never), "invalid_argument");
      assert.deepEqual(await collect(client.roundRobin({ do: "echo", value: 1 })), [1]);
    },
  },
  {
    name: "a thrown text is a failure with that text",
    requires,
    run: async (world) => {
      await world.serve(() => {
        // eslint-disable-next-line @typescript-eslint/only-throw-error -- what others throw is theirs
        throw "just words";
      });
      const { client } = await world.caller();
      assert.match((await fails(client.roundRobin({}), "handler_failed")).message, /just words/);
    },
  },
  {
    name: "what a handler lets the public know reaches the caller",
    requires,
    run: async (world) => {
      const publicDetails = { type: "message", message: "shown to clients" } as const;
      await world.serve(() => {
        throw new RequestPlaneError("invalid_argument", "internal words", { publicDetails });
      });
      const { client } = await world.caller();
      assert.deepEqual((await fails(client.roundRobin({}), "invalid_argument")).publicDetails, publicDetails);
    },
  },
  {
    name: "an item that JSON can't hold is an error of the response",
    requires,
    run: async (world) => {
      const circle: Record<string, unknown> = {};
      circle["self"] = circle;
      await world.serve(() => [1, circle]);
      const { client } = await world.caller();
      const { items } = await collectUntilError(client.roundRobin({}));
      assert.deepEqual(items, [1]);
    },
  },
  {
    name: "a worker that is cut off after an item is an error, never the end",
    requires,
    run: async (world) => {
      const worker = await world.serve(async function* (_, { signal }) {
        yield 1;
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      });
      const { client } = await world.caller();
      const stream = await client.roundRobin({});
      void worker.served.close({ drainMs: 0 });
      const { items, error } = await collectUntilError(Promise.resolve(stream));
      assert.deepEqual(items, [1]);
      assert.ok(RequestPlaneError.is(error) && error.code === "disconnected", String(error));
    },
  },
  {
    name: "an error says which request, endpoint and instance it is about",
    run: async (world) => {
      const { client } = await world.reference();
      const error = await fails(
        client.roundRobin({ do: "fail", message: "x" }, { id: "req-1" }),
        "handler_failed",
      );
      assert.equal(error.facts.requestId, "req-1");
      assert.match(error.facts.endpoint ?? "", new RegExp(world.name.namespace));
      assert.equal(BigInt(`0x${error.facts.instance}`), client.instances()[0]?.instance_id);
    },
  },
];

export const END_AND_ERRORS: readonly ConformanceCase[] = inGroup("end and errors", [
  ...others,
  ...codes,
  ...messages,
  ...afterItems,
  ...vanished,
]);
