import { describe, expect, it } from "vitest";
import { errorItem, errorOfItem, isErrorItem } from "../src/annotated.ts";
import type { Annotated } from "../src/annotated.ts";
import { toDynamoError } from "../src/dynamo-error.ts";
import type { DynamoError, ErrorDialect } from "../src/dynamo-error.ts";
import { fromDynamoError } from "../src/from-dynamo-error.ts";
import type { ErrorCode } from "../src/errors.ts";
import { RequestPlaneError } from "../src/errors.ts";

/** The HTTP status that Dynamo 1.6.1 gives an error, and which of our codes stand for it. */
const STATUS: Readonly<Record<ErrorCode, number>> = {
  invalid_argument: 400,
  unauthenticated: 401,
  permission_denied: 403,
  not_found: 404,
  conflict: 409,
  payload_too_large: 413,
  unsupported_media: 415,
  rate_limited: 429,
  cancelled: 499,
  handler_failed: 500,
  protocol_error: 500,
  invalid_configuration: 500,
  address_in_use: 500,
  closed: 500,
  internal: 500,
  not_implemented: 501,
  no_instances: 503,
  unknown_endpoint: 503,
  unavailable: 503,
  cannot_connect: 503,
  disconnected: 503,
  deadline_exceeded: 504,
  overloaded: 529,
};
const CODES = Object.keys(STATUS) as ErrorCode[];

/** Every `error_type` of releases 1.0 to 1.6, with the code we give it and the status 1.6.1 gives it. */
const TYPES: readonly [DynamoError["error_type"], ErrorCode, number][] = [
  ["Unknown", "handler_failed", 500],
  ["InvalidArgument", "invalid_argument", 400],
  ["CannotConnect", "cannot_connect", 503],
  ["Disconnected", "disconnected", 503],
  ["ConnectionTimeout", "deadline_exceeded", 504],
  ["ResponseTimeout", "deadline_exceeded", 504],
  ["Cancelled", "cancelled", 499],
  ["ResourceExhausted", "overloaded", 529],
  ["Unavailable", "unavailable", 503],
  ["WorkerOverloaded", "overloaded", 529],
  ["WorkerUnavailable", "unavailable", 503],
  [{ Backend: "Unknown" }, "handler_failed", 500],
  [{ Backend: "InvalidArgument" }, "invalid_argument", 400],
  [{ Backend: "CannotConnect" }, "unavailable", 503],
  [{ Backend: "Disconnected" }, "disconnected", 503],
  [{ Backend: "ConnectionTimeout" }, "deadline_exceeded", 504],
  [{ Backend: "ResponseTimeout" }, "deadline_exceeded", 504],
  [{ Backend: "Cancelled" }, "cancelled", 499],
  [{ Backend: "EngineShutdown" }, "disconnected", 503],
  [{ Backend: "StreamIncomplete" }, "disconnected", 503],
  ["SomethingNewer", "handler_failed", 500],
  [{ Backend: "SomethingNewer" }, "handler_failed", 500],
  [{ Frontend: "Cancelled" }, "handler_failed", 500],
  [undefined, "handler_failed", 500],
];

/** Every class of 1.6.1 with the reasons that belong to it, our code and the status. */
const CLASSES: readonly [errorClass: string, reasons: string, code: ErrorCode, status: number][] = [
  [
    "InvalidRequest",
    "request.invalid request.invalid_argument backend.invalid_argument",
    "invalid_argument",
    400,
  ],
  ["Unauthenticated", "request.unauthenticated", "unauthenticated", 401],
  ["PermissionDenied", "request.permission_denied", "permission_denied", 403],
  ["NotFound", "request.not_found", "not_found", 404],
  ["Conflict", "request.conflict", "conflict", 409],
  ["PayloadTooLarge", "request.payload_too_large", "payload_too_large", 413],
  ["UnsupportedMedia", "request.unsupported_media", "unsupported_media", 415],
  ["RateLimited", "request.rate_limited", "rate_limited", 429],
  ["Cancelled", "request.cancelled backend.cancelled", "cancelled", 499],
  [
    "Internal",
    "runtime.internal runtime.unclassified runtime.invalid_error backend.unknown",
    "handler_failed",
    500,
  ],
  ["BackendProtocol", "backend.unknown", "protocol_error", 500],
  ["NotImplemented", "runtime.not_implemented", "not_implemented", 501],
  [
    "Unavailable",
    "backend.unavailable backend.worker_unavailable backend.cannot_connect",
    "unavailable",
    503,
  ],
  ["Unavailable", "transport.cannot_connect", "cannot_connect", 503],
  [
    "Unavailable",
    "transport.disconnected backend.disconnected backend.stream_incomplete backend.engine_shutdown",
    "disconnected",
    503,
  ],
  [
    "DeadlineExceeded",
    "request.deadline_exceeded transport.connection_timeout backend.connection_timeout backend.response_timeout",
    "deadline_exceeded",
    504,
  ],
  [
    "CapacityExhausted",
    "capacity.exhausted capacity.pool_exhausted capacity.worker_overloaded",
    "overloaded",
    529,
  ],
];

