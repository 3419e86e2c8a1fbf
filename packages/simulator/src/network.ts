/** A network and a clock in memory: the same seed and the same calls give the same run, to the byte. */
import { perfectConditions, type Conditions } from './conditions.js';
import { EventQueue } from './event-queue.js';
import { SeededRandom } from './seeded-random.js';

export interface Address {
  readonly address: string;
  readonly port: number;
}

/** A protocol without a socket, as ARCHITECTURE.md describes it. */
export interface Protocol {
  handleDatagram(now: number, from: Address, bytes: Uint8Array): void;
  handleTimeout(now: number): void;
  pollTransmit(now: number): { readonly to: Address; readonly bytes: Uint8Array } | undefined;
  nextTimeout(): number | undefined;
}

export type Fate = 'delivered' | 'lost' | 'blocked' | 'unroutable';

/** What became of one datagram, or of one copy of it. */
export interface TraceRecord {
  readonly at: number;
  readonly from: Address;
  readonly to: Address;
  /** As it was sent. */
  readonly bytes: Uint8Array;
  readonly fate: Fate;
}

export interface NetworkOptions {
  readonly seed: number;
  readonly conditions?: Partial<Conditions> | undefined;
  readonly onTrace?: ((record: TraceRecord) => void) | undefined;
  /** Milliseconds since 1970 at the beginning. */
  readonly startAt?: number | undefined;
}

/** One protocol at one address. */
export class Host {
  readonly protocol: Protocol;
  /** Called after everything that happens to the protocol, to read its events. */
  readonly onTurn: (now: number) => void;
  #address: Address;

  constructor(protocol: Protocol, address: Address, onTurn: (now: number) => void) {
    this.protocol = protocol;
    this.#address = address;
    this.onTurn = onTurn;
  }

  get address(): Address {
    return this.#address;
  }

  /** What comes to the old address from now on reaches nobody. */
  moveTo(address: Address): void {
    this.#address = address;
  }
}

type NetworkEvent =
  | { readonly type: 'datagram'; readonly from: Address; readonly to: Address; readonly bytes: Uint8Array }
  | { readonly type: 'call'; readonly call: () => void };

/** A protocol that acts this often without time going on has a timer that does not advance. */
const maxTurnsAtOnce = 100_000;

export class Network {
  readonly #random: SeededRandom;
  readonly #hosts: Host[] = [];
  readonly #events = new EventQueue<NetworkEvent>();
  readonly #directed = new Map<string, Partial<Conditions>>();
  readonly #onTrace: (record: TraceRecord) => void;
  #conditions: Conditions;
  #now: number;

  constructor(options: NetworkOptions) {
    this.#random = new SeededRandom(options.seed);
    this.#conditions = { ...perfectConditions, ...options.conditions };
    this.#onTrace = options.onTrace ?? ((): void => undefined);
    this.#now = options.startAt ?? 1_700_000_000_000;
  }

  get now(): number {
    return this.#now;
  }

  attach(protocol: Protocol, address: Address, onTurn: (now: number) => void = (): void => undefined): Host {
    const host = new Host(protocol, address, onTurn);
    this.#hosts.push(host);
    return host;
  }

  /** The host is there no more, as after a crash or a pulled cable. */
  detach(host: Host): void {
    const index = this.#hosts.indexOf(host);
    if (index >= 0) this.#hosts.splice(index, 1);
  }

  /** Changes the conditions from now on: for all, or from one IP address to another only. */
  change(conditions: Partial<Conditions>, direction?: { readonly from: string; readonly to: string }): void {
    if (direction) this.#directed.set(`${direction.from} ${direction.to}`, conditions);
    else this.#conditions = { ...this.#conditions, ...conditions };
  }

  /** Calls back after a while, between two events of the network. */
  schedule(delayMs: number, call: () => void): void {
    this.#events.add(this.#now + delayMs, { type: 'call', call });
  }

  /** A datagram out of nowhere, delivered as conditions allow; the sender's address may be forged. */
  inject(from: Address, to: Address, bytes: Uint8Array): void {
    this.#carry(from, to, bytes);
  }

  /**
   * Lets time go on until the condition holds, for at most `limitMs`.
   * @returns whether it holds
   */
  runUntil(condition: () => boolean, limitMs: number): boolean {
    const end = this.#now + limitMs;
    this.#settle();
    while (!condition()) {
      const next = this.#nextAt();
      if (next === undefined || next > end) {
        this.#now = end;
        return condition();
      }
      this.#now = Math.max(this.#now, next);
      this.#step();
      this.#settle();
    }
    return true;
  }

  run(durationMs: number): void {
    this.runUntil(() => false, durationMs);
  }

  #nextAt(): number | undefined {
    let next = this.#events.nextAt;
    for (const { protocol } of this.#hosts) {
      const deadline = protocol.nextTimeout();
      if (deadline !== undefined && (next === undefined || deadline < next)) next = deadline;
    }
    return next;
  }

  #step(): void {
    for (const host of this.#hosts) {
      const deadline = host.protocol.nextTimeout();
      if (deadline !== undefined && deadline <= this.#now) host.protocol.handleTimeout(this.#now);
    }
    while ((this.#events.nextAt ?? Infinity) <= this.#now) {
      const event = this.#events.take();
      if (event?.type === 'call') event.call();
      else if (event?.type === 'datagram') this.#deliver(event.from, event.to, event.bytes);
    }
  }

  /** Lets every host say and hear all that it has at this moment. */
  #settle(): void {
    let turns = 0;
    for (let active = true; active;) {
      active = false;
      for (const host of this.#hosts) {
        for (let next = host.protocol.pollTransmit(this.#now); next; next = host.protocol.pollTransmit(this.#now)) {
          this.#carry(host.address, next.to, next.bytes);
          active = true;
        }
        host.onTurn(this.#now);
        turns += 1;
        if (turns > maxTurnsAtOnce) throw new Error('a protocol never comes to rest');
      }
    }
  }

  #carry(from: Address, to: Address, bytes: Uint8Array): void {
    const conditions = { ...this.#conditions, ...this.#directed.get(`${from.address} ${to.address}`) };
    const copies = this.#random.chance(conditions.duplication) ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      if (conditions.blocked) {
        this.#trace(from, to, bytes, 'blocked');
      } else if (this.#random.chance(conditions.loss)) {
        this.#trace(from, to, bytes, 'lost');
      } else {
        const carried = bytes.slice();
        if (this.#random.chance(conditions.corruption)) this.#flipBit(carried);
        this.#events.add(this.#now + this.#delayMs(conditions), { type: 'datagram', from, to, bytes: carried });
      }
    }
  }

  #delayMs(conditions: Conditions): number {
    const heldBackMs = this.#random.chance(conditions.reordering) ? conditions.reorderingDelayMs : 0;
    return conditions.latencyMs + this.#random.fraction() * conditions.jitterMs + heldBackMs;
  }

  #flipBit(bytes: Uint8Array): void {
    const index = this.#random.below(bytes.length);
    bytes[index] = (bytes[index] ?? 0) ^ (1 << this.#random.below(8));
  }

  #deliver(from: Address, to: Address, bytes: Uint8Array): void {
    const host = this.#hosts.find(({ address }) => address.address === to.address && address.port === to.port);
    this.#trace(from, to, bytes, host ? 'delivered' : 'unroutable');
    if (!host) return;
    host.protocol.handleDatagram(this.#now, from, bytes);
    host.onTurn(this.#now);
  }

  #trace(from: Address, to: Address, bytes: Uint8Array, fate: Fate): void {
    this.#onTrace({ at: this.#now, from, to, bytes, fate });
  }
}
