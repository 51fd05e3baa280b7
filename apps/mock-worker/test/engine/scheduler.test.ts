import { describe, expect, it } from "vitest";
import { Scheduler } from "../../src/engine/scheduler.ts";
import { decodeMs, prefillMs } from "../../src/engine/timing.ts";
import { Listener, options, pass, request, run, tokens } from "./support.ts";

describe("an answer", () => {
  it("has as many tokens as were asked for, from 1000 to 1999, and ends by its length", () => {
    const scheduler = new Scheduler(options);
    const sequence = scheduler.add(request(tokens(10), 200));
    const answer = run(scheduler).get(sequence)!;
    expect(answer).toHaveLength(200);
    expect(answer.every((token) => token >= 1000 && token < 2000)).toBe(true);
    expect(new Set(answer).size).toBeGreaterThan(100);
    expect(sequence.finishReason).toBe("length");
  });

  it("is the same beside others and in another order, and another with another seed", () => {
    const answerOf = (...requests: ReturnType<typeof request>[]) => {
      const scheduler = new Scheduler(options);
      const sequences = requests.map((one) => scheduler.add(one));
      const answers = run(scheduler);
      return sequences.map((sequence) => answers.get(sequence));
    };
    const [one, other] = [request(tokens(9), 20), request(tokens(30), 20)];
    const [alone] = answerOf(one);
    expect(answerOf(other, one)[1]).toEqual(alone);
    expect(answerOf(request(tokens(9), 20, { seed: 2 }))[0]).not.toEqual(alone);
    expect(answerOf(other)[0]).not.toEqual(alone);
  });

  it("goes on with the same tokens on another worker that is given the first ones", () => {
    const scheduler = new Scheduler(options);
    const sequence = scheduler.add(request(tokens(9), 20));
    const answer = run(scheduler).get(sequence)!;
    for (const cut of [1, 7, 19]) {
      const second = new Scheduler(options);
      const rest = second.add(request([...tokens(9), ...answer.slice(0, cut)], 20 - cut));
      expect(run(second).get(rest)).toEqual(answer.slice(cut));
    }
  });

  it("ends with a token that ends it, after the smallest number of tokens", () => {
    const whole = new Scheduler(options);
    const sequence = whole.add(request(tokens(9), 20));
    const answer = run(whole).get(sequence)!;
    const ending = new Map([[answer[4]!, "stop" as const]]);
    const first = answer.indexOf(answer[4]!);
    for (const [minTokens, length] of [
      [0, first + 1],
      [6, 20],
    ] as const) {
      const scheduler = new Scheduler(options);
      const stopped = scheduler.add(request(tokens(9), 20, { endingTokens: ending, minTokens }));
      expect(run(scheduler).get(stopped)).toEqual(answer.slice(0, length));
      expect(stopped.finishReason).toBe(length === 20 ? "length" : "stop");
    }
  });

  it("ends where the context does", () => {
    const scheduler = new Scheduler({ ...options, maxModelLen: 32 });
    expect([scheduler.accepts(31), scheduler.accepts(32), scheduler.accepts(0)]).toEqual([
      true,
      false,
      false,
    ]);
    const sequence = scheduler.add(request(tokens(20), 1000));
    expect(run(scheduler).get(sequence)).toHaveLength(12);
    expect(sequence.finishReason).toBe("length");
  });
});

