/** Notices that this device may be somewhere else: other addresses on its interfaces, or a sleep that it woke from. */
import { networkInterfaces, type NetworkInterfaceInfo } from 'node:os';

/**
 * `addresses`: an interface got or lost one. `wake`: the clock jumped ahead; NAT bindings and what lay on the way may
 * be gone though the addresses are as before.
 */
export type InterfaceChange = 'addresses' | 'wake';

/** What `os.networkInterfaces` gives. */
export type Interfaces = Readonly<Partial<Record<string, readonly NetworkInterfaceInfo[]>>>;

export interface InterfaceWatchOptions {
  readonly onChange: (change: InterfaceChange) => void;
  /** Those of this machine unless told. */
  readonly interfaces?: () => Interfaces;
  /** Wall clock, milliseconds: it goes on while the machine sleeps, which monotonic clocks may not. */
  readonly wallMs?: () => number;
  /** Calls back every `intervalMs` until the returned function is called. */
  readonly every?: (intervalMs: number, callback: () => void) => () => void;
}

/** Asking costs some 20 us; netlink would say it at once, but only on Linux and only from native code. */
const pollMs = 1_000;

/** More than a busy machine delays a timer; NAT bindings outlive shorter naps. */
const wakeJumpMs = 5_000;

export class InterfaceWatch {
  readonly #onChange: (change: InterfaceChange) => void;
  readonly #interfaces: () => Interfaces;
  readonly #wallMs: () => number;
  readonly #every: (intervalMs: number, callback: () => void) => () => void;
  #addresses = '';
  #polledAtMs = 0;
  #cancel: (() => void) | undefined;

  constructor(options: InterfaceWatchOptions) {
    this.#onChange = options.onChange;
    this.#interfaces = options.interfaces ?? networkInterfaces;
    this.#wallMs = options.wallMs ?? Date.now;
    this.#every = options.every ?? everyUnheld;
  }

  /** What is there now is what later changes are told against. Starting twice changes nothing. */
  start(): void {
    if (this.#cancel) return;
    this.#addresses = this.#ask();
    this.#polledAtMs = this.#wallMs();
    this.#cancel = this.#every(pollMs, () => {
      this.#poll();
    });
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #poll(): void {
    const now = this.#wallMs();
    const hasJumped = now - this.#polledAtMs > wakeJumpMs;
    const addresses = this.#ask();
    const haveChanged = addresses !== this.#addresses;
    this.#polledAtMs = now;
    this.#addresses = addresses;
    // Whoever wakes elsewhere has new addresses first of all, and is told once.
    if (haveChanged) this.#onChange('addresses');
    else if (hasJumped) this.#onChange('wake');
  }

  #ask(): string {
    try {
      return fingerprint(this.#interfaces());
    } catch {
      // The system did not say (ERR_SYSTEM_ERROR): nothing is known to have changed, and the next poll asks again.
      return this.#addresses;
    }
  }
}

/** The addresses others may use, whatever order the system names them in. Containers make and drop link-local ones all day. */
function fingerprint(interfaces: Interfaces): string {
  const addresses = Object.entries(interfaces).flatMap(([name, list]) =>
    (list ?? [])
      .filter(({ internal, address }) => !internal && !/^fe[89ab]/i.test(address))
      .map(({ address }) => `${name} ${address}`),
  );
  return addresses.sort().join('\n');
}

function everyUnheld(intervalMs: number, callback: () => void): () => void {
  const timer = setInterval(callback, intervalMs).unref();
  return () => {
    clearInterval(timer);
  };
}
