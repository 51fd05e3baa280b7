/** Texts on the wire, in records and in the environment: names, addresses, ids, settings, JSON. */
import { isIPv6 } from "node:net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatEndpointName, parseEndpointName } from "../src/endpoint-name.ts";
import { RequestPlaneError } from "../src/errors.ts";
import { formatInstanceId, parseInstanceId, randomInstanceId } from "../src/instance.ts";
import type { Logger } from "../src/logger.ts";
import { encodeJson } from "../src/payload-codec.ts";
import { override, port, readSettings, seconds, text, wholeNumber } from "../src/settings.ts";
import { formatSocketAddress, parseSocketAddress, resolveHosts } from "../src/socket-address.ts";

const SEED = { seed: 20_260_101 };

/** The result, or undefined for `invalid_argument`; anything else that is thrown fails the test. */
function parsed<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof RequestPlaneError && error.code === "invalid_argument") return undefined;
    throw error;
  }
}

/** Any text, and texts that nearly are what is expected. */
function near(...examples: string[]): fc.Arbitrary<string> {
  const damaged = fc
    .tuple(fc.constantFrom(...examples), fc.nat(64), fc.nat(2), fc.string({ maxLength: 3, unit: "binary" }))
    .map(([example, at, length, added]) => example.slice(0, at) + added + example.slice(at + length));
  return fc.oneof(fc.string({ unit: "binary" }), damaged, damaged);
}

describe("socket addresses", () => {
  it.each([
    ["127.0.0.1:9999", "127.0.0.1", 9999],
    ["[::1]:1", "::1", 1],
    ["[fe80::1%eth0]:65535", "fe80::1%eth0", 65_535],
    ["worker-0.dynamo.svc:80", "worker-0.dynamo.svc", 80],
  ])("%s has host %s and port %i, and is written so again", (address, host, number) => {
    expect(parseSocketAddress(address)).toEqual({ host, port: number });
    expect(formatSocketAddress({ host, port: number })).toBe(address);
  });

  it.each(
    [
      "",
      ":",
      "host",
      "host:",
      ":80",
      "host:0",
      "host:65536",
      "host:-1",
      "host:1e3",
      "host:0x10",
      "host: 80",
    ].concat(
      "::1:80",
      "[::1]",
      "[::1]80",
      "[]:80",
      "[[::1]]:80",
      "host:80/",
      "http://host:80",
      "host:80\n",
      "host:٣",
    ),
  )("%j is none", (address) => {
    expect(() => parseSocketAddress(address)).toThrow("expected host:port");
  });

  it("of any text are invalid_argument, or have a host and a port from 1 to 65535 that are written back", () => {
    let good = 0;
    fc.assert(
      fc.property(near("127.0.0.1:9999", "[::1]:80", "host:65535"), (address) => {
        const found = parsed(() => parseSocketAddress(address));
        if (!found) return;
        good += 1;
        expect(found.host).not.toBe("");
        expect(found.port).toBeGreaterThanOrEqual(1);
        expect(found.port).toBeLessThanOrEqual(65_535);
        // In brackets there should be IPv6, which only connecting finds out.
        if (isIPv6(found.host) || !found.host.includes(":")) {
          expect(parseSocketAddress(formatSocketAddress(found))).toEqual(found);
        }
      }),
      { ...SEED, numRuns: 4_000 },
    );
    expect(good).toBeGreaterThan(100);
  });

  it("never advertise a wildcard", () => {
    expect(() => resolveHosts(undefined, "0.0.0.0")).toThrow("not be advertised");
    expect(() => resolveHosts("127.0.0.1", "::")).toThrow("not be advertised");
    for (const wildcard of ["0.0.0.0", "::"]) {
      const { bind, advertise } = resolveHosts(wildcard, undefined);
      expect(bind).toBe(wildcard);
      expect(advertise).not.toBe(wildcard);
    }
    expect(resolveHosts("127.0.0.1", "worker")).toEqual({ bind: "127.0.0.1", advertise: "worker" });
  });
});

describe("endpoint names", () => {
  it.each(["dynamo.backend.generate", "dyn://dynamo.backend.generate"])("%s has three parts", (name) => {
    expect(parseEndpointName(name)).toEqual({
      namespace: "dynamo",
      component: "backend",
      endpoint: "generate",
    });
  });

  it.each(["", "generate", "a.b", "a.b.c.d", "a..c", ".b.c", "a.b.", "dyn://", "dyn://a.b", "..", "..."])(
    "%j is none",
    (name) => {
      expect(() => parseEndpointName(name)).toThrow("expected namespace.component.endpoint");
    },
  );

  it("of any text are invalid_argument, or three non-empty names that are written back", () => {
    fc.assert(
      fc.property(near("dynamo.backend.generate", "dyn://a.b.c"), (name) => {
        const found = parsed(() => parseEndpointName(name));
        if (!found) return;
        const parts = [found.namespace, found.component, found.endpoint];
        expect(parts.every((part) => part !== "" && !part.includes("."))).toBe(true);
        expect(`dyn://${formatEndpointName(found)}`.endsWith(name)).toBe(true);
      }),
      { ...SEED, numRuns: 4_000 },
    );
  });
});

