/** Two endpoints that were introduced to each other, and whose datagrams are carried by hand. */
import { SeededRandom } from '@parley/simulator';
import type { Address } from '../address.js';
import type { CryptoProvider, KeyPair } from '../crypto-provider.js';
import { Endpoint } from '../endpoint.js';
import type { TransportConfig } from '../limits.js';
import type { Link } from '../link.js';
import type { LinkEnd, LinkEvent, Transmit } from '../link-event.js';
import { nodeCrypto } from '../node/node-crypto.js';
import type { Role } from '../noise/handshake.js';
import type { Introduction } from '../session/introduction.js';
import { seededKeyPair } from './simulated-pair.js';

export interface ManualPairOptions {
  readonly seed?: number;
  readonly config?: Partial<TransportConfig>;
  /** Of one side, or of both. */
  readonly crypto?: Partial<Record<Role, CryptoProvider>>;
}

interface Clock {
  now: number;
}

export class ManualSide {
  readonly endpoint: Endpoint;
  readonly link: Link;
  readonly address: Address;
  readonly keyPair: KeyPair;
  readonly introduction: Introduction;
  readonly events: LinkEvent[] = [];
  readonly #clock: Clock;
  readonly #peerAddress: Address;

  constructor(clock: Clock, endpoint: Endpoint, keyPair: KeyPair, introduction: Introduction, address: Address) {
    this.#clock = clock;
    this.endpoint = endpoint;
    this.keyPair = keyPair;
    this.introduction = introduction;
    this.address = address;
    [this.#peerAddress = address] = introduction.candidates;
    this.link = endpoint.open(clock.now, introduction);
  }

  /** All that it has to send now. */
  take(): Uint8Array[] {
    return this.takeTransmits().map(({ bytes }) => bytes);
  }

  takeTransmits(): Transmit[] {
    const { now } = this.#clock;
    this.endpoint.handleTimeout(now);
    const transmits: Transmit[] = [];
    for (let next = this.endpoint.pollTransmit(now); next; next = this.endpoint.pollTransmit(now)) {
      transmits.push({ to: next.to, bytes: next.bytes.slice() });
    }
    return transmits;
  }

  /** Receives a datagram, from its peer unless something else is said. */
  give(bytes: Uint8Array, from = this.#peerAddress): void {
    this.endpoint.handleDatagram(this.#clock.now, from, bytes);
    this.read();
  }

  read(): void {
    for (let next = this.endpoint.pollEvent(); next; next = this.endpoint.pollEvent()) this.events.push(next.event);
  }

  get messages(): Uint8Array[] {
    return this.events.flatMap((event) => (event.type === 'message' ? [event.bytes] : []));
  }

  get end(): LinkEnd | undefined {
    return this.events.flatMap((event) => (event.type === 'ended' ? [event.end] : []))[0];
  }
}

export class ManualPair {
  readonly initiator: ManualSide;
  readonly responder: ManualSide;
  /** All that was carried so far. */
  readonly carried: { readonly from: Role; readonly bytes: Uint8Array }[] = [];
  readonly #clock: Clock = { now: 1_700_000_000_000 };

  constructor(options: ManualPairOptions = {}) {
    const random = new SeededRandom(options.seed ?? 1);
    const [initiatorKeys, responderKeys] = [seededKeyPair(random), seededKeyPair(random)];
    const introduction = { id: random.bytes(16), psk: random.bytes(32) };
    const addresses = {
      initiator: { address: '192.0.2.1', port: 1111 },
      responder: { address: '198.51.100.2', port: 2222 },
    };
    const side = (role: Role, keyPair: KeyPair, peerKey: Uint8Array): ManualSide => {
      const ownRandom = new SeededRandom(random.u32());
      const endpoint = new Endpoint({
        crypto: options.crypto?.[role] ?? nodeCrypto,
        random: (length) => ownRandom.bytes(length),
        keyPair,
        config: options.config,
      });
      const candidates = [addresses[role === 'initiator' ? 'responder' : 'initiator']];
      return new ManualSide(
        this.#clock,
        endpoint,
        keyPair,
        { ...introduction, peerKey, role, candidates },
        addresses[role],
      );
    };
    this.initiator = side('initiator', initiatorKeys, responderKeys.publicKey);
    this.responder = side('responder', responderKeys, initiatorKeys.publicKey);
  }

  get now(): number {
    return this.#clock.now;
  }

  get sides(): readonly [ManualSide, ManualSide] {
    return [this.initiator, this.responder];
  }

  peerOf(side: ManualSide): ManualSide {
    return side === this.initiator ? this.responder : this.initiator;
  }

  /** Time passes, and nobody is asked for anything. */
  skip(durationMs: number): void {
    this.#clock.now += durationMs;
  }

  /** Carries datagrams until nobody has one. */
  carry(): void {
    for (let isBusy = true; isBusy;) {
      isBusy = false;
      for (const side of this.sides) {
        side.read();
        for (const bytes of side.take()) {
          isBusy = true;
          this.carried.push({ from: side === this.initiator ? 'initiator' : 'responder', bytes });
          this.peerOf(side).give(bytes);
        }
      }
    }
  }

  /** Time passes, and all is carried at once that anybody sends meanwhile. */
  run(durationMs: number): void {
    const end = this.now + durationMs;
    this.carry();
    for (;;) {
      const next = Math.min(...this.sides.map(({ endpoint }) => endpoint.nextTimeout() ?? Infinity));
      if (next > end) break;
      this.#clock.now = Math.max(this.now, next);
      this.carry();
    }
    this.#clock.now = end;
  }
}
