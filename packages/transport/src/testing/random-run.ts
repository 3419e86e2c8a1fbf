/** Anything that two devices and the path between them may do, in any order; the seed decides. */
import { perfectConditions, type Conditions } from '@parley/simulator';
import { keyLimits } from '../session/key-limits.js';
import { transportLimits, type TransportConfig } from '../limits.js';
import type { LinkEnd } from '../link-event.js';
import type { Bounds, CheckName } from './checkers.js';
import { type Conversation } from './conversation.js';
import { otherSide, type SideName } from './side-name.js';
import { randomConditions, roughnessOf } from './random-conditions.js';
import { sendDatagrams, talkAtRandom } from './random-talk.js';
import { Simulation, SimulationFailure, strangerNetwork, type RunReport } from './simulation.js';

export interface RandomRunOptions {
  readonly checks?: readonly CheckName[] | undefined;
  readonly bounds?: Bounds | undefined;
  readonly config?: Partial<TransportConfig> | undefined;
}

/** How `npm run sim` names it. */
export const randomRunName = 'random';

/** After the path has healed, all that was said has arrived by then. */
const healedMs = 30_000;
/** A path that has been good for so long has let something through: neither a link nor a handshake may fail on it. */
const recoveryMs = 11_000;
const capturedDatagrams = 64;
/** Some runs have so little room for what is to be sent that writers have to wait. */
const smallBufferBytes = 128 * 1024;
/** The client's figure. */
const watchedMs = 10_000;
/** A link that closes on a good path gets rid of so much before it gives up. */
const easyBytes = 16 * 1024;
/** So many datagrams do not have to wait for anything on a good path. */
const fewDatagrams = 5;
const easyMs = 1_000;
/** Beside the latency, where nothing is lost. */
const promptMs = 20;
/** While keys are renewed there is so much to say, for so long. */
const denselyMs = 20;
const manyMs = 1_000;
const bothSides = ['a', 'b'] as const;

/** @throws SimulationFailure */
export function runRandom(seed: number, options: RandomRunOptions = {}): RunReport {
  const captured: Uint8Array[] = [];
  // Half of the runs watch their links, as a client does while a conversation is open; in the others silence is free.
  const isWatched = seed % 2 === 0;
  const config = {
    keepAliveMs: isWatched ? watchedMs : Infinity,
    ...(seed % 5 === 0 ? { sendBufferBytes: smallBufferBytes } : {}),
    ...options.config,
  };
  const simulation = new Simulation({
    seed,
    ...options,
    config,
    onTrace: ({ fate, bytes }) => {
      // Only what has arrived: a stranger who is faster than the true packet may lead the path astray for a while.
      if (fate === 'delivered' && captured.length < capturedDatagrams) captured.push(bytes);
    },
  });
  const run = new RandomRun(simulation, captured, isWatched);
  try {
    run.run();
  } catch (error) {
    throw new SimulationFailure(randomRunName, simulation, error);
  }
  const { datagramCount, digest } = simulation.network;
  return { virtualMs: simulation.elapsedMs, datagrams: datagramCount, digest };
}

class RandomRun {
  readonly #simulation: Simulation;
  readonly #captured: readonly Uint8Array[];
  /** Who moves and is silent afterwards, when the first packet from there was not enough, is found by its pings only. */
  readonly #mayMove: boolean;
  /** Who may move. Were both to, they could lose each other for good, and only the server could help. */
  readonly #mobile: SideName;
  #conversation: Conversation;
  /** Since when nothing was lost or slow, and since when most got through; Infinity while it is not so. */
  #calmSince = 0;
  #passableSince = 0;

