/** All links of one socket: finds out which of them a datagram is for, and is silent about the rest. */
import type { Address } from './address.js';
import type { CryptoProvider, KeyAgreement, KeyPair, RandomSource } from './crypto-provider.js';
import { checkedConfig } from './config-check.js';
import { TransportError } from './errors.js';
import { transportLimits, type TransportConfig } from './limits.js';
import { Link } from './link.js';
import type { LinkEnvironment } from './link-environment.js';
import type { LinkEvent, Transmit } from './link-event.js';
import { SmallOrderKeyError } from './noise/handshake.js';
import { Outbox } from './outbox.js';
import { controllersOf } from './recovery/new-controller.js';
import { CookieIssuer, cookieReplyReceiver } from './session/cookies.js';
import { HandshakeLoad } from './session/handshake-load.js';
import { receiveInitiation } from './session/handshake-responder.js';
import { acceptsAny, checkIntroduction, type Introduction } from './session/introduction.js';
import { WindowPool } from './streams/flow-control.js';
import { TimerWheel } from './timer-wheel.js';
import {
  hasNoMac2,
  isDataPacket,
  type InitiationPacket,
  Mac1,
  macBytes,
  packetTypes,
  parseInitiation,
  parseResponse,
  punchBytes,
  receiverIndexOf,
} from './wire/packets.js';

export interface EndpointOptions {
  readonly crypto: CryptoProvider;
  readonly random: RandomSource;
  /** This device's identity. */
  readonly keyPair: KeyPair;
  readonly config?: Partial<TransportConfig> | undefined;
}

/** The initiation that a link has answered last. */
interface Answered {
  readonly link: Link;
  /** Without mac2, which may differ in a repetition. */
  readonly packet: Uint8Array;
}

/**
 * A state machine without a socket or a clock. `now` is in milliseconds since 1970, may have fractions and never goes
 * back. After each call that is given `now`, and each `send`: transmit what `pollTransmit` gives, read what `pollEvent`
 * gives, and call `handleTimeout` at `nextTimeout`.
 */
export class Endpoint {
  readonly #crypto: CryptoProvider;
  readonly #random: RandomSource;
  readonly #config: TransportConfig;
  readonly #identity: KeyAgreement;
  readonly #mac1: Mac1;
  readonly #cookies: CookieIssuer;
  readonly #load: HandshakeLoad;
  readonly #wheel = new TimerWheel<Link>();
  readonly #environment: LinkEnvironment;
  readonly #byIndex = new Map<number, Link>();
  readonly #byIntroduction = new Map<string, Link>();
  /** Links that wait for their first response, by each of their candidates. */
  readonly #initiating = new Map<string, Set<Link>>();
  /** The candidates of these. */
  readonly #candidates = new Map<Link, readonly Address[]>();
  /** By the ephemeral key of the initiation, and which one it is for each link. */
  readonly #answered = new Map<string, Answered>();
  readonly #answeredKeys = new Map<Link, string>();
  /** Links that may have something to transmit, and those that may have events; each link is in each once. */
  readonly #transmitting: Link[] = [];
  readonly #eventful: Link[] = [];
  /** Cookie replies. */
  readonly #outbox = new Outbox();
  /** Every datagram is made here. */
  #buffer = new Uint8Array(transportLimits.maxDatagramBytes);
  #lastTimestamp = 0;

