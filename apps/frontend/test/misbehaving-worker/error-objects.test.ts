import { describe, expect, test } from "vitest";
import { failure, success } from "./support/outcome.ts";
import { Scene } from "./support/scene.ts";
import { begin, chunk, end, errorItem, item, send } from "./support/steps.ts";

interface Row {
  /** Ends with what is different in Dynamo 1.6.1, where something is. */
  readonly name: string;
  readonly error: object;
  readonly status: number;
  /** More of the error that the client gets. */
  readonly details?: object;
  /** Whether another worker is asked instead. */
  readonly elsewhere: boolean;
}

const FAULTS: Row[] = [
  ...typed(500, false, ["Unknown", "Newer", { Backend: "Unknown" }, { Backend: "Newer" }, undefined]),
  ...typed(400, false, ["InvalidArgument", { Backend: "InvalidArgument" }]),
  ...typed(503, true, ["CannotConnect", "Disconnected", "WorkerUnavailable", "Unavailable"]),
  ...typed(503, true, [{ Backend: "CannotConnect" }, { Backend: "Disconnected" }]),
  ...typed(503, true, [{ Backend: "EngineShutdown" }, { Backend: "StreamIncomplete" }]),
  ...typed(504, true, ["ConnectionTimeout", "ResponseTimeout"]),
  ...typed(504, true, [{ Backend: "ConnectionTimeout" }, { Backend: "ResponseTimeout" }]),
  ...typed(499, false, ["Cancelled", { Backend: "Cancelled" }]),
  ...typed(529, true, ["ResourceExhausted", "WorkerOverloaded"]),
];

const CLASSES: Row[] = [
  classed("NotFound", "request.not_found", 404),
  classed("Unauthenticated", "request.unauthenticated", 401),
  classed("PermissionDenied", "request.permission_denied", 403),
  classed("Conflict", "request.conflict", 409),
  classed("PayloadTooLarge", "request.payload_too_large", 413),
  classed("UnsupportedMedia", "request.unsupported_media", 415),
  classed("RateLimited", "request.rate_limited", 429),
  classed("NotImplemented", "runtime.not_implemented", 501),
  { ...classed("CapacityExhausted", "capacity.worker_overloaded", 529), elsewhere: true },
  { ...classed("Unavailable", "backend.unavailable", 503), elsewhere: true },
  { ...classed("DeadlineExceeded", "backend.response_timeout", 504), elsewhere: true },
  classed("Newer", "newer.reason", 500),
  { ...classed("NotFound", undefined, 404), name: "class NotFound without a reason; 404 (1.6.1: 500)" },
  {
    ...classed("NotFound", "request.conflict", 404),
    name: "class NotFound with the reason of another class; 404 (1.6.1: 500)",
  },
];

const words = { type: "message", message: "Prompt has no verb" };
const limits = { type: "context_length", limit: 10, actual: 11 };

const PUBLIC: Row[] = [
  {
    name: "words for clients are shown",
    error: { error_type: "InvalidArgument", public: words },
    status: 400,
    details: { message: words.message },
    elsewhere: false,
  },
  {
    name: "words for clients are shown with a failure of the handler",
    error: { error_type: { Backend: "Unknown" }, public: words },
    status: 500,
    details: { message: words.message },
    elsewhere: false,
  },
  {
    name: "words for clients are not shown for a worker without room",
    error: { error_type: "ResourceExhausted", public: words },
    status: 529,
    elsewhere: true,
  },
  {
    name: "limits are details",
    error: { error_type: "InvalidArgument", public: limits },
    status: 400,
    details: { details: limits },
    elsewhere: false,
  },
];

function typed(status: number, elsewhere: boolean, types: unknown[]): Row[] {
  return types.map((type) => ({
    name: `error_type ${JSON.stringify(type) ?? "missing"}; ${status}`,
    error: { ...(type !== undefined && { error_type: type }) },
    status,
    elsewhere,
  }));
}

function classed(errorClass: string, reason: string | undefined, status: number): Row {
  const error = { error_type: "Unknown", class: errorClass, ...(reason !== undefined && { reason }) };
  return {
    name: `class ${errorClass}, reason ${String(reason)}; ${status}`,
    error,
    status,
    elsewhere: false,
  };
}

const SECRET = "boom\n\ndata: forged";

for (const { name, error, status, details, elsewhere } of [...FAULTS, ...CLASSES, ...PUBLIC]) {
  const failing = errorItem({ ...error, message: SECRET, diagnostic: SECRET });
  const first = [...begin, send(failing), end];
  const second = [...begin, send(chunk("a"), failing), end];
  const expected = failure(status, details);

  describe.concurrent(name, () => {
    test("first: a status of its own; later: an error event with the same words", async () => {
      await using scene = await Scene.start();
      await scene.scripted(first, first, second, second);
      expect(await scene.ask(false)).toEqual(expected);
      expect(await scene.ask(true)).toEqual(expected);
      expect(await scene.ask(true)).toEqual({ ...expected, status: 200, content: "a" });
      expect(await scene.ask(false)).toEqual(expected);
    });

    test(elsewhere ? "first: a healthy worker answers instead" : "first: nobody else is asked", async () => {
      await using scene = await Scene.start();
      await scene.scripted(first);
      await scene.healthy();
      expect(await scene.ask(false)).toEqual(elsewhere ? success("healthy") : expected);
      expect(await scene.ask(false)).toEqual(success("healthy"));
    });
  });
}

test("an old comment with a status in it: that status", async () => {
  await using scene = await Scene.start();
  const comment = [JSON.stringify({ code: 400, message: "bad" })];
  await scene.scripted([...begin, send(item({ event: "error", comment })), end]);
  expect(await scene.ask(false)).toEqual(failure(400));
});
