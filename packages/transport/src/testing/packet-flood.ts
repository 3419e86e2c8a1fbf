/**
 * Packets of strangers, in millions: none may be answered, change anything or be too much. What cannot be seen from
 * outside shows in the end: a pair that was flooded goes on to the byte as its twin that was not.
 */
import { SeededRandom } from '@parley/simulator';
import { keyLimits } from '../session/key-limits.js';
import { dataHeaderBytes, macBytes } from '../wire/packets.js';
import { ManualPair, type ManualSide } from './manual-pair.js';

/** How often everything is compared; what a packet would change first is after every one. */
const wholeStateEvery = 1_000;
const stranger = { address: '203.0.113.66', port: 6_666 };
/** Long enough for whatever a pair still has to do, and for a side that hears nothing to give up. */
const talkMs = 5_000;
const silenceMs = 50_000;
const stepMs = 100;

/** A pair at a moment when packets matter to it, and every packet that led there. */
interface Moment {
  readonly name: string;
  readonly pair: ManualPair;
  readonly captured: readonly Uint8Array[];
}

interface Target extends Moment {
  /** The same moment again. */
  readonly twin: ManualPair;
  /** What becomes of it after the flood, in words. */
  readonly goOn: (pair: ManualPair) => string;
}

export class PacketFlood {
  readonly #random: SeededRandom;
  readonly #targets: readonly Target[];

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
    const moments = [talking, renewingKeys, answered, underLoad, exchanging];
    this.#targets = [talk, silence].flatMap((goOn, i) =>
      moments.map((moment) => ({ ...moment(seed + 10 * i), twin: moment(seed + 10 * i).pair, goOn })),
    );
  }

  /** The types of the packets that are bent. */
  get types(): ReadonlySet<number> {
    return new Set(this.#targets.flatMap(({ captured }) => captured.map((packet) => packet[0] ?? 0)));
  }

  /** @throws Error when one of `count` bytestrings, most with a header as ours have, has any effect */
  random(count: number): void {
    this.#flood(count, (target) => {
      const random = this.#random;
      const bytes = random.bytes(random.below(200));
      const original = random.oneOf(target.captured);
      // Type, phase and whose it is, and nothing behind that.
      if (random.chance(0.8)) bytes.set(original.subarray(0, Math.min(bytes.length, dataHeaderBytes / 2)));
      return bytes;
    });
  }

  /** @throws Error when one of `count` captured packets with bytes changed, cut or lengthened, has any effect */
  mutated(count: number): void {
    this.#flood(count, ({ captured }) => this.#mutation(this.#random.oneOf(captured)));
  }

  /** @throws Error when one of the captured packets, as it was, has any effect; those that did not arrive have some */
  repeated(): void {
    for (const target of this.#targets) {
      for (const bytes of target.captured) for (const side of target.pair.sides) hand(target, side, bytes);
    }
  }

  /** All goes on as if nothing had been. @throws Error when it does not */
  finish(): void {
    for (const { name, pair, twin, goOn } of this.#targets) {
      if (goOn(pair) !== goOn(twin)) throw new Error(`the pair that was ${name} goes on in another way`);
    }
  }

  #mutation(original: Uint8Array): Uint8Array {
    const random = this.#random;
    const length = random.chance(0.3) ? random.below(original.length + 40) : original.length;
    const bytes = new Uint8Array(length);
    bytes.set(original.subarray(0, length));
    for (let i = original.length; i < length; i += 1) bytes[i] = random.below(256);
    // A handshake packet in which mac2 alone is wrong gets a cookie, under load: one change is before that.
    const authenticated = Math.min(length, Math.max(1, original.length - macBytes));
    for (let changes = random.between(1, 8); changes > 0 && length > 0; changes -= 1) {
      const at = random.below(changes === 1 ? authenticated : length);
      bytes[at] = (bytes[at] ?? 0) ^ random.between(1, 255);
    }
    // Two changes of one byte may have made it whole again.
    if (sameUpTo(authenticated, bytes, original)) bytes[0] = 0;
    return bytes;
  }

  #flood(count: number, next: (target: Target) => Uint8Array): void {
    const before = this.#targets.map(stateOf);
    for (let i = 0; i < count; i += 1) {
      const t = this.#random.below(this.#targets.length);
      const target = this.#targets[t];
      if (!target) throw new Error('there is no target');
      const bytes = next(target);
      for (const side of target.pair.sides) hand(target, side, bytes);
      if (i % wholeStateEvery === 0 && stateOf(target) !== before[t]) {
        throw new Error(`the pair that is ${target.name} was changed, by this or one before: ${hex(bytes)}`);
      }
    }
    this.#targets.forEach((target, t) => {
      if (stateOf(target) !== before[t]) throw new Error(`the pair that is ${target.name} was changed`);
    });
  }
}

function hand({ name, pair }: Target, { endpoint }: ManualSide, bytes: Uint8Array): void {
  const before = endpoint.nextTimeout();
  endpoint.handleDatagram(pair.now, stranger, bytes);
  if (endpoint.pollTransmit(pair.now)) throw new Error(`who is ${name} answers ${hex(bytes)}`);
  if (endpoint.pollEvent()) throw new Error(`who is ${name} has an event for ${hex(bytes)}`);
  if (endpoint.nextTimeout() !== before) throw new Error(`who is ${name} has another deadline for ${hex(bytes)}`);
}

