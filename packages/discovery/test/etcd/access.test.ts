/** Who may use etcd, and how that is set. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { EtcdServer } from "@dynamo/etcd-server";
import { describeWithEtcd, etcdServer } from "@dynamo/etcd-server/vitest";
import { describe, expect, test } from "vitest";
import { etcdDiscovery } from "../../src/etcd/index.ts";
import type { EtcdDiscoveryOptions } from "../../src/etcd/index.ts";
import { until } from "@dynamo/test-support";
import { recordingLogger } from "@dynamo/test-world";
import { closedAfterTest, ENDPOINTS, Follower, temporaryFolder } from "../helpers.ts";
import { endpoint } from "../records.ts";

const { logger } = recordingLogger();
const open = (options: EtcdDiscoveryOptions) =>
  closedAfterTest(etcdDiscovery({ environment: {}, logger, leaseTtlMs: 2_000, ...options }));
const error = (code: string, text: string): unknown =>
  expect.objectContaining({ code, message: expect.stringContaining(text) as unknown });

async function withUsers(server: EtcdServer): Promise<void> {
  await server.admin("auth/user/add", { name: "root", password: "secret" });
  await server.admin("auth/role/add", { name: "root" });
  await server.admin("auth/user/grant", { user: "root", role: "root" });
  await server.admin("auth/user/add", { name: "nobody", password: "none" });
  await server.admin("auth/enable", {});
}

async function certificate(): Promise<{ cert: string; key: string }> {
  const folder = await temporaryFolder();
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  await promisify(execFile)("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"],
    ...["-keyout", key, "-out", cert, "-subj", "/CN=localhost"],
    ...["-addext", "subjectAltName=IP:127.0.0.1"],
  ]);
  return { key, cert };
}

describeWithEtcd("access to etcd", () => {
  test("with name and password, also after a restart in which etcd forgot the token", async () => {
    const server = await etcdServer();
    await withUsers(server);
    const login = { username: "root", password: "secret" };
    const discovery = open({ endpoints: server.url, ...login });
    const follower = new Follower(open({ endpoints: server.url, ...login }).watch(ENDPOINTS));
    await discovery.register(endpoint(1n));
    await until("it is seen", () => follower.known.size === 1);
    await server.kill();
    await server.start();
    await discovery.register(endpoint(2n));
    await until("the next is seen", () => follower.known.size === 2);
  });

  test("a wrong password, no login, and a user without rights", async () => {
    const server = await etcdServer();
    await withUsers(server);
    const { url: endpoints } = server;
    const wrong = open({ endpoints, username: "root", password: "wrong" });
    await expect(wrong.list(ENDPOINTS)).rejects.toThrow(error("unauthenticated", "authentication failed"));
    await expect(open({ endpoints }).list(ENDPOINTS)).rejects.toThrow(
      error("unauthenticated", "user name is empty"),
    );
    const nobody = open({ endpoints, username: "nobody", password: "none" });
    await expect(nobody.register(endpoint(1n))).rejects.toThrow(
      error("permission_denied", "permission denied"),
    );
  });

  test("over TLS, with a certificate of its own where etcd asks for one", async () => {
    const [own, client] = [await certificate(), await certificate()];
    const server = await etcdServer({ ...own, clientCa: client.cert });
    const { url: endpoints } = server;
    const discovery = open({ endpoints, ca: own.cert, clientCert: client.cert, clientKey: client.key });
    await discovery.register(endpoint(1n));
    expect(await discovery.list(ENDPOINTS)).toEqual([endpoint(1n)]);
    const bare = open({ endpoints, ca: own.cert });
    await expect(bare.list(ENDPOINTS)).rejects.toThrow(error("cannot_connect", server.url.slice(8)));
    const distrustful = open({ endpoints });
    await expect(distrustful.list(ENDPOINTS)).rejects.toThrow(error("cannot_connect", "certificate"));
  });
});

describe("settings of etcd", () => {
  test("nobody there is an error that names the address", async () => {
    const discovery = open({ endpoints: "http://127.0.0.1:1" });
    await expect(discovery.register(endpoint(1n))).rejects.toThrow(error("cannot_connect", "127.0.0.1:1"));
  });

  test.each([
    [{ endpoints: "ftp://x" }, "ETCD_ENDPOINTS"],
    [{ endpoints: "http://a:1,https://b:1" }, "mixes http and https"],
    [{ endpoints: " , " }, "names no address"],
    [{ endpoints: "https://a:1", clientCert: "x" }, "ETCD_AUTH_CLIENT_KEY"],
    [{ endpoints: "https://a:1", ca: "/not/there" }, "ETCD_AUTH_CA: ENOENT"],
    [{ endpoints: "http://a:1", ca: "x" }, "need https"],
    [{ endpoints: "http://a:1", username: "x" }, "ETCD_AUTH_PASSWORD"],
    [{ endpoints: "http://a:1", leaseTtlMs: 1 }, "ETCD_LEASE_TTL"],
  ])("%j is refused", (options, text) => {
    expect(() => etcdDiscovery({ environment: {}, ...options })).toThrow(
      error("invalid_configuration", text),
    );
  });

  test("variables are Dynamo's", () => {
    const environment = { ETCD_ENDPOINTS: "https://a:1", ETCD_AUTH_CA: "/from/the/environment" };
    expect(() => etcdDiscovery({ environment })).toThrow(
      error("invalid_configuration", "/from/the/environment"),
    );
  });
});
