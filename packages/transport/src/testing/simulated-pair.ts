/** Two endpoints that were introduced to each other, on a virtual network; everything follows from the seed. */
import { Network, SeededRandom, type Conditions, type Host, type Realm, type TraceRecord } from '@parley/simulator';
import type { Address } from '../address.js';
import type { KeyPair } from '../crypto-provider.js';
import { Endpoint } from '../endpoint.js';
import type { TransportConfig } from '../limits.js';
import type { Link } from '../link.js';
import type { LinkEnd, LinkEvent } from '../link-event.js';
import { nodeCrypto } from '../node/node-crypto.js';
import type { Role } from '../noise/handshake.js';

export class Side {
  readonly endpoint: Endpoint;
  readonly link: Link;
  readonly host: Host;
  readonly events: LinkEvent[] = [];
  /** A side that does not read leaves its messages where they are. */
  reads = true;

  constructor(network: Network, endpoint: Endpoint, link: Link, address: Address, realm?: Realm) {
    this.endpoint = endpoint;
    this.link = link;
    const onTurn = (): void => {
      if (this.reads) this.read();
    };
    this.host = network.attach(endpoint, address, onTurn, realm);
  }

  read(): void {
    for (let next = this.endpoint.pollEvent(); next; next = this.endpoint.pollEvent()) this.events.push(next.event);
  }

  get messages(): Uint8Array[] {
    return this.events.flatMap((event) => (event.type === 'message' ? [event.bytes] : []));
  }

  get isEstablished(): boolean {
    return this.events.some(({ type }) => type === 'established');
  }

  get end(): LinkEnd | undefined {
    return this.events.flatMap((event) => (event.type === 'ended' ? [event.end] : []))[0];
  }
}

export interface PairOptions {
  readonly seed: number;
  readonly conditions?: Partial<Conditions>;
  readonly config?: Partial<TransportConfig>;
  /** Where each is said to be, when not where it is. */
  readonly initiatorCandidates?: readonly Address[];
  readonly responderCandidates?: readonly Address[];
}

const initiatorAddress: Address = { address: '192.0.2.1', port: 1111 };
const responderAddress: Address = { address: '198.51.100.2', port: 2222 };
export const strangerAddress: Address = { address: '203.0.113.66', port: 6666 };

export class SimulatedPair {
  readonly network: Network;
  readonly random: SeededRandom;
  readonly initiator: Side;
  readonly responder: Side;
  readonly initiatorKeys: KeyPair;
  readonly responderKeys: KeyPair;
  readonly trace: TraceRecord[] = [];

  constructor(options: PairOptions) {
    this.random = new SeededRandom(options.seed);
    this.network = new Network({
      seed: this.random.u32(),
      conditions: options.conditions,
      onTrace: (record) => this.trace.push(record),
    });
    this.initiatorKeys = seededKeyPair(this.random);
    this.responderKeys = seededKeyPair(this.random);
    const id = this.random.bytes(16);
    const psk = this.random.bytes(32);
    const side = (role: Role, keyPair: KeyPair, peerKey: Uint8Array, at: Address, candidates: readonly Address[]) => {
      const random = new SeededRandom(this.random.u32());
      const endpoint = new Endpoint({
        crypto: nodeCrypto,
        random: (length) => random.bytes(length),
        keyPair,
        config: options.config,
      });
      const link = endpoint.open(this.network.now, { id, psk, peerKey, role, candidates });
      return new Side(this.network, endpoint, link, at);
    };
    const { publicKey: initiatorKey } = this.initiatorKeys;
    const { publicKey: responderKey } = this.responderKeys;
    this.responder = side('responder', this.responderKeys, initiatorKey, responderAddress, [
      ...(options.initiatorCandidates ?? [initiatorAddress]),
    ]);
    this.initiator = side('initiator', this.initiatorKeys, responderKey, initiatorAddress, [
      ...(options.responderCandidates ?? [responderAddress]),
    ]);
  }

  get sides(): readonly [Side, Side] {
    return [this.initiator, this.responder];
  }

  /** Runs until both sides are established. */
  establish(limitMs = 10_000): boolean {
    return this.network.runUntil(() => this.sides.every(({ isEstablished }) => isEstablished), limitMs);
  }

  /** Runs until nothing is on its way, and nothing waits but keep-alives. */
  settle(): void {
    this.network.run(2_000);
  }
}

export function seededKeyPair(random: SeededRandom): KeyPair {
  const privateKey = random.bytes(32);
  return { privateKey, publicKey: nodeCrypto.keyAgreement(privateKey).publicKey };
}

/** A message of this length that says its number. */
export function numbered(number: number, length: number): Uint8Array {
  const message = new Uint8Array(Math.max(4, length)).fill(number & 0xff);
  new DataView(message.buffer).setUint32(0, number);
  return message;
}

export function numbersOf(messages: readonly Uint8Array[]): number[] {
  return messages.map((message) => new DataView(message.buffer, message.byteOffset).getUint32(0));
}

export function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
