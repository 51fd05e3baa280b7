/**
 * Where routing by KV cache is tried.
 */
import { mkdtempDisposable } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEtcdServer } from "@dynamo/etcd-server";
import { startNatsServer } from "@dynamo/nats-server";
import { isSince, lackOf } from "../releases.ts";
import type { Release } from "../releases.ts";
import type { Site, Surroundings } from "../site.ts";

/** Why events of the release can't be carried, in a sentence: it can't use the NATS server that there is. */
export function lackOfKvEvents(release: Release): string | undefined {
  return isSince(release, "1.3") ? undefined : lackOf(release, "nats")?.why;
}

/**
 * Since 1.3 events go over ZMQ, and discovery says from where. Up to 1.2 they go over JetStream, and routers know each
 * other through etcd. One that finds routers of another etcd in its NATS takes their consumers away.
 */
export async function kvSite(site: Site): Promise<AsyncDisposable & { readonly site: Site }> {
  await using started = new AsyncDisposableStack();
  const servers = site.isSince("1.3") ? {} : await startServers(started);
  const apart = started.use(site.apart("kv", servers));
  const opened = started.move();
  return { site: apart, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

async function startServers(started: AsyncDisposableStack): Promise<Partial<Surroundings>> {
  const folder = started.use(await mkdtempDisposable(join(tmpdir(), "dynamo-interop-jetstream-")));
  const lines = [`jetstream { store_dir: ${JSON.stringify(folder.path)} }`];
  const nats = started.use(await startNatsServer({ lines }));
  const etcd = started.use(await startEtcdServer());
  return { natsUrl: nats.url, etcdUrl: etcd.url };
}
