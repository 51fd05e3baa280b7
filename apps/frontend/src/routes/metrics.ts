/**
 * `GET /metrics`, for Prometheus.
 */
import type { FastifyInstance } from "fastify";
import type { FrontendMetrics } from "../metrics/frontend-metrics.ts";

export function metricsRoute(app: FastifyInstance, metrics: FrontendMetrics): void {
  app.get("/metrics", async (_request, reply) => {
    const text = await metrics.text();
    return reply.header("content-type", metrics.contentType).send(text);
  });
}