  readonly #operations: readonly { readonly weight: number; readonly act: () => void }[] = [
    {
      weight: 30,
      act: () => {
        this.#say();
      },
    },
    {
      weight: 30,
      act: () => {
        this.#useStreams();
      },
    },
    {
      weight: 2,
      act: () => {
        this.#talkLong();
      },
    },
    {
      weight: 12,
      act: () => {
        this.#changePath();
      },
    },
    {
      weight: 6,
      act: () => {
        this.#heal();
      },
    },
    {
      weight: 5,
      act: () => {
        this.#cut();
      },
    },
    {
      weight: 6,
      act: () => {
        this.#move();
      },
    },
    {
      weight: 5,
      act: () => {
        this.#stopReading();
      },
    },
    {
      weight: 5,
      act: () => {
        this.#replay();
      },
    },
    {
      weight: 4,
      act: () => {
        this.#waitLong();
      },
    },
    {
      weight: 3,
      act: () => {
        this.#close();
      },
    },
    {
      weight: 2,
      act: () => {
        this.#crash();
      },
    },
  ];

  constructor(simulation: Simulation, captured: readonly Uint8Array[], mayMove: boolean) {
    this.#simulation = simulation;
    this.#captured = captured;
    this.#mayMove = mayMove;
    this.#mobile = simulation.random.oneOf(bothSides);
    simulation.onEnded = (conversation, side, end) => {
      this.#judge(conversation, side, end);
    };
    this.#conversation = simulation.introduce(simulation.random.oneOf(bothSides));
  }

  run(): void {
    const { random, network } = this.#simulation;
    for (let left = random.between(5, 35); left > 0; left -= 1) {
      this.#operation()();
      network.run(random.chance(0.3) ? 0 : random.fraction() * 2_000);
      this.#converse();
    }
    this.#settle();
    this.#simulation.endAll(this.#conversation, random.oneOf(bothSides));
  }

  /** All arrives once the path is good. */
  #settle(): void {
    const { network, random } = this.#simulation;
    this.#heal();
    this.#readAll();
    // A link that was just about to fail may still do so; the next one may not.
    network.run(recoveryMs);
    this.#converse();
    this.#readAll();
    const conversation = this.#conversation;
    for (const side of bothSides) conversation.send(side, random.between(8, 5_000));
    if (!network.runUntil(() => conversation.isEstablished && conversation.isQuiet, healedMs)) {
      throw new Error(`not all has arrived ${String(healedMs)} ms after the path healed`);
    }
    this.#exchangeDatagrams();
  }

  /** Where nothing is lost and nobody waits, datagrams arrive too. */
  #exchangeDatagrams(): void {
    const { network, random } = this.#simulation;
    const { datagrams } = this.#conversation;
    const [hadA, hadB] = [datagrams.receivedBy('a'), datagrams.receivedBy('b')];
    for (const side of bothSides) {
      const link = this.#conversation.streamsOf(side);
      if (link) sendDatagrams(random, this.#conversation, side, link, fewDatagrams);
      this.#conversation.halves[side].link?.touch();
    }
    const haveCome = (): boolean =>
      datagrams.receivedBy('a') === hadA + fewDatagrams && datagrams.receivedBy('b') === hadB + fewDatagrams;
    if (!network.runUntil(haveCome, easyMs)) throw new Error('datagrams are lost on a good path');
  }

  /** Both sides read whatever comes. */
  #readAll(): void {
    for (const side of bothSides) {
      this.#simulation.setReading(side, true);
      const link = this.#conversation.streamsOf(side);
      if (link) this.#conversation.streams.resumeAll(side, link);
    }
  }

  /** The server introduces the two again when they can talk no more. */
  #converse(): void {
    if (this.#conversation.isLive) return;
    this.#conversation = this.#simulation.introduce(this.#simulation.random.oneOf(bothSides));
  }

  #operation(): () => void {
    const total = this.#operations.reduce((sum, { weight }) => sum + weight, 0);
    let left = this.#simulation.random.below(total);
    for (const { weight, act } of this.#operations) {
      left -= weight;
      if (left < 0) return act;
    }
    throw new Error('the weights do not add up');
  }

  #say(): void {
    const { random } = this.#simulation;
    const from = random.oneOf(bothSides);
    const longest = random.oneOf([100, 100, 3_000, transportLimits.messageBytes]);
    const count = random.between(1, longest > 3_000 ? 4 : 40);
    this.#simulation.log(`${from} says ${String(count)} messages of up to ${String(longest)} bytes`);
    for (let i = 0; i < count; i += 1) this.#sayOne(from, random.between(8, longest));
  }

  /** Unless the buffer is full: then there is enough to do. */
  #sayOne(from: SideName, length: number): void {
    const half = this.#conversation.halves[from];
    if (!half.link || half.hasClosed || half.end) return;
    if (half.link.bufferedBytes > 1024 * 1024) return;
    this.#conversation.send(from, length);
  }

  #useStreams(): void {
    const { random } = this.#simulation;
    const side = random.oneOf(bothSides);
    const { link } = this.#conversation.halves[side];
    if (!link || link.bufferedBytes > 1024 * 1024) return;
    const done = talkAtRandom(random, this.#conversation, side);
    link.touch();
    if (done !== undefined) this.#simulation.log(`${side}: ${done}`);
  }

  /** Keys grow old while both sides talk. Where nothing is lost, nobody may notice that they are renewed. */
  #talkLong(): void {
    const { network, random } = this.#simulation;
    const conversation = this.#conversation;
    const isCalm = random.chance(0.6);
    const latencyMs = this.#heal();
    this.#readAll();
    // Keys that have expired are there again after that.
    for (const side of bothSides) this.#sayOne(side, 8);
    network.runUntil(() => conversation.isAtRest || !conversation.isLive, healedMs);
    const hearMs = isCalm && conversation.isAtRest ? latencyMs + promptMs : Infinity;
    if (!isCalm) this.#changePath();
    const epochBefore = this.#epochOf('a');
    const durationMs = random.between(keyLimits.rekeyAfterMs, 3 * keyLimits.rekeyAfterMs);
    const everyMs = random.oneOf([500, 1_000, 3_000]);
    this.#simulation.log(`both talk for ${String(durationMs)} ms, each is heard after ${String(hearMs)} ms`);
    const endAt = network.now + durationMs;
    while (network.now < endAt && conversation.isLive) {
      for (const side of bothSides) {
        this.#sayPromptly(side, hearMs);
        network.run(random.fraction() * (this.#areKeysDue ? denselyMs : everyMs));
      }
    }
    if (hearMs === Infinity) return;
    network.run(hearMs);
    const renewals = Math.floor(durationMs / (keyLimits.rekeyAfterMs + 4 * everyMs));
    for (const side of bothSides) {
      const epoch = this.#epochOf(side);
      if (epoch < epochBefore + renewals) throw new Error(`${side} still has the keys of epoch ${String(epoch)}`);
    }
  }

  /** @throws Error when it is not heard within that time */
  #sayPromptly(side: SideName, hearMs: number): void {
    const conversation = this.#conversation;
    const [ours, theirs] = [conversation.halves[side], conversation.halves[otherSide(side)]];
    this.#sayOne(side, this.#simulation.random.between(8, 200));
    const said = ours.lengths.length;
    if (hearMs === Infinity) return;
    this.#simulation.network.schedule(hearMs, () => {
      if (theirs.receivedMessages >= said) return;
      throw new Error(`what ${side} says is not heard within ${hearMs.toFixed(0)} ms`);
    });
  }

  /** The keys are about to be renewed, or just being so. */
  get #areKeysDue(): boolean {
    const { link } = this.#conversation.halves.a;
    const ageMs = link?.status(this.#simulation.network.now).keys.ageMs ?? 0;
    return ageMs > keyLimits.rekeyAfterMs - denselyMs && ageMs < keyLimits.rekeyAfterMs + manyMs;
  }

  #epochOf(side: SideName): number {
    return this.#conversation.halves[side].link?.status(this.#simulation.network.now).keys.epoch ?? -1;
  }

  #changePath(): void {
    const { random } = this.#simulation;
    const conditions = randomConditions(random);
    if (random.chance(0.7)) this.#apply(conditions);
    else this.#apply(conditions, random.oneOf(bothSides));
  }

  /** @returns the latency in either direction */
  #heal(): number {
    const { a, b } = this.#simulation.sides;
    this.#simulation.network.change({}, { from: a.host.address.address, to: b.host.address.address });
    this.#simulation.network.change({}, { from: b.host.address.address, to: a.host.address.address });
    const latencyMs = this.#simulation.random.between(1, 50);
    this.#apply({ ...perfectConditions, latencyMs });
    return latencyMs;
  }

  /** Nothing passes for a while, in one direction or in both. */
  #cut(): void {
    const { network, random } = this.#simulation;
    const durationMs = random.between(100, random.oneOf([1_000, 5_000, 20_000]));
    if (random.chance(0.5)) this.#apply({ blocked: true });
    else this.#apply({ blocked: true }, random.oneOf(bothSides));
    network.run(durationMs);
    this.#heal();
  }

  /** @param from the direction; both without it */
  #apply(conditions: Partial<Conditions>, from?: SideName): void {
    const { network, sides } = this.#simulation;
    this.#simulation.log(`path${from ? ` from ${from}` : ''}: ${JSON.stringify(conditions)}`);
    if (from) {
      const to = sides[otherSide(from)].host.address.address;
      network.change(conditions, { from: sides[from].host.address.address, to });
    } else {
      network.change(conditions);
    }
    const roughness = roughnessOf({ ...perfectConditions, ...conditions });
    const isWhole = from === undefined;
    // One direction's turn for the better says nothing of the other's.
    if (roughness !== 'calm') this.#calmSince = Infinity;
    else if (isWhole && this.#calmSince === Infinity) this.#calmSince = network.now;
    if (roughness === 'hostile') this.#passableSince = Infinity;
    else if (isWhole && this.#passableSince === Infinity) this.#passableSince = network.now;
  }

  #move(): void {
    if (!this.#mayMove) return;
    const { network, random } = this.#simulation;
    const { address } = this.#simulation.sides[this.#mobile].host.address;
    const port = 1_024 + random.below(60_000);
    const isSameHost = random.chance(0.5);
    if (!isSameHost) this.#heal();
    const to = { address: isSameHost ? address : `192.0.2.${String(random.between(10, 250))}`, port };
    this.#simulation.move(this.#mobile, to);
    this.#calmSince = Math.max(this.#calmSince, network.now);
    this.#passableSince = Math.max(this.#passableSince, network.now);
    // Who knows that it has moved says so.
    this.#sayOne(this.#mobile, 8);
  }

  #stopReading(): void {
    const { network, random } = this.#simulation;
    const side = random.oneOf(bothSides);
    const durationMs = random.between(100, 5_000);
    this.#simulation.setReading(side, false);
    this.#calmSince = Math.max(this.#calmSince, network.now + durationMs);
    network.schedule(durationMs, () => {
      this.#simulation.setReading(side, true);
    });
  }

  /** Somebody else sends what has arrived before, as it was or not quite. */
  #replay(): void {
    const { network, random, sides } = this.#simulation;
    if (this.#captured.length === 0) return;
    this.#simulation.log('a stranger repeats and forges');
    for (let left = random.between(1, 20); left > 0; left -= 1) {
      const bytes = random.oneOf(this.#captured).slice();
      if (random.chance(0.5)) bytes[random.below(bytes.length)] = random.below(256);
      const from = { address: `${strangerNetwork}${String(random.below(256))}`, port: 1 + random.below(65_535) };
      network.inject(from, sides[random.oneOf(bothSides)].host.address, bytes);
    }
  }

  /** Long enough for keys to grow old. */
  #waitLong(): void {
    const { network, random } = this.#simulation;
    const durationMs = random.between(30_000, 200_000);
    this.#simulation.log(`${String(durationMs)} ms go by`);
    this.#readAll();
    if (random.chance(0.5)) this.#heal();
    network.run(durationMs);
  }

  #close(): void {
    this.#simulation.close(this.#conversation, this.#simulation.random.oneOf(bothSides));
  }

  #crash(): void {
    this.#simulation.crash(this.#simulation.random.oneOf(bothSides));
  }

  /** Little was left to be acknowledged, and nothing stood in its way. */
  #wasEasyToClose({ closedAt, bufferedAtClose }: Conversation['halves'][SideName]): boolean {
    return bufferedAtClose < easyBytes && this.#calmSince + recoveryMs < closedAt;
  }

  /** @throws Error for an end that nothing in the run accounts for */
  #judge(conversation: Conversation, side: SideName, end: LinkEnd): void {
    const ours = conversation.halves[side];
    const theirs = conversation.halves[otherSide(side)];
    const fail = (): never => {
      throw new Error(`${side} ends conversation ${String(conversation.number)}: ${JSON.stringify(end)}`);
    };
    switch (end.kind) {
      case 'violation':
        return fail();
      case 'closed':
        if (!(end.by === 'us' ? ours : theirs).hasClosed) fail();
        if (end.by === 'peer' && this.#wasEasyToClose(theirs) && ours.receivedMessages < theirs.lengths.length) {
          throw new Error(`${side} has not got all that was said before the end`);
        }
        return;
      case 'lost':
      case 'no-path':
        if (conversation.isBroken || theirs.hasClosed || theirs.end) return;
        if (this.#simulation.network.now - this.#passableSince > recoveryMs) fail();
        return;
    }
  }
}
