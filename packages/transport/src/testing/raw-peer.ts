/** A peer that was introduced, has all the keys and keeps to no rule: it seals whatever it is told to. */
import { SeededRandom } from '@parley/simulator';
import { sameAddress, type Address } from '../address.js';
import { tagBytes, type KeyPair, type RandomSource } from '../crypto-provider.js';
import { Endpoint } from '../endpoint.js';
import type { TransportConfig } from '../limits.js';
import type { Link } from '../link.js';
import type { LinkEvent } from '../link-event.js';
import { nodeCrypto } from '../node/node-crypto.js';
import type { Role } from '../noise/handshake.js';
import { InitiatorHandshake } from '../session/handshake-initiator.js';
import { receiveInitiation, respond } from '../session/handshake-responder.js';
import { PostQuantumExchange } from '../session/post-quantum-exchange.js';
import type { Session } from '../session/session.js';
import { ByteWriter } from '../wire/byte-writer.js';
import {
  counterOf,
  dataHeaderBytes,
  isDataPacket,
  parseInitiation,
  parseResponse,
  phaseOf,
  receiverIndexOf,
  type Phase,
} from '../wire/packets.js';
import { readFrameLog, writeFrameLog, type LoggedFrame } from './frame-log.js';
import { seededKeyPair } from './simulated-pair.js';

export interface RawPeerOptions {
  readonly seed?: number;
  readonly role?: Role;
  readonly config?: Partial<TransportConfig>;
  /** Without it there are keys of phase 0 only. */
  readonly exchangesPostQuantum?: boolean;
  /** An honest side that others talk to, too: what it sends to those is lost. */
  readonly home?: Home;
}

interface Home {
  readonly endpoint: Endpoint;
  readonly publicKey: Uint8Array;
  readonly now: number;
  /** Where this peer is, and nobody else. */
  readonly address: Address;
}

/** How to seal, when not as usual: in the phase that its keys are in, and with the next number. */
export interface Sealing {
  readonly phase?: Phase;
  readonly counter?: number;
}

export interface ReceivedPacket {
  readonly phase: Phase;
  readonly number: number;
  readonly frames: readonly LoggedFrame[];
}

export interface InitiationChange {
  readonly epoch?: number;
  readonly timestamp?: number;
  readonly psk?: Uint8Array;
}

const rawAddress: Address = { address: '192.0.2.1', port: 1111 };
/** Longer than the honest side keeps an acknowledgement to itself. */
const ackWaitMs = 25;

export class RawPeer {
  /** The honest side. */
  readonly endpoint: Endpoint;
  readonly link: Link;
  now: number;
  /** Where it sends from. */
  address: Address;
  /** The newest keys. */
  session: Session;
  /** The first packets of the two: the initiation and its response, whoever made which. */
  readonly initiation: Uint8Array;
  readonly response: Uint8Array;
  readonly #random: RandomSource;
  readonly #keyPair: KeyPair;
  readonly #theirKey: Uint8Array;
  readonly #introduction: { readonly id: Uint8Array; readonly psk: Uint8Array };
  readonly #exchange: PostQuantumExchange;
  readonly #isAlone: boolean;
  readonly #sessions: Session[] = [];
  /** Numbers that have come, and are not acknowledged. */
  #received: number[] = [];
  #counter = 0;
  #index = 0x01020304;
  #timestamp = 0;

