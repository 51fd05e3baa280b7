import { describe, expect, it } from "vitest";
import { parseFault, strike } from "../src/faults.ts";

describe("parseFault", () => {
  it("reads the kind and the number of tokens", () => {
    expect(parseFault("fail_after:0")).toEqual({ kind: "fail", after: 0 });
    expect(parseFault("stall_after:12")).toEqual({ kind: "stall", after: 12 });
    expect(parseFault("die_after:3")).toEqual({ kind: "die", after: 3 });
  });

  it.each([
    "",
    "fail",
    "fail_after",
    "fail_after:",
    "fail_after:-1",
    "fail_after:1.5",
    "explode_after:1",
    "xfail_after:1",
  ])("refuses %j", (text) => {
    expect(() => parseFault(text)).toThrow(`'${text}' is no fault`);
  });
});

describe("strike", () => {
  it("fails with an error that says after how much", async () => {
    const { signal } = new AbortController();
    await expect(strike({ kind: "fail", after: 2 }, signal)).rejects.toMatchObject({
      code: "handler_failed",
      message: "mock fault: failed after 2 tokens",
    });
  });

  it("stalls until the signal, also when that came before", async () => {
    const controller = new AbortController();
    let over = false;
    const stalled = strike({ kind: "stall", after: 0 }, controller.signal).then(() => (over = true));
    await new Promise(setImmediate);
    expect(over).toBe(false);
    controller.abort();
    await stalled;
    await strike({ kind: "stall", after: 0 }, controller.signal);
  });
});