const READABLE: Readonly<Record<ErrorDialect, readonly unknown[]>> = {
  "1.0": [
    ...["Unknown", "InvalidArgument", "CannotConnect", "Disconnected", "ConnectionTimeout"],
    { Backend: "EngineShutdown" },
  ],
  "1.2": [
    ...["Unknown", "InvalidArgument", "CannotConnect", "Disconnected", "ConnectionTimeout"],
    ...["ResponseTimeout", "Cancelled", "ResourceExhausted"],
    ...["Unknown", "InvalidArgument", "CannotConnect", "Disconnected", "ConnectionTimeout"].map(backend),
    ...["ResponseTimeout", "Cancelled", "EngineShutdown", "StreamIncomplete"].map(backend),
  ],
  "1.3": [
    ...["Unknown", "InvalidArgument", "CannotConnect", "Disconnected", "ConnectionTimeout"],
    ...["ResponseTimeout", "Cancelled", "ResourceExhausted", "Unavailable"],
    ...["Unknown", "InvalidArgument", "CannotConnect", "Disconnected", "ConnectionTimeout"].map(backend),
    ...["ResponseTimeout", "Cancelled", "EngineShutdown", "StreamIncomplete"].map(backend),
  ],
};
const DIALECTS = Object.keys(READABLE) as ErrorDialect[];

describe("errors of Dynamo as ours", () => {
  it.each(TYPES)("error_type %j is %s, which is HTTP %i", (error_type, code, status) => {
    const error = fromDynamoError({ ...(error_type && { error_type }), message: "boom" });
    expect(error).toMatchObject({ code, message: "boom", remote: true });
    expect(STATUS[error.code]).toBe(status);
  });

  const pairs = CLASSES.flatMap(([errorClass, reasons, code, status]) =>
    reasons.split(" ").map((reason) => [errorClass, reason, code, status] as const),
  );
  it.each(pairs)("class %s for reason %s is %s, which is HTTP %i", (errorClass, reason, code, status) => {
    const error = fromDynamoError({ error_type: "Unknown", class: errorClass, reason, message: "boom" });
    expect(error).toMatchObject({ code, message: "boom" });
    expect(STATUS[error.code]).toBe(status);
  });

  it("prefers the class to the older error_type", () => {
    const error = { error_type: "ResourceExhausted", class: "RateLimited", reason: "request.rate_limited" };
    expect(fromDynamoError(error).code).toBe("rate_limited");
  });

  it("takes an unknown class for a failure, whatever else the object says", () => {
    expect(fromDynamoError({ error_type: "Cancelled", class: "Newer", reason: "newer.reason" }).code).toBe(
      "handler_failed",
    );
  });

  // Dynamo 1.6.1 calls these Internal; we believe the half that we understand.
  it.each([
    [{ class: "NotFound", error_type: "Unknown" }, "not_found"],
    [{ class: "NotFound", reason: "request.conflict" }, "not_found"],
    [{ class: "InvalidRequest", reason: "transport.disconnected" }, "disconnected"],
    [{ class: "Newer", reason: "transport.disconnected" }, "disconnected"],
  ])("is more trusting than 1.6.1 with %j: %s", (error, code) => {
    expect(fromDynamoError(error).code).toBe(code);
  });

  it("keeps the causes, and takes the diagnostic where the message is missing", () => {
    const error = fromDynamoError({
      error_type: "Unknown",
      diagnostic: "outer",
      caused_by: { error_type: "Disconnected", message: "inner" },
    });
    expect(error.message).toBe("outer");
    expect(error.cause).toMatchObject({ code: "disconnected", message: "inner", remote: true });
  });

  it("bounds how many causes it follows", () => {
    let error: DynamoError = { message: "innermost" };
    for (let depth = 0; depth < 100_000; depth += 1) error = { message: "outer", caused_by: error };
    let depth = 0;
    for (
      let cause: unknown = fromDynamoError(error);
      cause instanceof RequestPlaneError;
      cause = cause.cause
    ) {
      depth += 1;
    }
    expect(depth).toBeGreaterThan(3);
    expect(depth).toBeLessThan(100);
  });

  it.each([
    { type: "message", message: "Too long" },
    { type: "size_limit", limit: 1, actual: 2 },
    { type: "context_length", limit: 1, actual: 2 },
    { type: "rate_limit", limit: 1, remaining: 0 },
  ] as const)("keeps what a client may read: $type", (details) => {
    expect(fromDynamoError({ public: details }).publicDetails).toEqual(details);
    const error = new RequestPlaneError("invalid_argument", "boom", { publicDetails: details });
    expect(fromDynamoError(toDynamoError(error)).publicDetails).toEqual(details);
  });

  it.each([
    null,
    1,
    "text",
    [],
    {},
    { type: "message" },
    { type: "message", message: 1 },
    { type: "newer" },
    { type: 1 },
  ])("drops public details of a shape it doesn't know: %j", (details) => {
    const error = fromDynamoError({ message: "boom", public: details } as unknown as DynamoError);
    expect(error).toMatchObject({ message: "boom", publicDetails: undefined });
  });

  it.each([
    {},
    [],
    { error_type: null, class: null, reason: null, message: null, caused_by: null, public: null },
    { error_type: [], message: {}, diagnostic: 1, caused_by: "text" },
    { error_type: { Backend: { Backend: "Unknown" } }, message: "" },
    { error_type: "toString", class: "constructor", reason: "__proto__" },
    { error_type: "hasOwnProperty" },
  ])("makes a failure without a text of its own of %j", (shape) => {
    expect(fromDynamoError(shape as unknown as DynamoError)).toMatchObject({
      code: "handler_failed",
      message: "unknown error",
      remote: true,
    });
  });
});

