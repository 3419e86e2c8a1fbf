/** Two devices on a virtual network, watched in all they do; everything follows from the seed. */
import { Network, SeededRandom, type Conditions, type Host, type TraceRecord } from '@parley/simulator';
import { sameAddress, type Address } from '../address.js';
import type { KeyPair } from '../crypto-provider.js';
import { Endpoint } from '../endpoint.js';
import type { TransportConfig } from '../limits.js';
import type { Link } from '../link.js';
import type { LinkEnd } from '../link-event.js';
import { bestCrypto } from '../node/best-crypto.js';
import type { Role } from '../noise/handshake.js';
import { initiationBytes } from '../wire/packets.js';
import { AmplificationCheck } from './amplification-check.js';
import { allChecks, CheckedEndpoint, NonceLedger, type Bounds, type CheckName } from './checkers.js';
import { Conversation } from './conversation.js';
import { otherSide, type SideName } from './side-name.js';

export interface SimulationOptions {
  readonly seed: number;
  readonly conditions?: Partial<Conditions> | undefined;
  readonly config?: Partial<TransportConfig> | undefined;
  readonly checks?: readonly CheckName[] | undefined;
  readonly bounds?: Bounds | undefined;
  readonly onTrace?: ((record: TraceRecord) => void) | undefined;
}

/** What may go to a candidate unasked: the initiations of one introduction, of which punches may bring about a few. */
const handshakeGrantBytes = 30 * initiationBytes;
const keptSteps = 40;
/** Lingering, draining and as much again. */
const closeMs = 10_000;

/** Nobody whom a server has introduced is in this network; what comes from it is forged. */
export const strangerNetwork = '203.0.113.';

interface Side {
  readonly name: SideName;
  readonly keyPair: KeyPair;
  endpoint: CheckedEndpoint;
  host: Host;
  isReading: boolean;
  /** Called after every turn, to say more. */
  onTurn: () => void;
}

const crypto = bestCrypto();

export class Simulation {
  readonly seed: number;
  readonly network: Network;
  readonly random: SeededRandom;
  readonly sides: Readonly<Record<SideName, Side>>;
  readonly conversations: Conversation[] = [];
  /** Judges how a link ended; what it throws ends the run. */
  onEnded: (conversation: Conversation, side: SideName, end: LinkEnd) => void = () => undefined;
  /** Something has arrived, and is what it should be. */
  onProgress: () => void = () => undefined;
  readonly #options: SimulationOptions;
  readonly #ledger = new NonceLedger();
  readonly #byLink = new Map<Link, Conversation>();
  readonly #steps: string[] = [];
  readonly #startedAt: number;

  constructor(options: SimulationOptions) {
    this.#options = options;
    this.seed = options.seed;
    this.random = new SeededRandom(options.seed);
    this.network = new Network({
      seed: this.random.u32(),
      conditions: options.conditions,
      onTrace: (record) => {
        this.#onTrace(record);
      },
    });
    this.#startedAt = this.network.now;
    this.sides = {
      a: this.#side('a', { address: '192.0.2.1', port: 1111 }),
      b: this.#side('b', { address: '198.51.100.2', port: 2222 }),
    };
  }

  /** Virtual milliseconds since the beginning. */
  get elapsedMs(): number {
    return this.network.now - this.#startedAt;
  }

  /** The last steps of the run, for whoever has to find out why it failed. */
  get steps(): readonly string[] {
    return this.#steps;
  }