describe("prefix reuse", () => {
  // Figures of the mocker of 1.6.1: kv-verified notes, sections 1.3 and 1.5.
  it.each([
    [35, 32],
    [24, 20],
    [3, 0],
  ])("of a prompt of %i tokens is %i tokens the second time", (length, cached) => {
    const scheduler = new Scheduler(options);
    const [first, second] = [0, 1].map(() => {
      const sequence = scheduler.add(request(tokens(length), 2));
      run(scheduler);
      return sequence;
    });
    expect(first!.cachedTokens).toBe(0);
    expect(second!.cachedTokens).toBe(cached);
  });

  it("is there for the next request of the same pass", () => {
    const scheduler = new Scheduler(options);
    scheduler.add(request(tokens(35), 2));
    const second = scheduler.add(request(tokens(35), 2));
    scheduler.begin();
    expect(second.cachedTokens).toBe(32);
    expect(scheduler.load.usedBlocks).toBe(10);
  });

  it("covers the answer too, but for its last token, which nobody computes", () => {
    const scheduler = new Scheduler(options);
    const sequence = scheduler.add(request(tokens(10), 11));
    const answer = run(scheduler).get(sequence)!;
    const next = scheduler.add(request([...tokens(10), ...answer, 1, 2, 3], 1));
    run(scheduler);
    expect(next.cachedTokens).toBe(20);
  });

  it("is not there when it is turned off, and nobody hears of blocks", () => {
    const scheduler = new Scheduler({ ...options, enablePrefixCaching: false });
    scheduler.add(request(tokens(35), 1));
    expect(pass(scheduler)?.changes).toEqual([]);
    const second = scheduler.add(request(tokens(35), 1));
    run(scheduler);
    expect(second.cachedTokens).toBe(0);
  });
});

describe("changes", () => {
  it("tell of full blocks in one piece, then of each that the answer fills", () => {
    const scheduler = new Scheduler(options);
    scheduler.add(request(tokens(10), 8));
    const changes = [];
    for (let result = pass(scheduler); result; result = pass(scheduler)) changes.push(...result.changes);
    const [prompt, third, fourth] = changes;
    expect(changes).toHaveLength(3);
    expect(prompt).toMatchObject({ kind: "stored", blockHashes: { length: 2 } });
    expect(prompt).not.toHaveProperty("parentHash");
    expect(third).toMatchObject({
      kind: "stored",
      parentHash: prompt?.kind === "stored" ? prompt.blockHashes[1] : 0n,
    });
    expect(fourth).toMatchObject({
      kind: "stored",
      parentHash: third?.kind === "stored" ? third.blockHashes[0] : 0n,
    });
  });

  it("have the hashes of real workers", () => {
    const scheduler = new Scheduler(options);
    // kv-verified notes, section 3.
    scheduler.add(request([256, 258, 262, 32, 289, 32, 316, 32, 343, 32, 370, 32, 1], 1));
    expect(pass(scheduler)?.changes).toEqual([
      {
        kind: "stored",
        blockHashes: BigUint64Array.of(6487641671271832702n, 16011531145537256707n, 15939000157242772297n),
        tokensHashes: BigUint64Array.of(6487641671271832702n, 14312811035189437316n, 8278421656918964096n),
      },
    ]);
  });

  it("tell of blocks that had to go: the end of what waits longest first", () => {
    const scheduler = new Scheduler({ ...options, numGpuBlocks: 10 });
    const listener = new Listener();
    const hear = () => {
      for (let result = pass(scheduler); result; result = pass(scheduler)) listener.hear(result.changes);
    };
    scheduler.add(request(tokens(16), 1));
    hear();
    scheduler.add(request(tokens(16, 500), 1));
    hear();
    expect([listener.overlap(tokens(16)), listener.overlap(tokens(16, 500))]).toEqual([4, 4]);
    // Five blocks, of which two were never used.
    scheduler.add(request(tokens(20, 900), 1));
    hear();
    expect(listener.overlap(tokens(16))).toBe(1);
    expect(listener.overlap(tokens(16, 500))).toBe(4);
    expect(listener.overlap(tokens(20, 900))).toBe(5);
    expect(listener.faults).toEqual([]);
  });
});

