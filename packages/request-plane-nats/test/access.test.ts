import { execFile } from "node:child_process";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { NatsTls } from "@dynamo/nats-server";
import { describeWithNats, natsServer } from "@dynamo/nats-server/vitest";
import { describe, expect, it } from "vitest";
import { nats } from "../src/index.ts";
import { nkey, Operator } from "./support/credentials.ts";
import { folder } from "./support/folder.ts";
import { plane, request, serve } from "./support/plane.ts";
import type { Plane } from "./support/plane.ts";
import { until } from "@dynamo/test-support";
import { failureOf, succeeds } from "@dynamo/test-world";

/** Settings as variables, since those are what people set. */
const using = (environment: Record<string, string>): Plane => plane({ environment });

async function expectToWork({ client, server }: Plane): Promise<void> {
  const { address, received } = await serve(server);
  await client.deliver(request(address));
  expect(received).toHaveLength(1);
}

async function expectRefusal({ client }: Plane, identity: string): Promise<void> {
  const error = await failureOf(client.deliver(request("a")));
  expect(error).toMatchObject({ code: "unauthenticated", facts: { setting: "NATS_AUTH_*" } });
  expect(error.retryableElsewhere).toBe(false);
  expect(error.message).toContain(identity);
  for (const name of ["USERNAME", "PASSWORD", "TOKEN", "NKEY", "CREDENTIALS_FILE"]) {
    expect(error.message).toContain(`NATS_AUTH_${name}`);
  }
}

