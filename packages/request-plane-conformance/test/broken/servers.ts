import { createServer } from "node:net";
import { randomInstanceId } from "@dynamo/request-plane-core";
import { broken, goodMemory } from "./wrap.ts";
import type { BrokenTransport } from "./wrap.ts";

export const BROKEN_SERVERS: readonly BrokenTransport[] = [
  {
    fault: "lets a second registration take the place of the first",
    factory: broken(goodMemory, {
      server: (good) => ({
        register: async (registration) =>
          good.register(registration).catch(async () => {
            const other = { ...registration, instanceId: randomInstanceId() };
            return good.register(other);
          }),
      }),
    }),
    caughtBy: [
      ["lifecycle", "a second registration of the same address is refused as conflict"],
      ["lifecycle", "serving the same endpoint and instance twice is a conflict, and the first goes on"],
    ],
  },
  {
    fault: "does nothing when an endpoint is unregistered",
    factory: broken(goodMemory, { server: () => ({ unregister: async () => undefined }) }),
    caughtBy: [
      ["lifecycle", "an endpoint that was unregistered refuses with unknown_endpoint"],
      ["lifecycle", "an endpoint that was closed can be served again"],
    ],
  },
  {
    fault: "takes all endpoints away with one",
    factory: broken(goodMemory, {
      server: (good) => {
        const addresses: string[] = [];
        return {
          register: async (registration) => {
            const address = await good.register(registration);
            addresses.push(address);
            return address;
          },
          unregister: async () => {
            for (const address of addresses) await good.unregister(address);
          },
        };
      },
    }),
    caughtBy: [["lifecycle", "unregistering one endpoint leaves its neighbour"]],
  },
  {
    fault: "never comes to the end of its stop",
    factory: broken(goodMemory, {
      server: (good) => ({
        stop: async () => {
          await good.stop();
          await new Promise(() => undefined);
        },
      }),
    }),
    caughtBy: [
      ["lifecycle", "stop without any request or client ends within its bound"],
      ["streaming", "an array can be served"],
    ],
  },
  {
    fault: "goes on after its stop",
    factory: broken(goodMemory, { server: () => ({ stop: async () => undefined }) }),
    caughtBy: [["lifecycle", "a server that is stopped is gone: requests fail, none is accepted"]],
  },
  {
    fault: "leaves a listener behind",
    factory: broken(goodMemory, {
      server: () => {
        const forgotten = createServer().listen(0, "127.0.0.1");
        // The test process is to end all the same.
        setTimeout(() => forgotten.close(), 15_000).unref();
        return {};
      },
    }),
    caughtBy: [["lifecycle", "stop without any request or client ends within its bound"]],
  },
  {
    fault: "keeps instance ids as floating-point numbers",
    factory: broken(goodMemory, {
      server: (good) => ({
        register: (registration) =>
          good.register({ ...registration, instanceId: BigInt(Number(registration.instanceId)) }),
      }),
    }),
    caughtBy: [["address forms", "two instances of one endpoint at one server have addresses of their own"]],
    passes: [["address forms", "the instance 1 is served and answers"]],
  },
  {
    fault: "leaves the namespace out of its addresses",
    factory: broken(goodMemory, {
      server: (good) => ({
        register: (registration) => good.register({ ...registration, namespace: "all" }),
      }),
    }),
    caughtBy: [
      ["address forms", "the same endpoint name in two namespaces and components has addresses of its own"],
    ],
  },
  {
    fault: "hands out bytes that it uses again",
    factory: broken(goodMemory, {
      server: (good) => ({
        register: ({ accept, ...name }) => {
          const shared = Buffer.alloc(4 * 1024 * 1024);
          return good.register({
            ...name,
            accept: ({ envelope, headers }) => {
              shared.set(envelope);
              return accept({ headers, envelope: shared.subarray(0, envelope.length) });
            },
          });
        },
      }),
    }),
    caughtBy: [
      ["delivery", "the bytes that a worker accepted are its own: later requests don't change them"],
    ],
  },
  {
    fault: "hands header names on as they came",
    factory: broken(goodMemory, {
      server: (good) => ({
        register: ({ accept, ...name }) =>
          good.register({
            ...name,
            accept: ({ envelope, headers }) => {
              const entries = Object.entries(headers);
              const upper = entries.map(([header, value]) => [header.toUpperCase(), value]);
              return accept({ envelope, headers: Object.fromEntries(upper) as Record<string, string> });
            },
          }),
      }),
    }),
    caughtBy: [["headers and metadata", "names of headers arrive in lower case"]],
  },
];
