/** Has the router send what comes to one of its ports to our UDP socket, for as long as we run: NAT-PMP first, else UPnP. */
import type { Address } from '@parley/rendezvous';
import { defaultGateway } from './default-gateway.js';
import { NatPmp } from './nat-pmp.js';
import type { MapOutcome, PortMapper } from './port-mapper.js';
import { isPrivateAddress } from './router-address.js';
import { UpnpGateway } from './upnp-gateway.js';

export interface PortMappingOptions {
  /** Of our UDP socket. */
  readonly localPort: number;
  /** With the external address when it is known or changes; undefined when the mapping is gone. */
  readonly onMapped: (external: Address | undefined) => void;
  /** Asked in this order. */
  readonly mappers?: readonly PortMapper[];
  /** Settles after `ms`, or as soon as the signal aborts; never rejects. */
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** For `doctor`, in words. */
export interface PortMappingFinding {
  readonly state: 'ok' | 'note' | 'problem';
  readonly text: string;
}

/** A router that was restarted has forgotten the mapping, one with a new line has another address: both are seen so. */
const renewMs = 300_000;
/** Routers are switched on, and their settings changed, seldom. */
const retryMs = 600_000;
/** What a router that gives seconds only can cost. */
const renewMinMs = 30_000;
const unmapMs = 1_000;

interface Mapped {
  readonly by: PortMapper;
  readonly external: Address;
}

export class PortMapping {
  readonly #options: PortMappingOptions;
  readonly #mappers: readonly PortMapper[];
  readonly #sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  #mapped: Mapped | undefined;
  #finding: PortMappingFinding = { state: 'note', text: 'the router has not been asked for a port yet' };
  #stopper: AbortController | undefined;
  #wake: AbortController | undefined;
  #run: Promise<void> = Promise.resolve();
  /** Resolves when the router was asked for the first time: `finding` says then what came of it. */
  readonly asked: Promise<void>;
  #onAsked: () => void = () => undefined;

  constructor(options: PortMappingOptions) {
    this.#options = options;
    this.#mappers = options.mappers ?? [
      new NatPmp({ gateway: defaultGateway }),
      new UpnpGateway({ gateway: defaultGateway }),
    ];
    this.#sleep = options.sleep ?? sleepUnheld;
    this.asked = new Promise((resolve) => {
      this.#onAsked = resolve;
    });
  }

  get finding(): PortMappingFinding {
    return this.#finding;
  }

  /** Asks the router, and goes on asking until `stop`. Once started, more calls change nothing; after `stop` it begins anew. */
  start(): void {
    if (this.#stopper) return;
    const stopper = new AbortController();
    this.#stopper = stopper;
    this.#run = this.#run.then(() => this.#keep(stopper.signal));
  }

  /** Asks again at once, for there may be another router: an interface has changed. */
  refresh(): void {
    this.#wake?.abort();
  }

  /** Takes the mapping back; ends within about a second, whatever the router does. `onMapped` is not called any more. */
  async stop(): Promise<void> {
    this.#stopper?.abort();
    this.#stopper = undefined;
    await this.#run;
  }

  async #keep(stopped: AbortSignal): Promise<void> {
    for (;;) {
      const waitMs = await this.#ask(stopped);
      this.#onAsked();
      if (stopped.aborted) break;
      this.#wake = new AbortController();
      await this.#sleep(waitMs, AbortSignal.any([stopped, this.#wake.signal]));
    }
    const { by } = this.#mapped ?? {};
    this.#mapped = undefined;
    await by?.unmap(this.#options.localPort, AbortSignal.timeout(unmapMs));
  }

  /** One round; gives how long to wait for the next. */
  async #ask(signal: AbortSignal): Promise<number> {
    const { localPort } = this.#options;
    const refused: string[] = [];
    // Whoever has given one is asked first, and with the same port.
    const before = this.#mapped;
    const mappers = before ? [before.by, ...this.#mappers.filter((mapper) => mapper !== before.by)] : this.#mappers;
    for (const mapper of mappers) {
      const wanted = before?.external.port ?? localPort;
      const outcome: MapOutcome = await mapper.map(localPort, wanted, signal);
      if (outcome.kind === 'mapped') {
        // Also when we are stopped meanwhile: it is then taken back.
        this.#onMapped(mapper, outcome.external, signal);
        return Math.max(renewMinMs, Math.min(renewMs, (outcome.lifetimeSeconds * 1_000) / 2));
      }
      if (signal.aborted) return 0;
      if (outcome.kind === 'refused') refused.push(`the router refuses by ${mapper.name}: ${outcome.reason}`);
    }
    this.#onNone(refused);
    return retryMs;
  }

  #onMapped(by: PortMapper, external: Address, signal: AbortSignal): void {
    const before = this.#mapped?.external;
    this.#mapped = { by, external };
    if (signal.aborted) return;
    const where = `port ${String(external.port)} of ${external.address}`;
    this.#finding = isPrivateAddress(external.address)
      ? { state: 'note', text: `the router gave ${where} (${by.name}), but is behind another NAT itself` }
      : { state: 'ok', text: `the router gave ${where} (${by.name})` };
    if (before?.address !== external.address || before.port !== external.port) this.#options.onMapped(external);
  }

  #onNone(refused: readonly string[]): void {
    const text = refused.length === 0 ? 'no gateway answered NAT-PMP or UPnP' : refused.join('; ');
    this.#finding = { state: 'note', text };
    if (!this.#mapped) return;
    this.#mapped = undefined;
    this.#options.onMapped(undefined);
  }
}

function sleepUnheld(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms).unref();
    if (signal.aborted) done();
    else signal.addEventListener('abort', done, { once: true });
  });
}