describe("our errors as Dynamo's", () => {
  const dialects = DIALECTS.flatMap((dialect) => CODES.map((code) => [code, dialect] as const));

  it.each(dialects)("%s has an error_type that release %s knows", (code, dialect) => {
    const { error_type } = toDynamoError(new RequestPlaneError(code, "boom"), dialect);
    expect(READABLE[dialect]).toContainEqual(error_type);
  });

  it.each(dialects)(
    "%s has a class and reason of 1.6.1 that belong together, for release %s too",
    (code, dialect) => {
      const object = toDynamoError(new RequestPlaneError(code, "boom"), dialect);
      const reasons = CLASSES.filter(([name]) => name === object.class).flatMap(([, all]) => all.split(" "));
      expect(reasons).toContain(object.reason);
      expect(object).toMatchObject({ message: "boom", diagnostic: "boom" });
    },
  );

  it.each(dialects)("%s keeps its HTTP status for 1.6.1 when written for release %s", (code, dialect) => {
    const { class: name, reason } = toDynamoError(new RequestPlaneError(code, "boom"), dialect);
    const row = CLASSES.find(([known, reasons]) => known === name && reasons.split(" ").includes(reason!));
    expect(row?.[3]).toBe(STATUS[code]);
  });

  it("writes its keys in Dynamo's order", () => {
    const publicDetails = { type: "message", message: "Too long" } as const;
    const error = new RequestPlaneError("invalid_argument", "boom", { publicDetails });
    expect(Object.keys(toDynamoError(error))).toEqual([
      "error_type",
      "class",
      "reason",
      "message",
      "diagnostic",
      "public",
    ]);
  });

  it("cuts a text at the 4096 bytes that 1.6.1 takes, and not inside a character", () => {
    for (const character of ["x", "é", "€", "😀"]) {
      const text = `a${character.repeat(5_000)}`;
      const { message, diagnostic } = toDynamoError(new RequestPlaneError("internal", text));
      expect(Buffer.byteLength(message!)).toBeLessThanOrEqual(4096);
      expect(Buffer.byteLength(message!)).toBeGreaterThan(4090);
      expect(text.startsWith(message!)).toBe(true);
      expect(message!.isWellFormed()).toBe(true);
      expect(diagnostic).toBe(message);
    }
  });

  /** Codes without a class and reason of their own. */
  const MERGED: Partial<Record<ErrorCode, ErrorCode>> = {
    no_instances: "unavailable",
    unknown_endpoint: "unavailable",
    protocol_error: "handler_failed",
    invalid_configuration: "handler_failed",
    address_in_use: "handler_failed",
    closed: "handler_failed",
    internal: "handler_failed",
  };

  it.each(dialects)(
    "%s comes back as itself, or as its one stand-in, from the form for release %s",
    (code, dialect) => {
      const there = toDynamoError(new RequestPlaneError(code, "boom"), dialect);
      const back = fromDynamoError(JSON.parse(JSON.stringify(there)) as DynamoError);
      expect(back).toMatchObject({ code: MERGED[code] ?? code, message: "boom", remote: true });
      expect(STATUS[back.code]).toBe(STATUS[code]);
    },
  );

  /** What a reader before 1.6, which sees the `error_type` alone, makes of our codes. */
  it.each([
    ["1.0", "rate_limited not_implemented cancelled overloaded handler_failed", "Unknown"],
    ["1.2", "rate_limited overloaded", "ResourceExhausted"],
    ["1.2", "no_instances unknown_endpoint unavailable", "CannotConnect"],
    ["1.3", "no_instances unknown_endpoint unavailable", "Unavailable"],
    ["1.0", "deadline_exceeded", "ConnectionTimeout"],
    ["1.2", "deadline_exceeded", "ResponseTimeout"],
  ] as const)("a reader of %s takes %s for %s", (dialect, codes, type) => {
    for (const code of codes.split(" ") as ErrorCode[]) {
      expect(toDynamoError(new RequestPlaneError(code, "boom"), dialect).error_type).toBe(type);
    }
  });
});