describeWithNats("authentication", () => {
  it("with user and password", async () => {
    const { url } = await natsServer({ auth: { user: "ann", password: "s3cret" } });
    await expectToWork(using({ NATS_SERVER: url, NATS_AUTH_USERNAME: "ann", NATS_AUTH_PASSWORD: "s3cret" }));
    const wrong = using({ NATS_SERVER: url, NATS_AUTH_USERNAME: "ann", NATS_AUTH_PASSWORD: "wrong" });
    await expectRefusal(wrong, "refused NATS_AUTH_USERNAME and NATS_AUTH_PASSWORD");
    expect((await failureOf(wrong.server.start())).message).not.toContain("wrong");
  });

  it("with a token", async () => {
    const { url } = await natsServer({ auth: { token: "t0ken" } });
    await expectToWork(using({ NATS_SERVER: url, NATS_AUTH_TOKEN: "t0ken" }));
    await expectRefusal(using({ NATS_SERVER: url, NATS_AUTH_TOKEN: "wrong" }), "refused NATS_AUTH_TOKEN");
  });

  it("with an NKey", async () => {
    const [good, other] = [nkey(), nkey()];
    const { url } = await natsServer({ auth: { nkey: good.publicKey } });
    await expectToWork(using({ NATS_SERVER: url, NATS_AUTH_NKEY: good.seed }));
    await expectRefusal(using({ NATS_SERVER: url, NATS_AUTH_NKEY: other.seed }), "refused NATS_AUTH_NKEY");
  });

  it("with a file of credentials, which is read again at the next connection", async () => {
    const operator = new Operator();
    const server = await natsServer({ auth: { operator: operator.jwt, accounts: operator.accounts } });
    const file = join(await folder(), "user.creds");
    await operator.writeUser(file);
    const environment = { NATS_SERVER: server.url, NATS_AUTH_CREDENTIALS_FILE: file };
    const both = using(environment);
    await expectToWork(both);
    // One that can't be read is made up for by the last good one.
    await rm(file);
    await server.restart();
    await until("it is connected again", () => both.client.health().connections === 1);
    const next = new Operator();
    await next.writeUser(file);
    await server.restart({ auth: { operator: next.jwt, accounts: next.accounts } });
    await until("it is connected as somebody else", () => both.client.health().connections === 1);
    await new Operator().writeUser(file);
    await expectRefusal(using(environment), `NATS_AUTH_CREDENTIALS_FILE (${file})`);
  });

  it("as Dynamo does without any: user and user, which an open server ignores", async () => {
    await expectToWork(using({ NATS_SERVER: (await natsServer()).url }));
    await expectToWork(
      using({ NATS_SERVER: (await natsServer({ auth: { user: "user", password: "user" } })).url }),
    );
    const { url } = await natsServer({ auth: { user: "ann", password: "s3cret" } });
    await expectRefusal(using({ NATS_SERVER: url }), "the default user");
  });

  it("in the URL, where nothing else is given", async () => {
    const { url, port } = await natsServer({ auth: { user: "ann", password: "a:b@c" } });
    await expectToWork(using({ NATS_SERVER: `nats://ann:a%3Ab%40c@127.0.0.1:${port}` }));
    const wrong = using({ NATS_SERVER: `nats://ann:wrong@127.0.0.1:${port}` });
    await expectRefusal(wrong, "in NATS_SERVER");
    const error = await failureOf(wrong.server.start());
    expect(error.message).toContain(url);
    expect(error.message).not.toContain("wrong");
    const token = await natsServer({ auth: { token: "t0ken" } });
    await expectToWork(using({ NATS_SERVER: `nats://t0ken@127.0.0.1:${token.port}` }));
  });

  it("takes the first way that is given, in Dynamo's order", async () => {
    const key = nkey();
    const file = join(await folder(), "none");
    const all: [string, string][] = [
      ["NATS_AUTH_USERNAME", "ann"],
      ["NATS_AUTH_PASSWORD", "s3cret"],
      ["NATS_AUTH_TOKEN", "t0ken"],
      ["NATS_AUTH_NKEY", key.seed],
      ["NATS_AUTH_CREDENTIALS_FILE", file],
    ];
    const servers = [
      await natsServer({ auth: { user: "ann", password: "s3cret" } }),
      await natsServer({ auth: { token: "t0ken" } }),
      await natsServer({ auth: { nkey: key.publicKey } }),
      await natsServer({ auth: { token: "t0ken" } }),
    ];
    // A user without a password doesn't count.
    const given = [all, all.slice(2), all.slice(3), [all[0]!, ...all.slice(2)]];
    for (const [index, server] of servers.entries()) {
      await expectToWork(using({ NATS_SERVER: server.url, ...Object.fromEntries(given[index]!) }));
    }
  });

  it("that is refused for a while is tried again until it is taken", async () => {
    const good = { auth: { user: "user", password: "user" } };
    const server = await natsServer(good);
    const both = using({ NATS_SERVER: server.url });
    await expectToWork(both);
    await server.restart({ auth: { user: "ann", password: "s3cret" } });
    await until("the refusals are reported", () => both.warnings.join().includes("Authorization Violation"));
    const refusals = (): number => server.output.split("authentication error").length;
    await until("it has tried often", () => refusals() > 8);
    expect(both.warnings.filter((warning) => warning.includes("Authorization")).length).toBeLessThanOrEqual(
      2,
    );
    await server.restart(good);
    await until("it is connected again", () => both.client.health().connections === 1);
  });
});

describeWithNats("TLS", () => {
  it("works with a certificate that is trusted, by name and by address", async () => {
    const tls = await certificate();
    for (const host of ["localhost", "127.0.0.1"]) {
      const { port } = await natsServer({ tls });
      await expectToWork(using({ NATS_SERVER: `tls://${host}:${port}`, NATS_TLS_CA_CERT_PATH: tls.cert }));
    }
  });

  it("is refused without trust, unless told not to check", async () => {
    const { port } = await natsServer({ tls: await certificate() });
    const NATS_SERVER = `tls://localhost:${port}`;
    const error = await failureOf(using({ NATS_SERVER }).client.deliver(request("a")));
    expect(error).toMatchObject({ code: "cannot_connect" });
    expect(error.message).toMatch(/certificate/i);
    await expectToWork(using({ NATS_SERVER, NATS_TLS_INSECURE: "True" }));
  });

  it("is never left out when tls:// was asked for", async () => {
    const { port } = await natsServer();
    const { client } = using({ NATS_SERVER: `tls://127.0.0.1:${port}`, NATS_TLS_INSECURE: "1" });
    const error = await failureOf(client.deliver(request("a")));
    expect(error).toMatchObject({ code: "cannot_connect" });
    expect(error.message).toContain("tls");
  });

  it("comes back after a restart, and ends when the server freezes", async () => {
    const tls = await certificate();
    const server = await natsServer({ tls });
    const both = plane({ servers: server.url, tlsCaCertPath: tls.cert, pingIntervalMs: 100 });
    const { address } = await serve(both.server);
    await both.client.deliver(request(address));
    await server.kill("SIGSTOP");
    expect(await failureOf(both.client.deliver(request(address)))).toMatchObject({ code: "disconnected" });
    await server.restart();
    await until("a request is taken", () => succeeds(both.client.deliver(request(address))));
  });
});

