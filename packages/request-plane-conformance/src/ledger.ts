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

/** What one case holds open: id to resource. */
type Account = Map<number, OpenResource>;

interface OpenResource {
  readonly kind: string;
  readonly handle: object;
}

export class ResourceLedger implements Disposable {
  readonly #context = new AsyncLocalStorage<Account>();
  readonly #accounts = new Map<number, Account>();
  readonly #hook: AsyncHook;

  constructor() {
    this.#hook = createHook({
      init: (id, type, trigger, handle) => {
        const kind = KINDS[type];
        if (kind === undefined) return;
        // A socket that was accepted has no context of its own; its listener has.
        const account = this.#context.getStore() ?? this.#accounts.get(trigger);
        if (!account) return;
        account.set(id, { kind, handle });
        this.#accounts.set(id, account);
      },
      destroy: (id) => {
        this.#accounts.get(id)?.delete(id);
        this.#accounts.delete(id);
      },
    }).enable();
  }

  /** Runs a function; `open` then tells what it has left open so far. */
  watch<T>(run: (open: () => string[]) => Promise<T>): Promise<T> {
    const account: Account = new Map();
    return this.#context.run(account, () => run(() => [...account.values()].filter(isHeld).map(({ kind }) => kind)));
  }

  [Symbol.dispose](): void {
    this.#hook.disable();
  }
}

/** A timer that doesn't keep the process alive may belong to the platform, as Node's own caches do. */
function isHeld({ kind, handle }: OpenResource): boolean {
  return kind !== "timer" || !("hasRef" in handle) || (handle as NodeJS.Timeout).hasRef();
}