describe("error items", () => {
  it.each([
    [{ comment: ["boom"] }, "boom"],
    [{ comment: ["one", "two", "three"] }, "one, two, three"],
    [{ comment: ["text"], error: null }, "text"],
    [{ comment: ["text"], error: "gone" }, "text"],
    [{ comment: [] }, "unknown error"],
    [{ comment: "text" }, "unknown error"],
    [{ comment: null, error: null }, "unknown error"],
    [{ comment: ["one", { toString: 1, valueOf: 1 }, 2, null, "two"] }, "one, two"],
    [{}, "unknown error"],
    [{ data: { text: "hi" } }, "unknown error"],
  ])("%j says %s", (item, message) => {
    const annotated = { event: "error", ...item } as unknown as Annotated<unknown>;
    expect(isErrorItem(annotated)).toBe(true);
    expect(errorOfItem(annotated)).toMatchObject({ code: "handler_failed", message, remote: true });
  });

  it.each([
    ['{"code":400,"message":"bad"}', "invalid_argument", "bad"],
    ['{"code":429,"message":"later"}', "rate_limited", "later"],
    ['{"code":418,"message":"odd"}', "handler_failed", "odd"],
    ['{"code":"400","message":"bad"}', "handler_failed", '{"code":"400","message":"bad"}'],
    ["{no JSON", "handler_failed", "{no JSON"],
  ])("reads the status in an old comment: %s", (comment, code, message) => {
    expect(errorOfItem({ event: "error", comment: [comment] })).toMatchObject({ code, message });
  });

  it("prefers the error to the comment, and keeps its type", () => {
    const error = { error_type: "InvalidArgument", message: "new" };
    expect(errorOfItem({ event: "error", comment: ["old"], error })).toMatchObject({
      code: "invalid_argument",
      message: "new",
    });
  });

  it("are no error without the event", () => {
    expect(isErrorItem({ error: { message: "boom" } })).toBe(false);
    expect(isErrorItem({ event: "progress", comment: ["{}"] })).toBe(false);
  });

  it.each(DIALECTS)(
    "of ours for %s carry the text in both forms, the older without line breaks",
    (dialect) => {
      const item = errorItem(new RequestPlaneError("handler_failed", "one\r\ntwo\n\nthree"), dialect);
      expect(Object.keys(item)).toEqual(["event", "comment", "error"]);
      expect(item.comment).toEqual(["one two three"]);
      expect(errorOfItem(item)).toMatchObject({ code: "handler_failed", message: "one\r\ntwo\n\nthree" });
    },
  );
});

function backend(name: string): { Backend: string } {
  return { Backend: name };
}
