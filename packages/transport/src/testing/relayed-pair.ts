/** Two endpoints, each behind a NAT of its own, who begin by way of a relay; everything follows from the seed. */
import {
  Network,
  SeededRandom,
  usualNat,
  type Conditions,
  type Host,
  type Nat,
  type NatOptions,
  type Protocol,
} from '@parley/simulator';
import type { Address } from '../address.js';
import { Endpoint } from '../endpoint.js';
import type { TransportConfig } from '../limits.js';
import type { LinkEvent, Transmit } from '../link-event.js';
import { nodeCrypto } from '../node/node-crypto.js';
import type { Role } from '../noise/handshake.js';
import { seededKeyPair, Side } from './simulated-pair.js';

export interface RelayedPairOptions {
  readonly seed: number;
  readonly conditions?: Partial<Conditions>;
  readonly config?: Partial<TransportConfig>;
  readonly nats?: Partial<Record<Role, Partial<NatOptions>>>;
}

/** What comes to it goes out of its twin, to whom that one has heard last. */
class RelayPort implements Protocol {
  twin: RelayPort = this;
  host: Host | undefined;
  readonly #queue: Transmit[] = [];
  #client: Address | undefined;

  handleDatagram(_now: number, from: Address, bytes: Uint8Array): void {
    this.#client = from;
    this.twin.#carry(bytes);
  }

  handleTimeout(): void {
    // It has no timers.
  }

  pollTransmit(): Transmit | undefined {
    return this.#queue.shift();
  }

  nextTimeout(): undefined {
    return undefined;
  }

  #carry(bytes: Uint8Array): void {
    if (this.#client) this.#queue.push({ to: this.#client, bytes });
    this.host?.wake();
  }
}

const roles = ['initiator', 'responder'] as const;
const inside = {
  initiator: { address: '192.168.1.2', port: 1111 },
  responder: { address: '192.168.7.3', port: 2222 },
} as const;

export class RelayedPair {
  readonly network: Network;
  readonly nats: Readonly<Record<Role, Nat>>;
  readonly initiator: Side;
  readonly responder: Side;
  /** Where each is for those outside, as long as its NAT keeps ports. */
  readonly outside = {
    initiator: { address: '192.0.2.1', port: 1111 },
    responder: { address: '198.51.100.2', port: 2222 },
  } as const;

  constructor(options: RelayedPairOptions) {
    const random = new SeededRandom(options.seed);
    this.network = new Network({ seed: random.u32(), conditions: options.conditions });
    const nat = (role: Role): Nat =>
      this.network.addNat({ ...usualNat, address: this.outside[role].address, ...options.nats?.[role] });
    this.nats = { initiator: nat('initiator'), responder: nat('responder') };
    for (const number of [1, 2] as const) this.#addRelay(number);
    const keys = { initiator: seededKeyPair(random), responder: seededKeyPair(random) };
    const shared = { id: random.bytes(16), psk: random.bytes(32) };
    const side = (role: Role): Side => {
      const ownRandom = new SeededRandom(random.u32());
      const peerKey = keys[role === 'initiator' ? 'responder' : 'initiator'].publicKey;
      const endpoint = new Endpoint({
        crypto: nodeCrypto,
        random: (length) => ownRandom.bytes(length),
        keyPair: keys[role],
        config: options.config,
      });
      const candidates = [this.relay(1, role)];
      const link = endpoint.open(this.network.now, { ...shared, peerKey, role, candidates });
      return new Side(this.network, endpoint, link, inside[role], this.nats[role].inside);
    };
    this.responder = side('responder');
    this.initiator = side('initiator');
    if (!this.network.runUntil(() => this.sides.every(({ isEstablished }) => isEstablished), 20_000)) {
      throw new Error('the pair does not find each other by the relay');
    }
    this.network.run(500);
    for (const { events } of this.sides) events.length = 0;
  }

  get sides(): readonly [Side, Side] {
    return [this.initiator, this.responder];
  }

  /** Where one of the two finds the other by a relay. */
  relay(number: 1 | 2, role: Role): Address {
    return { address: `203.0.113.${String(number)}`, port: role === 'initiator' ? 1 : 2 };
  }

  /** Where one of the two finds the other directly. */
  direct(role: Role): Address {
    return this.outside[role === 'initiator' ? 'responder' : 'initiator'];
  }

  /** Both ask for the other where `way` says, at once, until both have had an answer. @returns whether they have */
  probe(way: (role: Role) => Address, tries = 10): boolean {
    const hasAnswer = (role: Role): boolean =>
      eventsOf(this[role], 'probed').some(({ to }) => to.address === way(role).address);
    for (const { events } of this.sides) events.splice(0, events.length, ...events.filter(isNotProbed));
    for (let i = 0; i < tries && !roles.every(hasAnswer); i += 1) {
      for (const role of roles) this[role].link.probe(this.network.now, way(role));
      this.network.runUntil(() => roles.every(hasAnswer), 100);
    }
    return roles.every(hasAnswer);
  }

  /** Whether packets of both go where `way` says. */
  isOn(way: (role: Role) => Address): boolean {
    return roles.every((role) => {
      const { path } = this[role].link;
      return path?.address === way(role).address && path.port === way(role).port;
    });
  }

  #addRelay(number: 1 | 2): void {
    const ports = { initiator: new RelayPort(), responder: new RelayPort() };
    for (const role of roles) {
      ports[role].twin = ports[role === 'initiator' ? 'responder' : 'initiator'];
      ports[role].host = this.network.attach(ports[role], this.relay(number, role));
    }
  }
}

export function eventsOf<T extends LinkEvent['type']>(side: Side, type: T): Extract<LinkEvent, { type: T }>[] {
  return side.events.filter((event): event is Extract<LinkEvent, { type: T }> => event.type === type);
}

function isNotProbed({ type }: LinkEvent): boolean {
  return type !== 'probed';
}