  constructor(options: RawPeerOptions = {}) {
    const { role = 'initiator', exchangesPostQuantum = true } = options;
    const random = new SeededRandom(options.seed ?? 1);
    this.#random = (length) => random.bytes(length);
    this.#keyPair = seededKeyPair(random);
    const keyPair = seededKeyPair(random);
    this.#theirKey = options.home?.publicKey ?? keyPair.publicKey;
    this.#introduction = { id: random.bytes(16), psk: random.bytes(32) };
    this.#isAlone = options.home === undefined;
    this.now = options.home?.now ?? 1_700_000_000_000;
    this.address = options.home?.address ?? rawAddress;
    this.endpoint =
      options.home?.endpoint ??
      new Endpoint({ crypto: nodeCrypto, random: this.#random, keyPair, config: options.config });
    this.link = this.endpoint.open(this.now, {
      ...this.#introduction,
      peerKey: this.#keyPair.publicKey,
      role: role === 'initiator' ? 'responder' : 'initiator',
      candidates: [this.address],
    });
    this.#exchange = new PostQuantumExchange({ role, crypto: nodeCrypto, random: this.#random });
    const first = role === 'initiator' ? this.#initiate() : this.#answer();
    this.initiation = first.initiation;
    this.response = first.response;
    this.session = first.session;
    this.#sessions.push(first.session);
    if (exchangesPostQuantum) this.exchangePostQuantum();
  }

  /** Sends our half of the exchange and takes the other; then says what an honest peer would say first. */
  exchangePostQuantum(): void {
    // A responder has nothing to say before it has heard.
    if (!this.#exchange.hasContent) this.receive();
    while (this.#exchange.hasContent) this.sendBytes(this.nextCrypto(), { phase: 0 });
    if (!this.session.isFinal) throw new Error('the post-quantum exchange did not come to an end');
    this.acknowledge();
    this.now += ackWaitMs;
    this.receive();
    this.#received = [];
  }

  /** The frames of the next packet of our half. */
  nextCrypto(): Uint8Array {
    const writer = new ByteWriter(new Uint8Array(1_168));
    this.#exchange.writeInto(writer, []);
    return writer.written();
  }

  /** Sends frames in one packet, and takes what comes back at once. */
  send(...frames: LoggedFrame[]): LoggedFrame[] {
    return this.sendBytes(encoded(frames));
  }

  sendBytes(frames: Uint8Array, sealing: Sealing = {}): LoggedFrame[] {
    this.deliver(this.seal(frames, sealing));
    return this.receive();
  }

  /** Acknowledges all that has come. */
  acknowledge(): LoggedFrame[] {
    const numbers = this.#received.sort((a, b) => b - a);
    this.#received = [];
    const ranges: { smallest: number; largest: number }[] = [];
    for (const number of numbers) {
      const last = ranges.at(-1);
      if (last && last.smallest === number + 1) last.smallest = number;
      else ranges.push({ smallest: number, largest: number });
    }
    return this.send({ type: 'ping' }, ...(ranges.length > 0 ? [{ type: 'ack' as const, ranges, delayUs: 0 }] : []));
  }

  seal(frames: Uint8Array, sealing: Sealing = {}): Uint8Array {
    const { phase = this.session.isFinal ? 1 : 0, counter = this.#counter } = sealing;
    this.#counter = Math.max(this.#counter, counter + 1);
    const packet = new Uint8Array(dataHeaderBytes + frames.length + tagBytes);
    packet.set(frames, dataHeaderBytes);
    this.session.seal(phase, counter, packet);
    return packet;
  }

  /** Gives the honest side any datagram. */
  deliver(bytes: Uint8Array, from = this.address): void {
    this.endpoint.handleDatagram(this.now, from, bytes);
  }

  /** The frames of all that the honest side wants to say now. */
  receive(): LoggedFrame[] {
    return this.receivePackets().flatMap(({ frames }) => frames);
  }

  /** The same, packet by packet. */
  receivePackets(): ReceivedPacket[] {
    return this.receiveDatagrams().map((bytes) => {
      const session = this.#sessions.find(({ localIndex }) => localIndex === receiverIndexOf(bytes));
      const number = counterOf(bytes);
      const frames = isDataPacket(bytes) ? session?.open(phaseOf(bytes), number, bytes) : undefined;
      if (!frames) throw new Error('what was received cannot be opened');
      const log = readFrameLog(frames);
      this.#takeCrypto(log);
      if (log.some(({ type }) => type !== 'ack' && type !== 'close')) this.#received.push(number);
      return { phase: phaseOf(bytes), number, frames: log };
    });
  }

  /** What the honest side wants to say now, whatever it is. */
  receiveDatagrams(): Uint8Array[] {
    this.endpoint.handleTimeout(this.now);
    const datagrams: Uint8Array[] = [];
    for (let next = this.endpoint.pollTransmit(this.now); next; next = this.endpoint.pollTransmit(this.now)) {
      if (this.#isAlone || sameAddress(next.to, this.address)) datagrams.push(next.bytes.slice());
    }
    return datagrams;
  }

  events(): LinkEvent[] {
    const events: LinkEvent[] = [];
    for (let next = this.endpoint.pollEvent(); next; next = this.endpoint.pollEvent()) events.push(next.event);
    return events;
  }

  /** An initiation for the next epoch, as an honest peer would make it, but for what is said. */
  initiate(change: InitiationChange = {}): InitiatorHandshake {
    const next = this.#sessions.at(-1);
    this.#timestamp = change.timestamp ?? Math.max(this.now, this.#timestamp + 1);
    this.#index += 1;
    return new InitiatorHandshake({
      crypto: nodeCrypto,
      random: this.#random,
      identity: nodeCrypto.keyAgreement(this.#keyPair.privateKey),
      peerKey: this.#theirKey,
      introductionId: this.#introduction.id,
      psk: change.psk ?? next?.next ?? this.#introduction.psk,
      epoch: change.epoch ?? (next ? next.epoch + 1 : 0),
      index: this.#index,
      timestamp: this.#timestamp,
    });
  }

  /** Takes the response, and sends under the new keys from then on. @returns whether it was one */
  finish(handshake: InitiatorHandshake, bytes: Uint8Array | undefined): boolean {
    const response = bytes && parseResponse(bytes);
    const session = response && handshake.finish(this.now, response);
    if (!session) return false;
    this.session = session;
    this.#sessions.push(session);
    return true;
  }

  /** Makes new keys, which the honest side uses once something has come under them. @returns whether it answered */
  rekey(change: InitiationChange = {}): boolean {
    const handshake = this.initiate(change);
    this.deliver(handshake.packet);
    return this.finish(handshake, this.receiveDatagrams()[0]);
  }

  #initiate(): { initiation: Uint8Array; response: Uint8Array; session: Session } {
    // Its punch.
    this.receiveDatagrams();
    const handshake = this.initiate();
    this.deliver(handshake.packet);
    const [response] = this.receiveDatagrams();
    const parsed = response && parseResponse(response);
    const session = parsed && handshake.finish(this.now, parsed);
    if (!session) throw new Error('the handshake failed');
    return { initiation: handshake.packet, response, session };
  }

  #answer(): { initiation: Uint8Array; response: Uint8Array; session: Session } {
    const [initiation] = this.receiveDatagrams();
    const parsed = initiation && parseInitiation(initiation);
    const received =
      parsed &&
      receiveInitiation(parsed, {
        crypto: nodeCrypto,
        random: this.#random,
        identity: nodeCrypto.keyAgreement(this.#keyPair.privateKey),
      });
    if (!received) throw new Error('there is no initiation');
    const { psk } = this.#introduction;
    const { packet, session } = respond(received, { crypto: nodeCrypto, psk, index: this.#index, now: this.now });
    this.deliver(packet);
    return { initiation, response: packet, session };
  }

  #takeCrypto(frames: readonly LoggedFrame[]): void {
    for (const frame of frames) if (frame.type === 'crypto') this.#exchange.onCrypto(frame.offset, frame.data);
    const { secret } = this.#exchange;
    if (secret && !this.session.isFinal) this.session.finish(secret);
  }
}

/** The frames one behind another. */
export function encoded(frames: readonly LoggedFrame[]): Uint8Array {
  const writer = new ByteWriter(new Uint8Array(65_000));
  writeFrameLog(writer, frames);
  return writer.written().slice();
}

export function closeIn(frames: readonly LoggedFrame[]): (LoggedFrame & { readonly type: 'close' }) | undefined {
  return frames.find((frame) => frame.type === 'close');
}
