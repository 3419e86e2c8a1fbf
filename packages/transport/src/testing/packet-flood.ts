/** Packets of strangers, in millions: none may be answered, change anything or be too much. */
import { SeededRandom } from '@parley/simulator';
import { packetTypes } from '../wire/packets.js';
import type { SideName } from './side-name.js';
import { Simulation, strangerNetwork } from './simulation.js';

const names = ['a', 'b'] as const;
/** How often everything is compared; the rest after every packet. */
const wholeStateEvery = 1_000;

/** Two pairs: one in the middle of a conversation, one that waits for its handshake. */
export class PacketFlood {
  readonly #random: SeededRandom;
  readonly #captured: Uint8Array[] = [];
  readonly #targets: readonly Simulation[];

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
    const talking = new Simulation({ seed, onTrace: ({ bytes }) => this.#captured.push(bytes) });
    const conversation = talking.introduce();
    for (const name of names) {
      conversation.send(name, 100);
      conversation.send(name, 5_000);
    }
    talking.network.run(5_000);
    if (!conversation.isEstablished || !conversation.isQuiet) throw new Error('the pair does not talk');
    const waiting = new Simulation({ seed, conditions: { blocked: true } });
    waiting.introduce();
    waiting.network.run(1);
    this.#targets = [talking, waiting];
  }

  /** @throws Error when one of `count` bytestrings, most with a header as ours have, has any effect. */
  random(count: number): void {
    this.#flood(count, () => {
      const bytes = this.#random.bytes(this.#random.below(200));
      if (bytes.length > 3 && this.#random.chance(0.8)) {
        bytes.fill(0, 1, 4);
        bytes[0] = packetTypes.initiation + this.#random.below(5);
      }
      return bytes;
    });
  }

  /** @throws Error when one of `count` captured packets with bits flipped, cut or lengthened, has any effect. */
  mutated(count: number): void {
    this.#flood(count, () => this.#mutation(this.#random.oneOf(this.#captured)));
  }

  #mutation(original: Uint8Array): Uint8Array {
    const random = this.#random;
    const length = random.chance(0.3) ? random.below(original.length + 40) : original.length;
    const bytes = new Uint8Array(length);
    bytes.set(original.subarray(0, length));
    for (let i = original.length; i < length; i += 1) bytes[i] = random.below(256);
    for (let flips = random.between(1, 8); flips > 0 && length > 0; flips -= 1) {
      const at = random.below(length);
      bytes[at] = (bytes[at] ?? 0) ^ random.between(1, 255);
    }
    // Two flips of one byte may have made it whole again.
    if (Buffer.compare(bytes, original) === 0) bytes[0] = 0;
    return bytes;
  }

  #flood(count: number, next: () => Uint8Array): void {
    const before = this.#targets.map(wholeStateOf);
    const glances = this.#targets.map((target) => names.map((name) => glanceAt(target, name)));
    for (let i = 0; i < count; i += 1) {
      const bytes = next();
      const from = { address: `${strangerNetwork}${String(this.#random.below(256))}`, port: 6_666 };
      for (const [t, target] of this.#targets.entries()) {
        for (const [n, name] of names.entries()) {
          hand(target, name, from, bytes);
          if (glanceAt(target, name) !== glances[t]?.[n]) throw new Error(`changed by ${hex(bytes)}`);
        }
        if (i % wholeStateEvery === 0 && wholeStateOf(target) !== before[t])
          throw new Error('changed by a packet before');
      }
    }
    if (this.#targets.some((target, t) => wholeStateOf(target) !== before[t]))
      throw new Error('changed by a late packet');
  }
}

function hand(target: Simulation, name: SideName, from: { address: string; port: number }, bytes: Uint8Array): void {
  const { endpoint } = target.sides[name].endpoint;
  endpoint.handleDatagram(target.network.now, from, bytes);
  if (endpoint.pollTransmit(target.network.now)) throw new Error(`answered: ${hex(bytes)}`);
  if (endpoint.pollEvent()) throw new Error(`an event for ${hex(bytes)}`);
}

/** What a packet would change first. */
function glanceAt(target: Simulation, name: SideName): number {
  const { endpoint } = target.sides[name].endpoint;
  return (endpoint.nextTimeout() ?? 0) + endpoint.linkCount;
}

function wholeStateOf(target: Simulation): string {
  const states = names.map((name) => {
    const { endpoint } = target.sides[name].endpoint;
    const links = target.conversations.map(({ halves }) => {
      const { link } = halves[name];
      if (!link) return undefined;
      const { state, path, rttMs, usage, bufferedBytes } = link;
      return { state, path, rttMs, usage, bufferedBytes };
    });
    return { timeout: endpoint.nextTimeout(), links };
  });
  return JSON.stringify(states);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
