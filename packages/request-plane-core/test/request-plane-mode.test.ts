import { describe, expect, it } from "vitest";
import {
  findTransport,
  loadTransport,
  parseRequestPlaneMode,
  requestPlanePackage,
} from "../src/request-plane-mode.ts";

describe("the name of a request plane", () => {
  it.each([
    ["nats", "nats"],
    ["TCP", "tcp"],
    [" Http ", "http"],
  ])("%j is %s", (text, mode) => {
    expect(parseRequestPlaneMode(text)).toBe(mode);
  });

  it.each(["", "quic", "tcp,nats"])("%j is refused with the valid ones", (text) => {
    expect(() => parseRequestPlaneMode(text)).toThrow(
      `Invalid request plane mode '${text}'. Valid options are: 'nats', 'tcp', 'http'`,
    );
  });
});

describe("the transport of a plane", () => {
  const transport = { name: "nats" };
  const installed = async (name: string): Promise<unknown> =>
    name === requestPlanePackage("nats") ? { nats: () => transport } : missing(name);

  it("is what the factory of its package makes", async () => {
    expect(await loadTransport("nats", installed)).toBe(transport);
  });

  it("is not found when the package isn't installed, and asking for it names the package", async () => {
    expect(await findTransport("tcp", installed)).toBeUndefined();
    await expect(loadTransport("tcp", installed)).rejects.toMatchObject({
      code: "invalid_configuration",
      message: expect.stringContaining("npm install @dynamo/request-plane-tcp") as string,
      facts: { setting: "DYN_REQUEST_PLANE" },
    });
  });

  it("is an error of its own when the package is there and misses another one", async () => {
    const broken = (): Promise<unknown> => missing("some-dependency");
    await expect(findTransport("tcp", broken)).rejects.toThrow("Cannot find package 'some-dependency'");
  });
});

/** What Node's `import` rejects with. */
async function missing(name: string): Promise<never> {
  throw Object.assign(new Error(`Cannot find package '${name}' imported from /app/main.js`), {
    code: "ERR_MODULE_NOT_FOUND",
  });
}
