/**
 * What processes of Dynamo 0.7 tell each other of KV caches, and not the client. Source: kv-verified notes, section 2.3.
 */
import { parseJson } from "@dynamo/request-plane-core";
import { natsLink } from "@dynamo/request-plane-nats/connection";
import type { Msg, NatsLink } from "@dynamo/request-plane-nats/connection";
import type { Site } from "../site.ts";

/** What a router expected of the worker that it chose. */
export interface Hit {
  /** Id of the worker in decimal. */
  readonly worker: string;
  readonly promptBlocks: number;
  readonly cachedBlocks: number;
}

interface HitMessage {
  readonly worker_id: bigint | number;
  readonly isl_blocks: number;
  readonly overlap_blocks: number;
}

interface LoadMessage {
  readonly worker_id: bigint | number;
  readonly data: { readonly kv_stats: { readonly gpu_prefix_cache_hit_rate: number } };
}

export class KvNews implements AsyncDisposable {
  /** Of all requests, the last one last. */
  readonly hits: Hit[] = [];
  /** By worker: how much of a prompt its mocker had, the mean of all its requests. */
  readonly shares = new Map<string, number>();
  readonly #link: NatsLink;

  private constructor(link: NatsLink) {
    this.#link = link;
  }

  /** Hears all models of the suite from now on. */
  static async of({ surroundings }: Site): Promise<KvNews> {
    const link = natsLink({ servers: surroundings.natsUrl, environment: {} });
    const news = new KvNews(link);
    const connection = await link.connect();
    const take = (_error: Error | null, message: Msg): void => news.#take(message);
    connection.subscribe("namespace.chat.*", { callback: take });
    await connection.flush();
    return news;
  }

  /** How many events of the model the stream holds. */
  async storedEvents(model: string): Promise<number> {
    const { current } = this.#link;
    const stream = `namespace-chat-component-${model}-kv-events`;
    const answer = await current?.request(`$JS.API.STREAM.INFO.${stream}`);
    const { state } = answer?.json<{ state?: { messages: number } }>() ?? {};
    if (!state) throw new Error(`There is no stream ${stream}`);
    return state.messages;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#link.close();
  }

  #take({ subject, data }: Msg): void {
    const text = new TextDecoder().decode(data);
    // Others are in msgpack, of later releases.
    if (!text.startsWith("{")) return;
    if (subject.endsWith(".kv-hit-rate")) this.#takeHit(parseJson(text) as HitMessage);
    else if (subject.endsWith(".kv_metrics")) this.#takeLoad(parseJson(text) as LoadMessage);
  }

  #takeHit(message: HitMessage): void {
    const { worker_id: worker, isl_blocks: promptBlocks, overlap_blocks: cachedBlocks } = message;
    this.hits.push({ worker: String(worker), promptBlocks, cachedBlocks });
  }

  #takeLoad({ worker_id: worker, data }: LoadMessage): void {
    this.shares.set(String(worker), data.kv_stats.gpu_prefix_cache_hit_rate);
  }
}