describe("room", () => {
  it("is for so many sequences at a time", () => {
    const scheduler = new Scheduler({ ...options, maxNumSeqs: 2 });
    for (let at = 0; at < 5; at++) scheduler.add(request(tokens(4, 100 * at), 3));
    scheduler.begin();
    expect(scheduler.load).toMatchObject({ running: 2, waiting: 3 });
  });

  it("for tokens is shared by the prompts of a pass, one in parts", () => {
    const scheduler = new Scheduler({ ...options, maxNumBatchedTokens: 16 });
    const [one, other] = [scheduler.add(request(tokens(12), 3)), scheduler.add(request(tokens(12, 100), 3))];
    const outputs = [pass(scheduler), pass(scheduler)].map((result) =>
      result?.outputs.map(({ sequence }) => sequence),
    );
    expect(outputs).toEqual([[one], [one, other]]);
  });

  it("for tokens has to be enough for a whole prompt when prompts aren't computed in parts", () => {
    const scheduler = new Scheduler({ ...options, maxNumBatchedTokens: 16, enableChunkedPrefill: false });
    expect([scheduler.accepts(15), scheduler.accepts(16)]).toEqual([true, false]);
    const [one, other] = [scheduler.add(request(tokens(12), 1)), scheduler.add(request(tokens(12, 100), 1))];
    const outputs = [pass(scheduler), pass(scheduler)].map((result) =>
      result?.outputs.map(({ sequence }) => sequence),
    );
    expect(outputs).toEqual([[one], [other]]);
  });

  it("is kept for those that run, as far as the watermark says", () => {
    const scheduler = new Scheduler({ ...options, numGpuBlocks: 10, watermark: 0.5 });
    scheduler.add(request(tokens(12), 2));
    scheduler.add(request(tokens(12, 100), 2));
    scheduler.begin();
    expect(scheduler.load).toMatchObject({ running: 1, waiting: 1 });
  });

  it.each(["lifo", "fifo"] as const)(
    "is made by the %s one, which goes on later where it was",
    (preemptionMode) => {
      const small = new Scheduler({ ...options, numGpuBlocks: 8, preemptionMode });
      const [first, last] = [small.add(request(tokens(12), 12)), small.add(request(tokens(12, 100), 12))];
      const order: unknown[] = [];
      const answers = new Map<unknown, number[]>();
      for (let result = pass(small); result; result = pass(small)) {
        for (const { sequence, token } of result.outputs) {
          answers.set(sequence, [...(answers.get(sequence) ?? []), token]);
          if (sequence.finishReason) order.push(sequence);
        }
      }
      expect(order).toEqual(preemptionMode === "lifo" ? [first, last] : [last, first]);
      const large = new Scheduler(options);
      const undisturbed = large.add(request(tokens(12, 100), 12));
      expect(answers.get(last)).toEqual(run(large).get(undisturbed));
      expect(small.pool.refs).toBe(0);
    },
  );

  it("is not used up by a reader that doesn't read", () => {
    const scheduler = new Scheduler({ ...options, numGpuBlocks: 1000 });
    const sequence = scheduler.add(request(tokens(4), 2000));
    let passes = 0;
    while (pass(scheduler)) passes += 1;
    expect([passes, sequence.unread]).toEqual([1024, 1024]);
    sequence.unread = 0;
    while (pass(scheduler)) passes += 1;
    expect([passes, sequence.finishReason]).toEqual([2000, "length"]);
  });
});

describe("a pass", () => {
  it("takes the time of the published formulas", () => {
    const scheduler = new Scheduler(options);
    scheduler.add(request(tokens(40), 3));
    expect(scheduler.begin()).toBe(prefillMs(40));
    scheduler.end();
    expect(scheduler.begin()).toBe(decodeMs(11 / 64));
    expect(prefillMs(1000)).toBeCloseTo(0.4209989 + 15.18344 + 16.50142);
    expect(decodeMs(0.5)).toBeCloseTo(-6.435 + 27.005 + 5.74);
  });

  it.each([
    [{ speedupRatio: 10 }, 10, 10],
    [{ speedupRatio: 10, decodeSpeedupRatio: 4 }, 10, 40],
    [{ speedupRatio: 0 }, Infinity, Infinity],
    [{ decodeSpeedupRatio: 0 }, 1, Infinity],
  ])("with %j is divided by %d and %d", (speed, prefill, decode) => {
    const scheduler = new Scheduler({ ...options, ...speed });
    scheduler.add(request(tokens(40), 3));
    expect(scheduler.begin()).toBeCloseTo(prefillMs(40) / prefill);
    scheduler.end();
    expect(scheduler.begin()).toBeCloseTo(decodeMs(11 / 64) / decode);
  });

  it("computes cached tokens in no time", () => {
    const scheduler = new Scheduler(options);
    scheduler.add(request(tokens(40), 1));
    run(scheduler);
    scheduler.add(request(tokens(40), 1));
    expect(scheduler.begin()).toBe(prefillMs(4));
  });
});
