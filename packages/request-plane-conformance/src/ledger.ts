/**
 * Which sockets, listeners and timers a case has opened and not closed. Node tells of each with the context in
 * which it was made, so cases that run at the same time are told apart.
 */
import { AsyncLocalStorage, createHook } from "node:async_hooks";
import type { AsyncHook } from "node:async_hooks";

/** Kinds of resources that must be given back, by Node's names. */
const KINDS: Readonly<Record<string, string>> = {
  TCPWRAP: "socket",
  TCPSERVERWRAP: "listener",
  PIPEWRAP: "pipe",
  PIPESERVERWRAP: "pipe listener",
  UDPWRAP: "datagram socket",
  PROCESSWRAP: "process",
  WORKER: "thread",
  Timeout: "timer",
};

/** What one case holds open, by Node's ids. */
type Resources = Map<number, OpenResource>;

export interface Account {
  run<T>(body: () => Promise<T>): Promise<T>;
  /** Kinds of what is open. To be asked from outside of `run`, or the timers of the one who asks are seen too. */
  held(): string[];
}

interface OpenResource {
  readonly kind: string;
  readonly handle: object;
}

export class ResourceLedger implements Disposable {
  readonly #context = new AsyncLocalStorage<Resources>();
  readonly #owners = new Map<number, Resources>();
  readonly #hook: AsyncHook;

  constructor() {
    this.#hook = createHook({
      init: (id, type, trigger, handle) => {
        const kind = KINDS[type];
        if (kind === undefined) return;
        // A socket that was accepted has no context of its own; its listener has.
        const resources = this.#context.getStore() ?? this.#owners.get(trigger);
        if (!resources) return;
        resources.set(id, { kind, handle });
        this.#owners.set(id, resources);
      },
      destroy: (id) => {
        this.#owners.get(id)?.delete(id);
        this.#owners.delete(id);
      },
    }).enable();
  }

  /** An account for one case: what runs in it is booked to it. */
  open(): Account {
    const resources: Resources = new Map();
    return {
      run: (body) => this.#context.run(resources, body),
      held: () => [...resources.values()].filter(isHeld).map(({ kind }) => kind),
    };
  }

  [Symbol.dispose](): void {
    this.#hook.disable();
  }
}

/** A timer that doesn't keep the process alive may belong to the platform, as Node's own caches do. */
function isHeld({ kind, handle }: OpenResource): boolean {
  return kind !== "timer" || !("hasRef" in handle) || (handle as NodeJS.Timeout).hasRef();
}
