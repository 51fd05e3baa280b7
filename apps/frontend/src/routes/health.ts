/**
 * `GET /health`, for load balancers and people, and `GET /live`, for supervisors.
 */
import { encodeJson, formatEndpointName } from "@dynamo/request-plane-core";
import type { Discovery, DiscoveryRecord } from "@dynamo/request-plane-core";
import type { FastifyInstance } from "fastify";
import type { RunningRequests } from "../running-requests.ts";

export interface HealthDependencies {
  readonly discovery: Discovery;
  readonly running: RunningRequests;
  readonly namespace: string | undefined;
}

export function healthRoutes(app: FastifyInstance, dependencies: HealthDependencies): void {
  const { discovery, running, namespace } = dependencies;
  const query = { type: "Endpoint", ...(namespace !== undefined && { namespace }) } as const;

  app.get("/health", async (_request, reply) => {
    // Instance ids are 64-bit, which JSON.stringify alone can't write.
    reply.type("application/json");
    if (running.isDraining) return reply.code(503).send(encodeJson({ status: "shutting_down" }));
    const records = await discovery.list(query);
    return reply.send(encodeJson({ status: "healthy", ...describe(records) }));
  });

  app.get("/live", () => ({ status: "live", message: "The frontend is running" }));
}

function describe(records: readonly DiscoveryRecord[]): object {
  const endpoints = new Set(records.map((record) => `dyn://${formatEndpointName(record)}`));
  return { endpoints: [...endpoints], instances: records.map(({ type: _type, ...instance }) => instance) };
}
