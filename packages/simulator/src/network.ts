/** A network and a clock in memory: the same seed and the same calls give the same run, to the byte. */
import type { Address } from './address.js';
import { perfectConditions, type Conditions } from './conditions.js';
import { EventQueue } from './event-queue.js';
import { Host, type Protocol } from './host.js';
import { Nat, type NatOptions } from './nat.js';
import { Path, type Datagram } from './path.js';
import { Realm } from './realm.js';
import { SeededRandom } from './seeded-random.js';
import { TraceDigest, type Fate, type TraceRecord } from './trace.js';

export interface NetworkOptions {
  readonly seed: number;
  readonly conditions?: Partial<Conditions> | undefined;
  /** Keeping the records is the caller's choice; `digest` needs none. */
  readonly onTrace?: ((record: TraceRecord) => void) | undefined;
  /** Milliseconds since 1970 at the beginning. */
  readonly startAt?: number | undefined;
}

/** From one IP address to another. */
export interface Direction {
  readonly from: string;
  readonly to: string;
}

type NetworkEvent =
  /** It has been sent: the bottleneck is free for the next. */
  | { readonly type: 'departure'; readonly datagram: Datagram }
  | { readonly type: 'arrival'; readonly datagram: Datagram }
  | { readonly type: 'call'; readonly call: () => void; readonly host: Host | undefined };

/** A protocol that acts this often without time going on has a timer that does not advance. */
const maxTurnsAtOnce = 100_000;

export class Network {
  readonly #random: SeededRandom;
  readonly #startAt: number;
  readonly #hosts = new Set<Host>();
  /** Where hosts are that are behind no NAT. */
  readonly internet = new Realm();
  readonly #events = new EventQueue<NetworkEvent>();
  /** An entry counts only if it is what the host is armed for; the others were overtaken by an earlier one. */
  readonly #timers = new EventQueue<Host>();
  /** Those to which something happened. */
  readonly #awake: Host[] = [];
  readonly #paths = new Map<string, Map<string, Path>>();
  readonly #directed = new Map<string, Partial<Conditions>>();
  readonly #onTrace: ((record: TraceRecord) => void) | undefined;
  readonly #digest = new TraceDigest();
  #conditions: Conditions;
  #now: number;
  #turnsAtOnce = 0;
  #datagrams = 0;

  constructor(options: NetworkOptions) {
    this.#random = new SeededRandom(options.seed);
    this.#conditions = { ...perfectConditions, ...options.conditions };
    this.#onTrace = options.onTrace;
    this.#startAt = options.startAt ?? 1_700_000_000_000;
    this.#now = this.#startAt;
  }

  get now(): number {
    return this.#now;
  }

  /** How many datagrams hosts have sent so far. */
  get datagramCount(): number {
    return this.#datagrams;
  }

  /** Of the trace so far, in 16 hexadecimal digits: equal for equal runs. */
  get digest(): string {
    return this.#digest.toString();
  }