  log(step: string): void {
    if (this.#steps.length === keptSteps) this.#steps.shift();
    this.#steps.push(`${(this.elapsedMs / 1_000).toFixed(3)} s: ${step}`);
  }

  /** Introduces the two to each other, as the server would; each is told where the other is now. */
  introduce(initiator: SideName = 'a'): Conversation {
    const conversation = new Conversation(this.conversations.length, this.network.now);
    this.conversations.push(conversation);
    this.log(`conversation ${String(conversation.number)}, initiator ${initiator}`);
    const id = this.random.bytes(16);
    const psk = this.random.bytes(32);
    for (const name of ['b', 'a'] as const) {
      const { endpoint, host } = this.sides[name];
      const peer = this.sides[otherSide(name)];
      const candidates = [peer.host.address];
      for (const candidate of candidates) endpoint.amplification.grant(candidate, handshakeGrantBytes);
      const role: Role = name === initiator ? 'initiator' : 'responder';
      const introduction = { id, psk, peerKey: peer.keyPair.publicKey, role, candidates };
      const link = endpoint.endpoint.open(this.network.now, introduction);
      endpoint.watch(link);
      conversation.halves[name].link = link;
      this.#byLink.set(link, conversation);
      host.wake();
    }
    return conversation;
  }

  close(conversation: Conversation, by: SideName): void {
    const half = conversation.halves[by];
    if (!half.link || half.end) return;
    this.log(`${by} closes conversation ${String(conversation.number)}`);
    half.hasClosed = true;
    half.closedAt = this.network.now;
    half.bufferedAtClose = half.link.bufferedBytes;
    half.link.close(this.network.now, 7, 'done');
    this.sides[by].host.wake();
  }

  /**
   * Closes a conversation, and then whatever link is left: of a peer who crashed, or whose CLOSE did not arrive, nobody
   * need ever hear who asks for nothing.
   * @throws Error when one of the two is left with anything
   */
  endAll(conversation: Conversation, by: SideName): void {
    const endpoints = [this.sides.a.endpoint.endpoint, this.sides.b.endpoint.endpoint];
    const isOver = (): boolean => endpoints.every(({ linkCount }) => linkCount === 0);
    this.close(conversation, by);
    if (!this.network.runUntil(isOver, closeMs)) {
      for (const one of this.conversations) for (const name of ['a', 'b'] as const) this.close(one, name);
    }
    if (!this.network.runUntil(isOver, closeMs)) throw new Error('a closed link is never forgotten');
    if (!this.conversations.every((one) => one.isOver)) throw new Error('a link ends without a word');
    if (endpoints.some((endpoint) => endpoint.nextTimeout() !== undefined)) throw new Error('a timer without a link');
  }

  /** The device is gone, and with it all it knew but its key; another takes its place at once. */
  crash(name: SideName): void {
    this.log(`${name} crashes`);
    const old = this.sides[name];
    this.network.detach(old.host);
    for (const conversation of this.conversations) {
      const half = conversation.halves[name];
      if (half.link && !half.end) conversation.isBroken = true;
      if (half.link) this.#byLink.delete(half.link);
      half.link = undefined;
    }
    old.endpoint = this.#endpoint(old.keyPair);
    old.host = this.#attach(old, old.host.address);
    old.isReading = true;
  }

  move(name: SideName, to: Address): void {
    this.log(`${name} moves to ${to.address} ${String(to.port)}`);
    this.sides[name].host.moveTo(to);
  }

  setReading(name: SideName, isReading: boolean): void {
    const side = this.sides[name];
    if (side.isReading === isReading) return;
    this.log(`${name} ${isReading ? 'reads again' : 'stops reading'}`);
    side.isReading = isReading;
    side.host.wake();
  }

  #side(name: SideName, address: Address): Side {
    const privateKey = this.random.bytes(32);
    const keyPair = { privateKey, publicKey: crypto.keyAgreement(privateKey).publicKey };
    const endpoint = this.#endpoint(keyPair);
    const side: Omit<Side, 'host'> = { name, keyPair, endpoint, isReading: true, onTurn: () => undefined };
    const host = this.#attach(side, address, endpoint);
    return Object.assign(side, { host });
  }

  #endpoint(keyPair: KeyPair): CheckedEndpoint {
    const random = new SeededRandom(this.random.u32());
    const { checks = allChecks, bounds, config } = this.#options;
    const endpoint = new Endpoint({
      crypto: checks.includes('nonces') ? this.#ledger.watch(crypto) : crypto,
      random: (length) => random.bytes(length),
      keyPair,
      config,
    });
    return new CheckedEndpoint(endpoint, new AmplificationCheck(), checks, bounds);
  }

  #attach(side: Omit<Side, 'host'>, address: Address, endpoint = side.endpoint): Host {
    return this.network.attach(endpoint, address, () => {
      if (side.isReading) this.#read(side.name, endpoint.endpoint);
      side.onTurn();
    });
  }

  #read(name: SideName, endpoint: Endpoint): void {
    for (let next = endpoint.pollEvent(); next; next = endpoint.pollEvent()) {
      const conversation = this.#byLink.get(next.link);
      if (!conversation) throw new Error(`${name} has an event of a link that nobody opened`);
      const half = conversation.halves[name];
      if (half.end) throw new Error(`${name} hears of conversation ${String(conversation.number)} after its end`);
      switch (next.event.type) {
        case 'established':
          half.isEstablished = true;
          this.log(`${name} is established`);
          break;
        case 'message':
          conversation.receive(name, next.event.bytes);
          this.onProgress();
          break;
        case 'ended':
          half.end = next.event.end;
          this.log(`${name} ends: ${JSON.stringify(half.end)}`);
          this.onEnded(conversation, name, half.end);
          break;
        case 'moved':
          this.log(`${name} hears of a move`);
          break;
        case 'probed':
        case 'heard':
          break;
        case 'drain':
          half.waitsForDrain = false;
          break;
        case 'datagram':
          conversation.datagrams.receive(name, next.event.bytes);
          break;
        case 'streams-available':
        case 'stream':
        case 'stream-data':
        case 'stream-drain':
        case 'stream-end':
        case 'stream-reset':
        case 'stream-stopped':
          conversation.streams.receive(name, next.event);
          break;
      }
    }
  }

  #onTrace(record: TraceRecord): void {
    if (record.fate === 'delivered') {
      for (const name of ['a', 'b'] as const) {
        const { host, endpoint } = this.sides[name];
        if (!sameAddress(host.address, record.to)) continue;
        endpoint.amplification.onReceived(record.from, record.bytes.length, record.sentAt);
        if (record.from.address.startsWith(strangerNetwork)) continue;
        this.sides[otherSide(name)].endpoint.amplification.onReached(record.to, record.at);
      }
    }
    this.#options.onTrace?.(record);
  }
}

/** A run that failed: says how to have it again, and what happened last. */
export class SimulationFailure extends Error {
  override readonly name = 'SimulationFailure';
  readonly seed: number;

  constructor(scenario: string, simulation: Simulation, cause: unknown) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    const again = `npm run sim -- --scenario ${scenario} --from ${String(simulation.seed)} --seeds 1`;
    super(`${scenario}, seed ${String(simulation.seed)}: ${detail}\nagain: ${again}\n${simulation.steps.join('\n')}`, {
      cause,
    });
    this.seed = simulation.seed;
  }
}

/** What a run took. */
export interface RunReport {
  readonly virtualMs: number;
  readonly datagrams: number;
  readonly digest: string;
}
