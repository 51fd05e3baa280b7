import { describe, expect, it } from "vitest";
import { Child } from "../src/child.ts";
import { requireNetwork } from "../src/network.ts";
import { findPython } from "../src/python.ts";
import { isSince } from "../src/releases.ts";

function program(code: string): Child {
  return new Child({ name: "a program", command: process.execPath, args: ["-e", code], env: process.env });
}

describe("findPython", () => {
  it("says what is missing", async () => {
    await expect(findPython({ PATH: "/nowhere" })).rejects.toThrow(/no Python 3\.12, 3\.11, 3\.10/);
    await expect(findPython({ DYNAMO_INTEROP_PYTHON: "/no/python" })).rejects.toThrow(/tried \/no\/python/);
  });
});

describe("requireNetwork", () => {
  it("wants an address that is not loopback", () => {
    const address = { address: "10.0.0.1", netmask: "", family: "IPv4", mac: "", cidr: null } as const;
    expect(() => requireNetwork({ lo: [{ ...address, internal: true }] })).toThrow(/no network interface/);
    expect(() => requireNetwork({ eth0: [{ ...address, internal: false }] })).not.toThrow();
  });
});

describe("isSince", () => {
  it("compares numbers, not texts", () => {
    expect(isSince("0.7.1", "0.8")).toBe(false);
    expect(isSince("0.8.1", "0.8")).toBe(true);
    expect(isSince("1.6.1", "1.10")).toBe(false);
    expect(isSince("1.0.1", "0.8")).toBe(true);
  });
});

describe("Child", () => {
  it("hears marked lines and ends with its input", async () => {
    const child = program(`
      console.log("noise");
      console.log('@interop {"ready":true,"n":7}');
      process.stdin.resume();
    `);
    expect(await child.message("ready")).toEqual({ ready: true, n: 7 });
    await child[Symbol.asyncDispose]();
    expect(child.log).toBe("noise");
  });

  it("tells the last words of a program that ended too early", async () => {
    await using child = program(`console.error("out of luck"); process.exitCode = 3;`);
    await expect(child.message("ready")).rejects.toThrow(/a program ended with exit code 3:\nout of luck/);
  });

  it("tells what a program says has failed after it began", async () => {
    await using child = program(`
      console.log('@interop {"ready":true}');
      setTimeout(() => console.log('@interop {"failed":"no more room"}'), 50);
    `);
    await child.message("ready");
    await child.ended;
    const gone = child.whileAlive(new Promise<never>(() => undefined));
    await expect(gone).rejects.toThrow("a program ended with exit code 0:\nno more room");
  });

  it("tells what a program has said that takes too long", async () => {
    await using child = program(`console.log("still at it"); process.stdin.resume();`);
    await expect.poll(() => child.log).toBe("still at it");
    await expect(child.message("ready", 1)).rejects.toThrow(/took longer than 1 ms:\nstill at it/);
  });

  it("passes on what a program says has failed", async () => {
    await using child = program(`console.log('@interop {"failed":"no such plane"}');`);
    await expect(child.message("ready")).rejects.toThrow("no such plane");
  });
});
