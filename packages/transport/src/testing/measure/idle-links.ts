/** What links cost while nothing is said on them. */
import { Network, SeededRandom } from '@parley/simulator';
import type { Address } from '../../address.js';
import { Endpoint } from '../../endpoint.js';
import type { Link } from '../../link.js';
import { bestCrypto } from '../../node/best-crypto.js';
import { keyLimits } from '../../session/key-limits.js';
import { settledMemory } from './memory.js';
import { seededKeyPair } from '../simulated-pair.js';

export interface IdleReport {
  /** For each link: while it has keys, and when they have expired. */
  readonly withKeysBytes: number;
  readonly withoutKeysBytes: number;
  /** In the hour after. */
  readonly packets: number;
  readonly established: number;
  /** One call of `handleTimeout` and of `nextTimeout`, when nothing is due. */
  readonly timerUs: number;
}

const crypto = bestCrypto();
/** So many talk at once. */
const group = 50;
const groupMs = 200;
const talkBytes = 300;
const hourMs = 3_600_000;
/** Links that come and go first, so that code and pools are there. */
const warmUpLinks = 100;
const timerCalls = 10_000;

/** Two endpoints with `count` links between them, of which each says something in either direction and then nothing. */
export function measureIdleLinks(count: number): IdleReport {
  const world = new World();
  world.closeAll(world.open(warmUpLinks));
  const before = settledMemory();
  const links = world.open(count);
  world.network.run(keyLimits.rekeyAfterMs / 2);
  const heldBytes = (): number => (settledMemory().heldBytes - before.heldBytes) / links.length;
  const withKeysBytes = heldBytes();
  world.network.run(keyLimits.rejectAfterMs);
  const withoutKeysBytes = heldBytes();
  const packetsBefore = world.network.datagramCount;
  world.network.run(hourMs);
  const established = links.filter(({ state }) => state === 'established').length;
  const packets = world.network.datagramCount - packetsBefore;
  return { withKeysBytes, withoutKeysBytes, packets, established, timerUs: world.timerUs() };
}

class World {
  readonly network = new Network({ seed: 1 });
  readonly #random = new SeededRandom(2);
  readonly #keys = [seededKeyPair(this.#random), seededKeyPair(this.#random)] as const;
  readonly #addresses: readonly [Address, Address] = [
    { address: '192.0.2.1', port: 1111 },
    { address: '198.51.100.2', port: 2222 },
  ];
  readonly #endpoints = [this.#endpoint(0), this.#endpoint(1)] as const;

  /** Those of both sides; the half of them are initiators. */
  open(count: number): Link[] {
    const links: Link[] = [];
    for (let opened = 0; opened < count; opened += 1) {
      links.push(...this.#introduce());
      if ((opened + 1) % group > 0 && opened + 1 < count) continue;
      this.network.run(groupMs);
      const talking = links.slice(-2 * group);
      for (const link of talking) link.send(new Uint8Array(talkBytes));
      this.network.run(groupMs);
    }
    return links;
  }

  closeAll(links: readonly Link[]): void {
    for (const link of links) link.close(this.network.now);
    this.network.run(10_000);
    if (this.#endpoints.some(({ linkCount }) => linkCount > 0)) throw new Error('a link is still there');
  }

  timerUs(): number {
    const [endpoint] = this.#endpoints;
    const { now } = this.network;
    const startedAt = performance.now();
    for (let call = 0; call < timerCalls; call += 1) {
      endpoint.handleTimeout(now);
      endpoint.nextTimeout();
    }
    return ((performance.now() - startedAt) * 1_000) / timerCalls;
  }

  #introduce(): Link[] {
    const { now } = this.network;
    const id = this.#random.bytes(16);
    const psk = this.#random.bytes(32);
    return ([1, 0] as const).map((side) => {
      const peer = side === 0 ? 1 : 0;
      return this.#endpoints[side].open(now, {
        id: id.slice(),
        psk: psk.slice(),
        peerKey: this.#keys[peer].publicKey,
        role: side === 0 ? 'initiator' : 'responder',
        candidates: [this.#addresses[peer]],
      });
    });
  }

  #endpoint(side: 0 | 1): Endpoint {
    const endpoint = new Endpoint({
      crypto,
      random: (length) => this.#random.bytes(length),
      keyPair: this.#keys[side],
      // All of them are behind one address, from which so many would be a flood.
      config: { handshakesPerSecond: 1_000_000 },
    });
    this.network.attach(endpoint, this.#addresses[side], () => {
      while (endpoint.pollEvent()) continue;
    });
    return endpoint;
  }
}
