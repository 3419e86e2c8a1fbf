/** All links of one socket: finds out which of them a datagram is for, and is silent about the rest. */
import type { Address } from './address.js';
import type { CryptoProvider, KeyAgreement, KeyPair, RandomSource } from './crypto-provider.js';
import { TransportError } from './errors.js';
import { receiveInitiation } from './session/handshake-responder.js';
import { checkIntroduction, type Introduction } from './session/introduction.js';
import { defaultTransportConfig, transportLimits, type TransportConfig } from './limits.js';
import { Link } from './link.js';
import type { LinkEvent, Transmit } from './link-event.js';
import { Mac1, packetTypes, parseData, parseInitiation, parseResponse, punchBytes } from './wire/packets.js';

export interface EndpointOptions {
  readonly crypto: CryptoProvider;
  readonly random: RandomSource;
  /** This device's identity. */
  readonly keyPair: KeyPair;
  readonly config?: Partial<TransportConfig> | undefined;
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
  readonly #byIndex = new Map<number, Link>();
  readonly #byIntroduction = new Map<string, Link>();
  /** The initiation that each responding link has answered, by its ephemeral key. */
  readonly #answered = new Map<string, { readonly link: Link; readonly packet: Uint8Array }>();
  /** Links that may have something to transmit, and those that may have events. */
  readonly #transmitting = new Set<Link>();
  readonly #eventful = new Set<Link>();
  #lastTimestamp = 0;

  constructor(options: EndpointOptions) {
    this.#crypto = options.crypto;
    this.#random = options.random;
    this.#config = { ...defaultTransportConfig, ...options.config };
    this.#identity = options.crypto.keyAgreement(options.keyPair.privateKey);
    if (!options.crypto.equal(this.#identity.publicKey, options.keyPair.publicKey)) {
      throw new RangeError('the public key does not belong to the private key');
    }
    this.#mac1 = new Mac1(options.crypto, options.keyPair.publicKey);
  }

  /** Links that are not forgotten yet. */
  get linkCount(): number {
    return this.#byIndex.size;
  }

  /**
   * Begins a link with an introduced peer.
   * @throws TransportError INTRODUCTION_INVALID, or INTRODUCTION_OPEN when it was opened already.
   */
  open(now: number, introduction: Introduction): Link {
    checkIntroduction(introduction);
    if (!this.#identity.shared(introduction.peerKey)) {
      throw new TransportError('INTRODUCTION_INVALID', 'the peer key is of small order');
    }
    const id = keyOf(introduction.id);
    if (this.#byIntroduction.has(id))
      throw new TransportError('INTRODUCTION_OPEN', 'this introduction is open already');
    this.#lastTimestamp = Math.max(Math.floor(now), this.#lastTimestamp + 1);
    const candidates = introduction.candidates.slice(0, transportLimits.candidates);
    const link = new Link(
      now,
      { ...introduction, candidates },
      {
        crypto: this.#crypto,
        random: this.#random,
        identity: this.#identity,
        config: this.#config,
        index: this.#freeIndex(),
        timestamp: this.#lastTimestamp,
        onActivity: (active) => {
          this.#onActivity(active);
        },
      },
    );
    this.#byIndex.set(link.index, link);
    this.#byIntroduction.set(id, link);
    this.#onActivity(link);
    return link;
  }

  /** Any bytes from anywhere: what is not from an introduced peer is ignored without an answer. */
  handleDatagram(now: number, from: Address, bytes: Uint8Array): void {
    const [type] = bytes;
    if (type === undefined) return;
    switch (type) {
      case packetTypes.initiation:
        this.#onInitiation(now, from, bytes);
        return;
      case packetTypes.response: {
        const response = parseResponse(bytes);
        const link = response && this.#byIndex.get(response.receiverIndex);
        if (link && this.#mac1.verify(bytes)) link.handleResponse(now, from, response);
        return;
      }
      case packetTypes.data: {
        const data = parseData(bytes);
        if (data) this.#byIndex.get(data.receiverIndex)?.handleData(now, from, data);
        return;
      }
      case packetTypes.punch:
        if (bytes.length !== punchBytes) return;
        for (const link of this.#byIndex.values()) link.handlePunch(now, from);
        return;
      default:
        return;
    }
  }

  handleTimeout(now: number): void {
    for (const link of this.#byIndex.values()) link.handleTimeout(now);
  }

  /** When to call `handleTimeout`, or undefined when nothing waits. */
  nextTimeout(): number | undefined {
    let next: number | undefined;
    for (const link of this.#byIndex.values()) {
      const deadline = link.nextTimeout();
      if (deadline !== undefined && (next === undefined || deadline < next)) next = deadline;
    }
    return next;
  }

  /** The next datagram for the socket, or undefined. */
  pollTransmit(now: number): Transmit | undefined {
    for (const link of this.#transmitting) {
      const transmit = link.pollTransmit(now);
      if (transmit) return transmit;
      this.#transmitting.delete(link);
    }
    return undefined;
  }

  /** The next event of any link, or undefined. A link that nobody reads takes no more from its peer. */
  pollEvent(): { readonly link: Link; readonly event: LinkEvent } | undefined {
    for (const link of this.#eventful) {
      const event = link.pollEvent();
      if (event) return { link, event };
      this.#eventful.delete(link);
    }
    return undefined;
  }

  #onInitiation(now: number, from: Address, bytes: Uint8Array): void {
    const packet = parseInitiation(bytes);
    if (!packet || !this.#mac1.verify(bytes)) return;
    const known = this.#answered.get(keyOf(packet.ephemeral));
    if (known) {
      if (this.#crypto.equal(known.packet, bytes)) known.link.handleRepeatedInitiation(from);
      return;
    }
    // Nobody is expected: not worth a Diffie-Hellman.
    if (![...this.#byIndex.values()].some((link) => link.awaitsInitiation)) return;
    const initiation = receiveInitiation(packet, {
      crypto: this.#crypto,
      random: this.#random,
      identity: this.#identity,
    });
    if (!initiation) return;
    const link = this.#byIntroduction.get(keyOf(initiation.payload.introductionId));
    if (!link?.awaitsInitiation) return;
    if (!this.#crypto.equal(link.introduction.peerKey, initiation.initiatorKey)) return;
    this.#answered.set(keyOf(packet.ephemeral), { link, packet: bytes.slice() });
    link.handleInitiation(now, from, initiation);
  }

  #onActivity(link: Link): void {
    this.#transmitting.add(link);
    this.#eventful.add(link);
    if (link.isGone) this.#forget(link);
  }

  #forget(link: Link): void {
    if (!this.#byIndex.delete(link.index)) return;
    this.#byIntroduction.delete(keyOf(link.introduction.id));
    for (const [ephemeral, { link: answered }] of this.#answered) {
      if (answered === link) this.#answered.delete(ephemeral);
    }
  }

  #freeIndex(): number {
    for (;;) {
      const bytes = this.#random(4);
      const index = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0);
      if (!this.#byIndex.has(index)) return index;
    }
  }
}

/** A key for a map, from bytes. */
function keyOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