describe("instance ids", () => {
  it("of 64 bits go to lower-case hexadecimal without padding and back", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (id) => {
        const hex = formatInstanceId(id);
        expect(hex).toMatch(/^(0|[1-9a-f][0-9a-f]{0,15})$/);
        expect(parseInstanceId(hex)).toBe(id);
      }),
      SEED,
    );
    expect(formatInstanceId(7_587_888_888_888_888_888n)).toBe("694d98bdf95b0e38");
  });

  it("are random and fit into 64 bits", () => {
    const ids = Array.from({ length: 1_000 }, randomInstanceId);
    expect(new Set(ids).size).toBe(1_000);
    expect(ids.every((id) => id >= 0n && id < 2n ** 64n)).toBe(true);
  });

  it.each(["", "0x1", "g", "-1", "1 ", "11111111111111111", "1n", "1.0"])("%j is none", (hex) => {
    expect(parseInstanceId(hex)).toBeUndefined();
  });
});

describe("settings", () => {
  const table = {
    count: wholeNumber("COUNT", 7, { min: 1, max: 10 }, "A count."),
    wait: seconds("WAIT", 1_500, { min: 0, max: 60 }, "A wait."),
    port: port("PORT", 9999, "A port."),
    host: text("HOST", "A host."),
  };

  function read(environment: Record<string, string>) {
    const warnings: string[] = [];
    const nothing = (): void => undefined;
    const warn = (_facts: object, message: string): void => void warnings.push(message);
    const logger: Logger = { debug: nothing, info: nothing, warn, error: nothing };
    return { settings: readSettings(table, environment, logger), warnings };
  }

  it("that are unset, empty or blank have their defaults, without a warning", () => {
    for (const blank of [{}, { COUNT: "", WAIT: " ", PORT: "\t", HOST: "" }]) {
      expect(read(blank)).toEqual({
        settings: { count: 7, wait: 1_500, port: 9999, host: undefined },
        warnings: [],
      });
    }
  });

  it("are read from their texts, with seconds as milliseconds", () => {
    const { settings, warnings } = read({ COUNT: " 10 ", WAIT: "0.25", PORT: "0", HOST: "::1" });
    expect(settings).toEqual({ count: 10, wait: 250, port: 0, host: "::1" });
    expect(warnings).toEqual([]);
    expect(Object.isFrozen(settings)).toBe(true);
  });

  it("of any other text fall back with one warning that names variable, value and default", () => {
    const odd = fc.oneof(
      near("7", "0.5", "65535"),
      fc.constantFrom("-1", "1e1", "0x5", "NaN", "Infinity", "65536", "99999999999999999999"),
    );
    fc.assert(
      fc.property(odd, (value) => {
        const { settings, warnings } = read({ COUNT: value, PORT: value });
        const used = value.trim();
        for (const [variable, found, fallback, max] of [
          ["COUNT", settings.count, 7, 10],
          ["PORT", settings.port, 9999, 65_535],
        ] as const) {
          expect(Number.isInteger(found) && found >= 0 && found <= max).toBe(true);
          const warned = warnings.filter((warning) =>
            warning.startsWith(`${variable}='${used}' cannot be used`),
          );
          const isUsed = used === "" || String(found) === used.replace(/^0+(?=\d)/, "");
          expect(warned).toHaveLength(isUsed ? 0 : 1);
          if (isUsed) continue;
          expect(found).toBe(fallback);
          expect(warned[0]).toContain(`the default ${fallback} is used`);
        }
      }),
      { ...SEED, numRuns: 2_000 },
    );
  });

  it("given in code win, and are an error when they are no number where one belongs", () => {
    const { settings } = read({});
    expect(override(settings, { port: 0 })).toEqual({ ...settings, port: 0 });
    for (const value of [-1, NaN, "9999", null]) {
      expect(() => override(settings, { port: value as number })).toThrow("Option 'port' must be a number");
    }
  });
});

describe("JSON", () => {
  it("holds big integers in full, and null for what it has no word for", () => {
    expect(encodeJson({ id: 2n ** 64n - 1n, list: [1n] })).toBe('{"id":18446744073709551615,"list":[1]}');
    expect([undefined, Symbol("s"), () => 1, NaN].map(encodeJson)).toEqual(["null", "null", "null", "null"]);
  });

  it.each([
    ["\ud83d", '"\\ufffd"'],
    ["a\udc00b\ud800", '"a\\ufffdb\\ufffd"'],
    ["\u{1f600}", '"\u{1f600}"'],
    ["\\ud83d", '"\\\\ud83d"'],
    ["\\\ud83d", '"\\\\\\ufffd"'],
  ])("has no escape of half a character, which Rust readers refuse: %j is %s", (value, json) => {
    expect(encodeJson(value)).toBe(json);
    expect(encodeJson({ [value]: 1n })).toBe(`{${json}:1}`);
    expect(JSON.parse(encodeJson(value))).toBe(value.toWellFormed());
  });

  it("of any JSON value is read back as it was", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(encodeJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
      { ...SEED, numRuns: 1_000 },
    );
  });
});