describe("variables that can't be used", () => {
  const secret = "s3cret";
  it.each<[string, Record<string, string>]>([
    ["NATS_SERVER", { NATS_SERVER: "localhost:4222" }],
    ["NATS_SERVER", { NATS_SERVER: "http://localhost:4222" }],
    ["NATS_SERVER", { NATS_SERVER: "nats://" }],
    ["NATS_SERVER", { NATS_SERVER: "nats://localhost:port" }],
    ["NATS_SERVER", { NATS_SERVER: `nats://ann:${secret}@host:port` }],
    ["NATS_SERVER", { NATS_SERVER: "nats://a," }],
    ["NATS_SERVER", { NATS_SERVER: "nats://a,tls://b" }],
    ["NATS_AUTH_NKEY", { NATS_AUTH_NKEY: secret }],
    ["NATS_AUTH_CREDENTIALS_FILE", { NATS_AUTH_CREDENTIALS_FILE: "/no/such/file" }],
    ["NATS_AUTH_CREDENTIALS_FILE", { NATS_AUTH_CREDENTIALS_FILE: "/dev/null" }],
    ["NATS_TLS_CA_CERT_PATH", { NATS_SERVER: "tls://a", NATS_TLS_CA_CERT_PATH: "/no/such/file" }],
    ["NATS_TLS_CA_CERT_PATH", { NATS_SERVER: "nats://a", NATS_TLS_CA_CERT_PATH: "/dev/null" }],
    ["NATS_TLS_INSECURE", { NATS_SERVER: "nats://a", NATS_TLS_INSECURE: "on" }],
  ])("make the first use fail, naming %s: %j", async (setting, environment) => {
    const { client, server } = using(environment);
    for (const use of [() => client.deliver(request("a")), () => server.start()]) {
      const error = await failureOf(use());
      expect(error).toMatchObject({ code: "invalid_configuration", facts: { setting } });
      expect(error.message).toContain(setting);
      expect(error.message).not.toContain(secret);
    }
  });

  it("throw at once when they are options", () => {
    for (const options of [
      { servers: "localhost" },
      { pingIntervalMs: 0 },
      { connectTimeoutMs: -1 },
      { requestTimeoutMs: 0 },
    ]) {
      expect(() => nats({ environment: {}, ...options })).toThrow(
        expect.objectContaining({ code: "invalid_configuration" }) as Error,
      );
    }
  });

  it("of no importance here give one warning and the default", async () => {
    const warnings: string[] = [];
    const nothing = (): void => undefined;
    const warn = (_facts: object, message: string): void => void warnings.push(message);
    nats({
      environment: { DYN_NATS_REQUEST_TIMEOUT_SECS: "0" },
      logger: { debug: nothing, info: nothing, error: nothing, warn },
    });
    expect(warnings).toEqual([expect.stringContaining("DYN_NATS_REQUEST_TIMEOUT_SECS='0'")]);
  });
});

/** For localhost, by name and by address. */
async function certificate(): Promise<NatsTls> {
  const path = await folder();
  const [key, cert] = [join(path, "key.pem"), join(path, "cert.pem")];
  await writeFile(key, "", { mode: 0o600 });
  await promisify(execFile)("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", "2"],
    ...["-keyout", key, "-out", cert, "-subj", "/CN=localhost"],
    ...["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
  ]);
  return { key, cert };
}