/** Both say something, and hear it. */
function talk(pair: ManualPair): string {
  const before = pair.carried.length;
  for (const side of pair.sides) side.link.send(Uint8Array.of(1, 2, 3));
  let timeouts = '';
  for (let passed = 0; passed < talkMs; passed += stepMs) {
    pair.run(stepMs);
    timeouts += pair.sides.map(({ endpoint }) => `${String(endpoint.nextTimeout())} `).join('');
  }
  const heard = pair.sides.map(({ messages }) => messages.at(-1)?.length);
  if (heard.some((length) => length !== 3)) throw new Error('a pair cannot talk');
  return `${timeouts} ${pair.carried
    .slice(before)
    .map(({ bytes }) => hex(bytes))
    .join(' ')}`;
}

/** Neither hears anything more of the other. */
function silence(pair: ManualPair): string {
  let story = '';
  for (let passed = 0; passed < silenceMs; passed += stepMs) {
    pair.skip(stepMs);
    for (const side of pair.sides) {
      side.read();
      const sent = side.takeTransmits().map(({ to, bytes }) => `${to.address} ${String(to.port)} ${hex(bytes)}`);
      story += `${sent.join(' ')} ${String(side.endpoint.nextTimeout())} ${String(side.events.length)} `;
    }
  }
  return story;
}

function stateOf({ pair }: Target): string {
  const states = pair.sides.map(({ endpoint, link, events }) => {
    const { streams, usage, bufferedBytes } = link;
    const { openStreams, unacknowledgedBytes, receiveCapacityBytes, receiveLimitBytes, maxDatagramBytes } = streams;
    const ofStreams = { openStreams, unacknowledgedBytes, receiveCapacityBytes, receiveLimitBytes, maxDatagramBytes };
    const { linkCount } = endpoint;
    const timeout = endpoint.nextTimeout();
    return {
      status: link.status(pair.now),
      usage,
      bufferedBytes,
      ofStreams,
      linkCount,
      timeout,
      events: events.length,
    };
  });
  return JSON.stringify(states);
}

/** Under their second keys, with streams open, some of it unread and some in flight. */
function talking(seed: number): Moment {
  const pair = new ManualPair({ seed });
  pair.run(1_000);
  for (const { link } of pair.sides) link.send(new Uint8Array(5_000));
  pair.run(keyLimits.rekeyAfterMs);
  pair.initiator.link.send(new Uint8Array(100));
  pair.run(1_000);
  for (const side of pair.sides) {
    const { link } = side;
    const id = link.streams.open('files');
    link.streams.write(id, new Uint8Array(20_000));
    link.streams.sendDatagram(new Uint8Array(100));
    link.send(new Uint8Array(50_000));
  }
  // Half of it is on its way, and what arrives is not read.
  const taken = pair.sides.map((side) => side.take());
  for (const [i, side] of pair.sides.entries()) {
    for (const bytes of taken[1 - i]?.slice(0, 3) ?? []) side.give(bytes);
  }
  return settled('talking', pair, taken.flat());
}

/** One has asked for new keys, and the other has answered, which did not arrive. */
function renewingKeys(seed: number): Moment {
  const pair = new ManualPair({ seed: seed + 1 });
  pair.run(1_000);
  pair.skip(keyLimits.rekeyAfterMs);
  pair.initiator.link.send(new Uint8Array(100));
  const packets = pair.initiator.take();
  for (const bytes of packets) pair.responder.give(bytes);
  return settled('renewing its keys', pair, packets);
}

/** The response to the first initiation did not arrive. */
function answered(seed: number): Moment {
  const pair = new ManualPair({ seed: seed + 2 });
  const packets = pair.initiator.take();
  for (const bytes of packets) pair.responder.give(bytes);
  return settled('waiting for a response', pair, packets);
}

/** One has shown a cookie, of which the other has not heard. */
function underLoad(seed: number): Moment {
  const pair = new ManualPair({ seed: seed + 3, config: { handshakesPerSecond: 0 } });
  const packets = pair.initiator.take();
  for (const bytes of packets) pair.responder.give(bytes);
  const replies = pair.responder.take();
  for (const bytes of replies) pair.initiator.give(bytes);
  pair.skip(200);
  return settled('under load', pair, [...packets, ...replies]);
}

/** Under their first keys, in the middle of the post-quantum exchange. */
function exchanging(seed: number): Moment {
  const pair = new ManualPair({ seed: seed + 4 });
  const packets = pair.initiator.take();
  for (const bytes of packets) pair.responder.give(bytes);
  const responses = pair.responder.take();
  for (const bytes of responses) pair.initiator.give(bytes);
  const key = pair.initiator.take();
  for (const bytes of key.slice(0, 1)) pair.responder.give(bytes);
  return settled('exchanging secrets', pair, [...packets, ...responses, ...key]);
}

/** Nothing is left to be sent at this moment, nor to be read. */
function settled(name: string, pair: ManualPair, packets: readonly Uint8Array[]): Moment {
  const left = pair.sides.flatMap((side) => {
    side.read();
    return side.take();
  });
  for (const side of pair.sides) side.read();
  return { name, pair, captured: [...pair.carried.map(({ bytes }) => bytes), ...packets, ...left] };
}

function sameUpTo(length: number, a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a.subarray(0, length), b.subarray(0, length)) === 0;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