  /** Its inside is a realm of its own, for hosts and for other NATs. @throws Error when somebody has its address already */
  addNat(options: NatOptions, outside = this.internet): Nat {
    const nat = new Nat(options, outside, this.#random);
    outside.placeNat(nat);
    return nat;
  }

  /** @throws Error when somebody is there already */
  attach(
    protocol: Protocol,
    address: Address,
    onTurn: (now: number) => void = (): void => undefined,
    realm = this.internet,
  ): Host {
    const keeper = {
      onWoken: (woken: Host): void => {
        this.#wake(woken);
      },
      onMoving: (moving: Host, to: Address, into: Realm): void => {
        if (!moving.isAttached) return;
        into.place(moving, to);
        moving.realm.remove(moving.address);
      },
    };
    const host = new Host(protocol, address, onTurn, keeper, realm);
    realm.place(host, address);
    this.#hosts.add(host);
    this.#wake(host);
    return host;
  }

  /** The host is there no more, as after a crash or a pulled cable. */
  detach(host: Host): void {
    if (!this.#hosts.delete(host)) return;
    host.isAttached = false;
    host.realm.remove(host.address);
  }

  /**
   * Changes the conditions from now on: for all paths, or for one direction only. What is said of a direction replaces
   * what was said of it before, and counts before what is said of all.
   */
  change(conditions: Partial<Conditions>, direction?: Direction): void {
    if (direction) this.#directed.set(`${direction.from} ${direction.to}`, conditions);
    else this.#conditions = { ...this.#conditions, ...conditions };
    for (const paths of this.#paths.values()) {
      for (const path of paths.values()) path.conditions = this.#conditionsOf(path.from, path.to);
    }
  }

  /** The same, after a while: a step of the rate or of the latency, the beginning or the end of a partition. */
  changeAfter(delayMs: number, conditions: Partial<Conditions>, direction?: Direction): void {
    this.schedule(delayMs, () => {
      this.change(conditions, direction);
    });
  }

  /**
   * Calls back after a while, between two events of the network.
   * @param host the only one that the call concerns: without it, all are asked afterwards whether they have something
   */
  schedule(delayMs: number, call: () => void, host?: Host): void {
    this.#events.add(this.#now + delayMs, { type: 'call', call, host });
  }

  /** A datagram out of nowhere, delivered as conditions allow; the sender's address may be forged. */
  inject(from: Address, to: Address, bytes: Uint8Array): void {
    this.#carry(this.#path(from.address, to.address), this.internet, from, to, bytes);
  }

  /**
   * Lets time go on until the condition holds, for at most `limitMs`.
   * @param condition only looks: what a protocol is given to do by it would wait for something else to happen
   * @returns whether it holds
   */
  runUntil(condition: () => boolean, limitMs: number): boolean {
    const end = this.#now + limitMs;
    // Since the last run anybody may have been given something to do.
    this.#wakeAll();
    this.#settle();
    while (!condition()) {
      const next = Math.min(this.#events.nextAt, this.#timers.nextAt);
      if (next > end) {
        this.#advance(end);
        return condition();
      }
      this.#advance(next);
      this.#step();
      this.#settle();
    }
    return true;
  }

  run(durationMs: number): void {
    this.runUntil(() => false, durationMs);
  }

  #advance(to: number): void {
    if (to <= this.#now) return;
    this.#now = to;
    this.#turnsAtOnce = 0;
  }

  /** All that is due now. */
  #step(): void {
    while (this.#timers.nextAt <= this.#now) {
      const at = this.#timers.nextAt;
      const host = this.#timers.take();
      if (!host?.isAttached || host.armedAt !== at) continue;
      host.armedAt = Infinity;
      const deadline = host.protocol.nextTimeout();
      if (deadline !== undefined && deadline <= this.#now) {
        host.isDue = true;
        this.#wake(host);
      } else {
        this.#arm(host, deadline);
      }
    }
    while (this.#events.nextAt <= this.#now) {
      const event = this.#events.take();
      if (event) this.#happen(event);
    }
  }

  #happen(event: NetworkEvent): void {
    switch (event.type) {
      case 'arrival':
        this.#deliver(event.datagram);
        return;
      case 'departure': {
        const next = event.datagram.path.dequeue();
        if (next) this.#depart(next);
        this.#propagate(event.datagram);
        return;
      }
      case 'call':
        event.call();
        if (event.host) this.#wake(event.host);
        else this.#wakeAll();
        return;
    }
  }

  #wakeAll(): void {
    for (const host of this.#hosts) this.#wake(host);
  }

  #wake(host: Host): void {
    if (host.isAwake || !host.isAttached) return;
    host.isAwake = true;
    this.#awake.push(host);
  }