  /** @throws RangeError for a config or keys that cannot be */
  constructor(options: EndpointOptions) {
    this.#crypto = options.crypto;
    this.#random = options.random;
    this.#config = checkedConfig(options.config);
    this.#identity = options.crypto.keyAgreement(options.keyPair.privateKey);
    if (!options.crypto.equal(this.#identity.publicKey, options.keyPair.publicKey)) {
      throw new RangeError('the public key does not belong to the private key');
    }
    this.#mac1 = new Mac1(options.crypto, options.keyPair.publicKey);
    this.#cookies = new CookieIssuer(options.crypto, options.keyPair.publicKey, options.random);
    this.#load = new HandshakeLoad(this.#config.handshakesPerSecond);
    this.#environment = {
      crypto: this.#crypto,
      random: this.#random,
      identity: this.#identity,
      config: this.#config,
      windowPool: new WindowPool(),
      newController: controllersOf(this.#config.congestionControl, this.#random),
      takeIndex: (link) => this.#takeIndex(link),
      releaseIndex: (index) => this.#byIndex.delete(index),
      nextTimestamp: (now) => {
        this.#lastTimestamp = Math.max(Math.floor(now), this.#lastTimestamp + 1);
        return this.#lastTimestamp;
      },
      onCandidates: (link, candidates) => {
        this.#awaitPunches(link, candidates);
      },
      onActivity: (link) => {
        this.#onActivity(link);
      },
    };
  }

  /** Links that are not forgotten yet. */
  get linkCount(): number {
    return this.#byIntroduction.size;
  }

  /**
   * Begins a link with an introduced peer.
   * @throws TransportError INTRODUCTION_INVALID, or INTRODUCTION_OPEN when it was opened already.
   */
  open(now: number, introduction: Introduction): Link {
    checkIntroduction(introduction);
    const id = keyOf(introduction.id);
    if (this.#byIntroduction.has(id)) {
      throw new TransportError('INTRODUCTION_OPEN', 'this introduction is open already');
    }
    const { accepts = acceptsAny } = introduction;
    const candidates = introduction.candidates.filter(accepts).slice(0, transportLimits.candidates);
    const link = this.#newLink(now, { ...introduction, candidates });
    this.#byIntroduction.set(id, link);
    if (link.isInitiating) this.#awaitPunches(link, candidates);
    this.#onActivity(link);
    return link;
  }

  /** Any bytes from anywhere: what is not from an introduced peer is ignored without an answer. */
  handleDatagram(now: number, from: Address, bytes: Uint8Array): void {
    const type: number = bytes[0] ?? 0;
    switch (type) {
      case packetTypes.data:
        if (isDataPacket(bytes)) this.#linkAt(receiverIndexOf(bytes), from)?.handleData(now, from, bytes);
        return;
      case packetTypes.initiation:
        this.#onInitiation(now, from, bytes);
        return;
      case packetTypes.response: {
        const response = parseResponse(bytes);
        const link = response && this.#linkAt(response.receiverIndex, from);
        if (!link || !hasNoMac2(bytes) || !this.#mac1.verify(bytes)) return;
        link.handleResponse(now, from, response);
        if (!link.isInitiating) this.#forgetPunches(link);
        return;
      }
      case packetTypes.cookieReply: {
        const index = cookieReplyReceiver(bytes);
        if (index !== undefined) this.#linkAt(index, from)?.handleCookieReply(now, bytes);
        return;
      }
      case packetTypes.punch:
        if (bytes.length !== punchBytes) return;
        // They are candidates, and so accepted.
        for (const link of this.#initiating.get(textOf(from)) ?? []) link.handlePunch(now, from);
        return;
      default:
        return;
    }
  }

  handleTimeout(now: number): void {
    for (let link = this.#wheel.takeExpired(now); link; link = this.#wheel.takeExpired(now)) {
      link.handleTimeout(now);
      this.#onActivity(link);
    }
  }

  /** When to call `handleTimeout`, or undefined when nothing waits; once `pollTransmit` has nothing more. */
  nextTimeout(): number | undefined {
    return this.#wheel.nextDeadline();
  }

  /** The next datagram for the socket, or undefined. Its bytes are good until the next call. */
  pollTransmit(now: number): Transmit | undefined {
    const reply = this.#outbox.shift();
    if (reply) return reply;
    for (let link = this.#transmitting[0]; link; link = this.#transmitting[0]) {
      const transmit = link.pollTransmit(now, this.#buffer);
      if (transmit) return transmit;
      link.isInTransmitQueue = false;
      this.#transmitting.shift();
      // What has left has made room: there may be a drain to tell of.
      this.#queueEvents(link);
      // Whatever moved its deadlines has brought it here.
      this.#wheel.set(link.wheelEntry, link.nextTimeout());
    }
    return undefined;
  }

  /** The bytes of the last transmit are still in use: the next go elsewhere. */
  replaceBuffer(): void {
    this.#buffer = new Uint8Array(transportLimits.maxDatagramBytes);
  }

  /** The next event of any link, or undefined. A link that nobody reads takes no more from its peer. */
  pollEvent(): { readonly link: Link; readonly event: LinkEvent } | undefined {
    for (let link = this.#eventful[0]; link; link = this.#eventful[0]) {
      const event = link.pollEvent();
      if (event) return { link, event };
      link.isInEventQueue = false;
      this.#eventful.shift();
      // What was read makes room for more, and the peer may be told.
      if (link.wantsToSend) this.#queueTransmit(link);
    }
    return undefined;
  }

  /** The link that a packet names, if it takes any from there. */
  #linkAt(index: number, from: Address): Link | undefined {
    const link = this.#byIndex.get(index);
    return link?.accepts(from) === true ? link : undefined;
  }

  #newLink(now: number, introduction: Introduction): Link {
    try {
      return new Link(now, introduction, this.#environment);
    } catch (cause) {
      if (!(cause instanceof SmallOrderKeyError)) throw cause;
      throw new TransportError('INTRODUCTION_INVALID', 'the peer key is of small order', { cause });
    }
  }

  #onInitiation(now: number, from: Address, bytes: Uint8Array): void {
    const packet = parseInitiation(bytes);
    if (!packet || !this.#mac1.verify(bytes)) return;
    const hasMac2 = !hasNoMac2(bytes);
    if (hasMac2 && !this.#cookies.verify(now, from, bytes)) {
      // Its sender may have been given a cookie for another address, and needs the right one.
      if (this.#byIntroduction.size > 0 && this.#load.isUnderLoad(now)) this.#replyCookie(now, from, packet, bytes);
      return;
    }
    const ephemeral = keyOf(packet.ephemeral);
    const known = this.#answered.get(ephemeral);
    if (known) {
      const isSame = this.#crypto.equal(known.packet, bytes.subarray(0, -macBytes));
      if (isSame && known.link.accepts(from)) known.link.answer(now, from);
      return;
    }
    // Nobody is expected: not worth a Diffie-Hellman.
    if (this.#byIntroduction.size === 0) return;
    if (this.#load.onInitiation(now)) {
      if (!hasMac2) {
        this.#replyCookie(now, from, packet, bytes);
        return;
      }
      if (!this.#load.admits(now, from.address)) return;
    }
    const initiation = receiveInitiation(packet, {
      crypto: this.#crypto,
      random: this.#random,
      identity: this.#identity,
    });
    const link = initiation && this.#byIntroduction.get(keyOf(initiation.payload.introductionId));
    if (!link || !this.#crypto.equal(link.introduction.peerKey, initiation.initiatorKey)) return;
    if (!link.accepts(from)) return;
    if (!link.handleInitiation(now, from, initiation)) return;
    this.#forgetAnswered(link);
    // A true copy: what `slice` gives of a Buffer is a view, and the socket may use its bytes again.
    this.#answered.set(ephemeral, { link, packet: new Uint8Array(bytes.subarray(0, -macBytes)) });
    this.#answeredKeys.set(link, ephemeral);
  }

  #replyCookie(now: number, from: Address, { senderIndex }: InitiationPacket, bytes: Uint8Array): void {
    // Where no link takes anything from, nobody is to learn that we are here.
    if (![...this.#byIntroduction.values()].some((link) => link.accepts(from))) return;
    this.#outbox.push(from, this.#cookies.reply(now, from, bytes, senderIndex));
  }

  #onActivity(link: Link): void {
    this.#queueTransmit(link);
    this.#queueEvents(link);
    if (link.isGone) this.#forget(link);
  }

  #queueEvents(link: Link): void {
    if (link.isInEventQueue) return;
    link.isInEventQueue = true;
    this.#eventful.push(link);
  }

  #queueTransmit(link: Link): void {
    if (link.isInTransmitQueue) return;
    link.isInTransmitQueue = true;
    this.#transmitting.push(link);
  }

  #forget(link: Link): void {
    const id = keyOf(link.introduction.id);
    // Another may have been opened for it since.
    if (this.#byIntroduction.get(id) === link) this.#byIntroduction.delete(id);
    this.#forgetPunches(link);
    this.#forgetAnswered(link);
  }

  #awaitPunches(link: Link, candidates: readonly Address[]): void {
    this.#candidates.set(link, [...(this.#candidates.get(link) ?? []), ...candidates]);
    for (const candidate of candidates) {
      const at = textOf(candidate);
      const links = this.#initiating.get(at);
      if (links) links.add(link);
      else this.#initiating.set(at, new Set([link]));
    }
  }

  #forgetPunches(link: Link): void {
    for (const candidate of this.#candidates.get(link) ?? []) {
      const at = textOf(candidate);
      const links = this.#initiating.get(at);
      if (links?.delete(link) === true && links.size === 0) this.#initiating.delete(at);
    }
    this.#candidates.delete(link);
  }

  #forgetAnswered(link: Link): void {
    const ephemeral = this.#answeredKeys.get(link);
    if (ephemeral === undefined) return;
    this.#answered.delete(ephemeral);
    this.#answeredKeys.delete(link);
  }

  #takeIndex(link: Link): number {
    for (;;) {
      const index = receiverIndexOf(this.#random(4), 0);
      if (this.#byIndex.has(index)) continue;
      this.#byIndex.set(index, link);
      return index;
    }
  }
}

/** A key for a map, from an address. */
function textOf({ address, port }: Address): string {
  return `${address} ${String(port)}`;
}

/** A key for a map, from bytes. */
function keyOf(bytes: Uint8Array): string {
  return Reflect.apply(String.fromCharCode, undefined, bytes) as string;
}
