/**
 * All metrics of one frontend, in a registry of its own: two frontends in a process don't see each other's.
 */
import type { ServerResponse } from "node:http";
import { Registry } from "@prometheus-io/client";
import type { HttpError } from "../errors.ts";
import { failureLabels } from "./failure-labels.ts";
import { registerGauges } from "./gauges.ts";
import type { Observed } from "./gauges.ts";
import { MigrationMetrics } from "./migration-metrics.ts";
import { ModelTallies } from "./model-tally.ts";
import { RequestMetrics } from "./request-metrics.ts";
import type { RequestLabels } from "./request-metrics.ts";
import { createSeries } from "./series.ts";
import type { Series } from "./series.ts";

/** Stands for every model that isn't there. */
export const UNKNOWN_MODEL = "unknown_model";

export class FrontendMetrics {
  readonly series: Series;
  readonly #registry = new Registry();
  readonly #tallies = new ModelTallies();

  /** @param prefix of all names, without the underscore behind it */
  constructor(prefix: string, models: Observed) {
    this.series = createSeries(this.#registry, prefix);
    registerGauges(this.#registry, prefix, { tallies: this.#tallies, models });
  }

  /** Counts a request from now until its response is over. */
  begin(labels: RequestLabels, response: ServerResponse): RequestMetrics {
    return new RequestMetrics(this.series, this.#tallies.of(labels.model), labels, response);
  }

  /** Counts what becomes of requests for the model whose worker is lost. */
  migrations(model: string): MigrationMetrics {
    return new MigrationMetrics(this.series, model);
  }

  /** Counts a failure that a client was told, or would have been told if it had waited. */
  failed(failure: HttpError): void {
    this.series.failures.inc({ ...failureLabels(failure) });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Everything in Prometheus' text format. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }
}