  /** Lets those to whom something happened say and hear all that they have at this moment. */
  #settle(): void {
    const awake = this.#awake;
    for (let i = 0; i < awake.length; i += 1) {
      const host = awake[i] as Host;
      host.isAwake = false;
      if (host.isAttached) this.#turn(host);
    }
    awake.length = 0;
  }

  #turn(host: Host): void {
    const { protocol } = host;
    if (host.isDue) {
      host.isDue = false;
      protocol.handleTimeout(this.#now);
    }
    for (let isActive = true; isActive && host.isAttached;) {
      if ((this.#turnsAtOnce += 1) > maxTurnsAtOnce) throw new Error('a protocol never comes to rest');
      host.onTurn(this.#now);
      isActive = false;
      for (let next = protocol.pollTransmit(this.#now); next; next = protocol.pollTransmit(this.#now)) {
        this.#send(host, next.to, next.bytes);
        isActive = true;
      }
    }
    this.#arm(host, protocol.nextTimeout());
  }

  /** A deadline that is later than the one before is seen when the one before has come. */
  #arm(host: Host, deadline: number | undefined): void {
    if (deadline === undefined || deadline >= host.armedAt) return;
    host.armedAt = deadline;
    this.#timers.add(deadline, host);
  }

  /** Out through all gateways on the way, each of which gives it another source. */
  #send(host: Host, to: Address, bytes: Uint8Array): void {
    let { realm, address: from } = host;
    for (let nat = realm.gateway; nat && !realm.has(to.address); nat = realm.gateway) {
      from = nat.translateOut(this.#now, from, to);
      realm = nat.outside;
      if (to.address === nat.address && !nat.hairpins) {
        const path = this.#path(from.address, to.address);
        this.#trace({ path, realm, from, to, bytes: bytes.slice(), sentAt: this.#now }, 'filtered');
        return;
      }
    }
    let path = host.lastPath;
    if (path?.to !== to.address || path.from !== from.address)
      path = host.lastPath = this.#path(from.address, to.address);
    this.#carry(path, realm, from, to, bytes);
  }

  #carry(path: Path, realm: Realm, from: Address, to: Address, bytes: Uint8Array): void {
    this.#datagrams += 1;
    const datagram = { path, realm, from, to, bytes: bytes.slice(), sentAt: this.#now };
    if (bytes.length > path.conditions.maxDatagramBytes) {
      this.#trace(datagram, 'too-large');
    } else if (!path.isBottleneck) {
      this.#propagate(datagram);
    } else {
      const place = path.enqueue(datagram);
      if (place === 'sending') this.#depart(datagram);
      else if (place === 'full') this.#trace(datagram, 'queue-full');
    }
  }

  #depart(datagram: Datagram): void {
    this.#events.add(this.#now + datagram.path.sendingMs(datagram), { type: 'departure', datagram });
  }

  #propagate(datagram: Datagram): void {
    const { path } = datagram;
    for (let copies = path.duplicates() ? 2 : 1; copies > 0; copies -= 1) {
      if (path.isDead(this.#now)) {
        this.#trace(datagram, 'blocked');
      } else if (path.loses()) {
        this.#trace(datagram, 'lost');
      } else {
        const arriving = path.corrupts() ? { ...datagram, bytes: path.corrupted(datagram.bytes) } : datagram;
        this.#events.add(this.#now + path.delayMs(), { type: 'arrival', datagram: arriving });
      }
    }
  }

  #deliver(datagram: Datagram): void {
    const { from, bytes } = datagram;
    let { realm, to } = datagram;
    for (let nat = realm.natAt(to.address); nat; nat = realm.natAt(to.address)) {
      const inside = nat.translateIn(this.#now, from, to.port);
      if (!inside) {
        this.#trace(datagram, 'filtered');
        return;
      }
      realm = nat.inside;
      to = inside;
    }
    const host = realm.hostAt(to);
    this.#trace(datagram, host ? 'delivered' : 'unroutable');
    if (!host) return;
    host.protocol.handleDatagram(this.#now, from, bytes);
    host.onTurn(this.#now);
    this.#wake(host);
  }

  #trace(datagram: Datagram, fate: Fate): void {
    const { path, from, to, bytes, sentAt } = datagram;
    this.#digest.add(this.#now, path.hash ^ (from.port << 16) ^ to.port, fate, bytes);
    this.#onTrace?.({ at: this.#now, sentAt, from, to, bytes, fate });
  }

  #path(from: string, to: string): Path {
    let paths = this.#paths.get(from);
    if (!paths) this.#paths.set(from, (paths = new Map<string, Path>()));
    let path = paths.get(to);
    if (!path) {
      path = new Path(from, to, this.#conditionsOf(from, to), this.#startAt, this.#random);
      paths.set(to, path);
    }
    return path;
  }

  #conditionsOf(from: string, to: string): Conditions {
    return { ...this.#conditions, ...this.#directed.get(`${from} ${to}`) };
  }
}
