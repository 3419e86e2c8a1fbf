/**
 * A NAT, by the names of RFC 4787: what decides which outside port a datagram leaves by (mapping, section 4.1), and whose
 * datagrams are let in through it (filtering, section 5).
 */
import type { Address } from './address.js';
import { Realm } from './realm.js';
import type { SeededRandom } from './seeded-random.js';

export type NatBehaviour = 'endpoint-independent' | 'address-dependent' | 'address-and-port-dependent';

export interface NatOptions {
  /** Its own, in the realm outside. */
  readonly address: string;
  readonly mapping: NatBehaviour;
  readonly filtering: NatBehaviour;
  /** A mapping ends when nothing has left by it for so long (REQ-5 asks for two minutes at least); Infinity for never. */
  readonly idleTimeoutMs: number;
  /** It ends after so long whatever is sent, as with some carriers; Infinity for never. */
  readonly lifetimeMs: number;
  /** Whether those inside reach each other by their outside addresses (section 6). */
  readonly hairpins: boolean;
  /** Takes the port of the inside where it is free (section 4.2.1); else one at random. */
  readonly preservesPorts: boolean;
}

/** What a home router does, as a rule. */
export const usualNat: Omit<NatOptions, 'address'> = {
  mapping: 'endpoint-independent',
  filtering: 'address-and-port-dependent',
  idleTimeoutMs: 120_000,
  lifetimeMs: Infinity,
  hairpins: false,
  preservesPorts: true,
};

interface Mapping {
  readonly key: string;
  readonly inside: Address;
  readonly port: number;
  readonly since: number;
  usedAt: number;
  /** To whom something was sent by it, as far as filtering asks. */
  readonly remotes: Set<string>;
}

const lowestPort = 1_024;
const ports = 65_536 - lowestPort;

export class Nat {
  readonly inside: Realm;
  readonly outside: Realm;
  readonly #options: NatOptions;
  readonly #random: SeededRandom;
  readonly #byKey = new Map<string, Mapping>();
  readonly #byPort = new Map<number, Mapping>();

  /** Made by `Network.addNat`. */
  constructor(options: NatOptions, outside: Realm, random: SeededRandom) {
    this.#options = options;
    this.#random = random;
    this.outside = outside;
    this.inside = new Realm(this);
  }

  get address(): string {
    return this.#options.address;
  }

  get hairpins(): boolean {
    return this.#options.hairpins;
  }

  /** Mappings that are alive. */
  mappingCount(now: number): number {
    let count = 0;
    for (const mapping of this.#byKey.values()) if (!this.#hasEnded(mapping, now)) count += 1;
    return count;
  }

  /** It has been switched off and on again: no mapping is left. */
  restart(): void {
    this.#byKey.clear();
    this.#byPort.clear();
  }

  /** A datagram leaves. @returns where it comes from, for those outside */
  translateOut(now: number, inside: Address, remote: Address): Address {
    const key = `${textOf(inside)} ${seenAs(this.#options.mapping, remote)}`;
    const mapping = this.#liveMapping(this.#byKey.get(key), now) ?? this.#makeMapping(key, inside, now);
    mapping.usedAt = now;
    mapping.remotes.add(seenAs(this.#options.filtering, remote));
    return { address: this.address, port: mapping.port };
  }

  /** A datagram comes. @returns for whom inside; undefined when it is let through to nobody */
  translateIn(now: number, remote: Address, port: number): Address | undefined {
    const mapping = this.#liveMapping(this.#byPort.get(port), now);
    return mapping?.remotes.has(seenAs(this.#options.filtering, remote)) === true ? mapping.inside : undefined;
  }

  #makeMapping(key: string, inside: Address, now: number): Mapping {
    const port = this.#freePort(inside.port, now);
    const mapping: Mapping = { key, inside, port, since: now, usedAt: now, remotes: new Set() };
    this.#byKey.set(key, mapping);
    this.#byPort.set(port, mapping);
    return mapping;
  }

  #freePort(wanted: number, now: number): number {
    let port = this.#options.preservesPorts ? wanted : this.#randomPort();
    for (let tries = 0; this.#liveMapping(this.#byPort.get(port), now); tries += 1) {
      if (tries > ports) throw new Error('all ports of a NAT are taken');
      port = this.#randomPort();
    }
    return port;
  }

  #randomPort(): number {
    return lowestPort + this.#random.below(ports);
  }

  /** The same, unless its time is over: then it is forgotten. */
  #liveMapping(mapping: Mapping | undefined, now: number): Mapping | undefined {
    if (!mapping || !this.#hasEnded(mapping, now)) return mapping;
    this.#byKey.delete(mapping.key);
    this.#byPort.delete(mapping.port);
    return undefined;
  }

  #hasEnded({ since, usedAt }: Mapping, now: number): boolean {
    const { idleTimeoutMs, lifetimeMs } = this.#options;
    return now > usedAt + idleTimeoutMs || now > since + lifetimeMs;
  }
}

/** What of a remote address makes a difference. */
function seenAs(behaviour: NatBehaviour, remote: Address): string {
  switch (behaviour) {
    case 'endpoint-independent':
      return '';
    case 'address-dependent':
      return remote.address;
    case 'address-and-port-dependent':
      return textOf(remote);
  }
}

function textOf({ address, port }: Address): string {
  return `${address} ${String(port)}`;
}
