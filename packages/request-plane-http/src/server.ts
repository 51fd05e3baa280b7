import { formatSocketAddress, resolveHosts } from "@dynamo/request-plane-core";
import type { EndpointRegistration, PlaneHealth, RequestPlaneServer } from "@dynamo/request-plane-core";
import { EndpointTable } from "./endpoint-table.ts";
import { HttpListener } from "./listener.ts";
import { Router } from "./router.ts";
import type { HttpSettings } from "./settings.ts";

/** One listener for all endpoints and instances of a process. */
export class HttpServer implements RequestPlaneServer {
  readonly #settings: HttpSettings;
  readonly #endpoints = new EndpointTable();
  readonly #router: Router;
  readonly #listener: HttpListener;
  #baseUrl = "";

  constructor(settings: HttpSettings) {
    this.#settings = settings;
    this.#router = new Router(this.#endpoints, settings, () => this.#baseUrl);
    this.#listener = new HttpListener(settings, this.#router.handle);
  }

  async start(): Promise<void> {
    const hosts = resolveHosts(this.#settings.host, this.#settings.advertiseHost);
    const port = await this.#listener.start(hosts.bind);
    const authority = formatSocketAddress({ host: hosts.advertise, port });
    this.#baseUrl = `http://${authority}${this.#settings.rootPath}`;
  }

  async register(registration: EndpointRegistration): Promise<string> {
    return `${this.#baseUrl}/${this.#endpoints.add(registration)}`;
  }

  async unregister(address: string): Promise<void> {
    this.#endpoints.remove(address.slice(this.#baseUrl.length + 1));
  }

  async stop(): Promise<void> {
    this.#endpoints.clear();
    await this.#listener.stop();
    this.#router.close();
  }

  health(): PlaneHealth {
    return { connections: this.#listener.connections, pending: this.#router.pending };
  }
}
