import type { ConformanceCase } from "./case.ts";
import { ADDRESS_FORMS } from "./cases/address-forms.ts";
import { BACK_PRESSURE } from "./cases/back-pressure.ts";
import { BAD_PEERS } from "./cases/bad-peers.ts";
import { CANCELLATION } from "./cases/cancellation.ts";
import { CONCURRENCY } from "./cases/concurrency.ts";
import { DEADLINES } from "./cases/deadlines.ts";
import { DELIVERY } from "./cases/delivery.ts";
import { END_AND_ERRORS } from "./cases/end-and-errors.ts";
import { HEADERS } from "./cases/headers.ts";
import { LIFECYCLE } from "./cases/lifecycle.ts";
import { LIMITS } from "./cases/limits.ts";
import { RECONNECTION } from "./cases/reconnection.ts";
import { STREAMING } from "./cases/streaming.ts";
import { TRUNCATION } from "./cases/truncation.ts";

/** Every case of the kit, group by group. */
export const CASES: readonly ConformanceCase[] = [
  ...DELIVERY,
  ...STREAMING,
  ...END_AND_ERRORS,
  ...TRUNCATION,
  ...CANCELLATION,
  ...DEADLINES,
  ...BACK_PRESSURE,
  ...LIMITS,
  ...CONCURRENCY,
  ...LIFECYCLE,
  ...RECONNECTION,
  ...ADDRESS_FORMS,
  ...HEADERS,
  ...BAD_PEERS,
];
