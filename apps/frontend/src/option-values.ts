/**
 * The texts of flags and environment variables as values. Each function throws commander's
 * `InvalidArgumentError` with a sentence that says what is allowed.
 */
import { parseRequestPlaneMode, RequestPlaneError } from "@dynamo/request-plane-core";
import type { RequestPlaneMode } from "@dynamo/request-plane-core";
import { InvalidArgumentError } from "commander";

export function port(text: string): number {
  const value = wholeNumber(text);
  if (value === undefined || value > 65_535)
    throw new InvalidArgumentError("Expected a port from 0 to 65535.");
  return value;
}

export function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= 0 && value <= MAX_SECONDS)) {
    throw new InvalidArgumentError(`Expected seconds from 0 to ${MAX_SECONDS}.`);
  }
  return value;
}

export function count(text: string): number {
  const value = wholeNumber(text);
  if (value === undefined) throw new InvalidArgumentError("Expected a whole number from 0 to 999999999.");
  return value;
}

export function megabytes(text: string): number {
  const value = wholeNumber(text);
  if (value === undefined || value < 1 || value > MAX_MEGABYTES) {
    throw new InvalidArgumentError(`Expected a whole number of megabytes from 1 to ${MAX_MEGABYTES}.`);
  }
  return value;
}

/** Dynamo takes up to 999, Fastify knows none above 599. */
export function httpStatus(text: string): number {
  const value = wholeNumber(text);
  if (value === undefined || value < 200 || value > 599)
    throw new InvalidArgumentError("Expected an HTTP status from 200 to 599.");
  return value;
}

export function requestPlane(text: string): RequestPlaneMode {
  try {
    return parseRequestPlaneMode(text);
  } catch (error) {
    throw new InvalidArgumentError(RequestPlaneError.from(error).message);
  }
}

/** Comma-separated; `*` is any. */
export function origins(text: string): readonly string[] {
  const list = text.split(",").map((origin) => origin.trim());
  const wrong = list.find((origin) => origin !== "*" && !isOrigin(origin));
  if (wrong === undefined) return list;
  throw new InvalidArgumentError(
    `'${wrong}' is not an origin. Expected for example https://example.com, or *.`,
  );
}

/** The first part of the name of a Prometheus metric. */
export function metricsPrefix(text: string): string {
  if (/^[a-zA-Z_:][\w:]*$/.test(text)) return text;
  throw new InvalidArgumentError("Expected letters, digits, underscores and colons, no digit in front.");
}

/** As Dynamo's releases of 2026 read true and false. */
export function flag(text: string): boolean {
  const word = text.trim().toLowerCase();
  if (["1", "true", "on", "yes"].includes(word)) return true;
  if (["0", "false", "off", "no"].includes(word)) return false;
  throw new InvalidArgumentError("Expected true or false, 1 or 0, on or off, yes or no.");
}

export function numberFrom(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== "" && value >= least && value <= most) return value;
    const end = most === Number.MAX_VALUE ? "or more" : `to ${most}`;
    throw new InvalidArgumentError(`Expected a number, ${least} ${end}.`);
  };
}

export function wholeNumberFrom(least: number): (text: string) => number {
  return (text) => {
    const value = wholeNumber(text);
    if (value !== undefined && value >= least) return value;
    throw new InvalidArgumentError(`Expected a whole number, ${least} or more, of at most 9 digits.`);
  };
}

/** A day, as for the bounds of the request plane. */
const MAX_SECONDS = 86_400;
/** Longer texts than this don't fit into one string. */
const MAX_MEGABYTES = 500;

function wholeNumber(text: string): number | undefined {
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text;
}
