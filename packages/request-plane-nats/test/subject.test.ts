import { describeWithNats, natsServer } from "@dynamo/nats-server/vitest";
import { describe, expect, it } from "vitest";
import { checkSubject, subjectOf } from "../src/subject.ts";
import { plane, request, serve } from "./support/plane.ts";
import { failureOf } from "@dynamo/test-world";

const subject = (namespace: string, component: string, endpoint: string, instanceId = 0x1a2bn): string =>
  subjectOf({ namespace, component, endpoint, instanceId });

const ODD_NAMES: readonly (readonly [string, string, string, string])[] = [
  ["dynamo", "backend", "generate", "dynamo_backend.generate-1a2b"],
  ["Dynamo", "Back-End", "Generate", "dynamo_back-end.Generate-1a2b"],
  ["my.app", "a b", "v1.generate", "my_app_a_b.v1%2Egenerate-1a2b"],
  ["_private", "grün", "größe", "private_gr_n.gr%C3%B6%C3%9Fe-1a2b"],
  ["a*", "b>", "*", "a__b_.%2A-1a2b"],
  ["a\tb", "c\r\nPING", ">\r\nPING", "a_b_c__ping.%3E%0D%0APING-1a2b"],
  ["😀", "x", "100%", "x.100%25-1a2b"],
  ["$SYS", "x", "$SYS", "sys_x.%24SYS-1a2b"],
];

describe("a subject", () => {
  it.each(ODD_NAMES)("of %j, %j, %j is %s", (namespace, component, endpoint, expected) => {
    expect(subject(namespace, component, endpoint)).toBe(expected);
    expect(() => checkSubject(expected)).not.toThrow();
  });

  it("is another one for every name of an endpoint", () => {
    const names = ["a.b", "a%2Eb", "a b", "a%20b", "a-1", "A.b", "%", "%25"];
    expect(new Set(names.map((name) => subject("n", "c", name))).size).toBe(names.length);
  });

  it("holds ids of 64 bits", () => {
    expect(subject("n", "c", "e", 2n ** 64n - 1n)).toBe("n_c.e-ffffffffffffffff");
  });

  it.each([
    ["", "c", "e"],
    ["n", "", "e"],
    ["n", "c", ""],
    ["***", "...", "e"],
    ["n", "c", "\ud800"],
    ["n", "c", "x".repeat(2_000)],
    ["n", "c", ".".repeat(700)],
  ])("is refused for %j, %j, %.10j", (namespace, component, endpoint) => {
    expect(() => subject(namespace, component, endpoint)).toThrow(
      expect.objectContaining({ code: "invalid_argument" }) as Error,
    );
  });
});

describe("an address of a record", () => {
  it.each(["a.b", "My.Name_space_c.generate-1a2b", "dynamo_backend.generate-b1c4781355abfb5f"])(
    "%s is one",
    (address) => {
      expect(() => checkSubject(address)).not.toThrow();
    },
  );

  it.each([
    "",
    ".",
    "a..b",
    ".a",
    "a.",
    "a.*",
    ">",
    "a b",
    "a\r\nPUB x 0",
    "$JS.API.STREAM.DELETE.x",
    "a\u0000",
    "a\u0085b",
    "x".repeat(2_001),
  ])("%j is none", (address) => {
    expect(() => checkSubject(address)).toThrow(expect.objectContaining({ code: "cannot_connect" }) as Error);
  });
});

describeWithNats("subjects on a server", () => {
  it.each(ODD_NAMES)("%j, %j, %j is served", async (namespace, component, endpoint) => {
    const { client, server } = plane({ servers: (await natsServer()).url });
    const { address, received } = await serve(server, undefined, { namespace, component, endpoint });
    await client.deliver(request(address));
    expect(received).toHaveLength(1);
  });

  it("a bad address does no harm to the connection", async () => {
    const { client, server } = plane({ servers: (await natsServer()).url });
    const { address, received } = await serve(server);
    expect(await failureOf(client.deliver(request("a\r\nPUB b 0")))).toMatchObject({
      code: "cannot_connect",
    });
    await client.deliver(request(address));
    expect(received).toHaveLength(1);
  });
});
