/** One conversation with one peer, from its introduction to its end. */
import { sameAddress, type Address } from './address.js';
import { Connection, type OpenedPacket } from './connection.js';
import type { CryptoProvider, KeyAgreement, RandomSource } from './crypto-provider.js';
import { closeCodes, TransportError, Violation } from './errors.js';
import type { CloseFrame } from './wire/frames.js';
import { InitiatorHandshake } from './session/handshake-initiator.js';
import { respond, type ReceivedInitiation } from './session/handshake-responder.js';
import { retryDelayMs } from './session/handshake-schedule.js';
import type { Introduction } from './session/introduction.js';
import { transportLimits, type TransportConfig } from './limits.js';
import type { LinkEnd, LinkEvent, LinkState, Transmit } from './link-event.js';
import type { PacketProtection } from './session/packet-protection.js';
import { punchPacket, type DataPacket, type ResponsePacket } from './wire/packets.js';
import { Streams } from './streams/streams.js';
import { Timers, type Timer } from './timers.js';

export interface LinkEnvironment {
  readonly crypto: CryptoProvider;
  readonly random: RandomSource;
  readonly identity: KeyAgreement;
  readonly config: TransportConfig;
  /** Names this link in the packets that the peer sends to it. */
  readonly index: number;
  /** Milliseconds since 1970, for an initiation. */
  readonly timestamp: number;
  /** The link has something to transmit, an event, another deadline, or is gone. */
  readonly onActivity: (link: Link) => void;
}

/** Each is a step of the life of a link; it only ever moves down this list. */
type Phase =
  /** Sends the initiation to every candidate. */
  | { readonly name: 'initiating'; readonly handshake: InitiatorHandshake }
  /** Sends punches to every candidate, so that the initiation gets in. */
  | { readonly name: 'punching' }
  /** Has answered an initiation, which may be a replay, and says nothing before its sender proves to be there. */
  | { readonly name: 'confirming'; readonly connection: Connection; readonly response: Uint8Array }
  | { readonly name: 'open'; readonly connection: Connection; path: Address }
  /** `close` was called: sends what it was given before. */
  | {
      readonly name: 'closing';
      readonly connection: Connection;
      path: Address;
      readonly code: number;
      readonly reason: string;
    }
  | ClosedPhase
  | { readonly name: 'gone' };

/** Has said CLOSE. Whoever said it first repeats it until the other has said it too. */
interface ClosedPhase {
  readonly name: 'closed';
  readonly connection: Connection;
  path: Address;
  readonly by: 'us' | 'peer';
  readonly code: number;
  readonly reason: string;
  answersLeft: number;
  retryMs: number;
}

/** Punches that come faster than this are not answered one by one. */
const punchAnswerIntervalMs = 50;

/** The longest first wait before CLOSE is repeated; what follows doubles. */
const maxCloseRetryMs = 500;

export class Link {
  readonly introduction: Introduction;
  readonly #environment: LinkEnvironment;
  readonly #timers = new Timers();
  readonly #streams: Streams;
  readonly #outbox: Transmit[] = [];
  #phase: Phase;
  #attempts = 0;
  /** Initiations, or responses, sent so far, and when the first was: they measure the round trip. */
  #handshakesSent = 0;
  #firstHandshakeAt = 0;
  #punchAnsweredAt = -Infinity;
  #punchAnswersLeft: number = transportLimits.punchAnswers;
  #establishedUnread = false;
  #endUnread: LinkEnd | undefined;

  /** Made by `Endpoint.open`. */
  constructor(now: number, introduction: Introduction, environment: LinkEnvironment) {
    this.introduction = introduction;
    this.#environment = environment;
    this.#streams = new Streams(environment.config.sendBufferBytes);
    this.#phase =
      introduction.role === 'initiator'
        ? { name: 'initiating', handshake: new InitiatorHandshake(introduction, environment) }
        : { name: 'punching' };
    this.#timers.set('path-timeout', now + environment.config.pathTimeoutMs);
    this.#sendAttempt(now);
  }

  get index(): number {
    return this.#environment.index;
  }

  get state(): LinkState {
    switch (this.#phase.name) {
      case 'initiating':
      case 'punching':
      case 'confirming':
        return 'connecting';
      case 'open':
        return 'established';
      case 'closing':
        return 'closing';
      case 'closed':
      case 'gone':
        return 'ended';
    }
  }

  /** Whether the endpoint may forget the link: it has ended, and answers no more. */
  get isGone(): boolean {
    return this.#phase.name === 'gone';
  }

  /** Whether an initiation may still begin this link. */
  get awaitsInitiation(): boolean {
    return this.#phase.name === 'punching';
  }

  /** Smoothed round trip in milliseconds; undefined before the first measurement. */
  get rttMs(): number | undefined {
    return 'connection' in this.#phase ? this.#phase.connection.rttMs : undefined;
  }

  /** Where the peer's newest authentic packet came from; undefined before the first. */
  get path(): Address | undefined {
    return 'path' in this.#phase ? this.#phase.path : undefined;
  }

  /** Bytes of messages that the peer has not acknowledged, sent or not. */
  get bufferedBytes(): number {
    return this.#streams.bufferedBytes;
  }

  /** Bytes of messages that were sent and not acknowledged. */
  get unacknowledgedBytes(): number {
    return this.#streams.unacknowledgedBytes;
  }

  /** What the bounds are about, for tests: bytes in flight and how many may be, and bytes held for received data. */
  get usage(): { readonly bytesInFlight: number; readonly windowBytes: number; readonly receiveBytes: number } {
    const connection = 'connection' in this.#phase ? this.#phase.connection : undefined;
    return {
      bytesInFlight: connection?.bytesInFlight ?? 0,
      windowBytes: connection?.windowBytes ?? 0,
      receiveBytes: this.#streams.receiveCapacityBytes,
    };
  }

  /**
   * Takes a copy of a message of 1 to 65,536 bytes, to be sent in order; before the link is established too.
   * @throws TransportError MESSAGE_SIZE, SEND_BUFFER_FULL, or LINK_CLOSED once `close` was called or the link ended.
   */
  send(message: Uint8Array): void {
    if (this.state !== 'connecting' && this.state !== 'established') {
      throw new TransportError('LINK_CLOSED', 'the link is closing or has ended');
    }
    this.#streams.sendMessage(message);
    this.#environment.onActivity(this);
  }

  /**
   * Ends the link once what was sent is acknowledged, or `lingerMs` have passed. A link that is not established ends at
   * once. Does nothing on one that is closing or has ended.
   * @param code from 0 up to 0x3fff, for the peer
   * @param reason for the peer's log; cut at 64 characters
   * @throws RangeError for another code
   */
  close(now: number, code = 0, reason = ''): void {
    if (!Number.isInteger(code) || code < 0 || code >= closeCodes.frameEncoding) {
      throw new RangeError('the code of an application is from 0 up to 0x3fff');
    }
    const phase = this.#phase;
    const shortReason = reason.toWellFormed().slice(0, 64).toWellFormed();
    if (phase.name === 'initiating' || phase.name === 'punching' || phase.name === 'confirming') {
      this.#vanish({ kind: 'closed', by: 'us', code, reason: shortReason });
    } else if (phase.name === 'open') {
      const { connection, path } = phase;
      this.#phase = { name: 'closing', connection, path, code, reason: shortReason };
      this.#timers.set('linger', now + this.#environment.config.lingerMs);
    }
    this.#environment.onActivity(this);
  }

  /** @param initiation of the introduced peer for this introduction; the endpoint has checked that. */
  handleInitiation(now: number, from: Address, initiation: ReceivedInitiation): void {
    if (this.#phase.name !== 'punching') return;
    const { crypto } = this.#environment;
    const { packet, protection } = respond(initiation, this.introduction, this.index, crypto);
    this.#phase = { name: 'confirming', connection: this.#connect(protection), response: packet };
    // The initiator repeats what it needs to from here on.
    this.#timers.set('handshake-retry', undefined);
    this.#countHandshake(now);
    this.#transmit(from, packet);
    this.#environment.onActivity(this);
  }

  /**
   * Somebody who may be the peer says that it has its introduction by now: the initiation again, without waiting. What
   * a punch says is not authenticated, so it only ever brings an initiation to where one has been sent already.
   */
  handlePunch(now: number, from: Address): void {
    if (this.#phase.name !== 'initiating' || this.#punchAnswersLeft === 0) return;
    if (now - this.#punchAnsweredAt < punchAnswerIntervalMs) return;
    if (!this.introduction.candidates.some((candidate) => sameAddress(candidate, from))) return;
    this.#punchAnsweredAt = now;
    this.#punchAnswersLeft -= 1;
    this.#countHandshake(now);
    this.#transmit(from, this.#phase.handshake.packet);
    this.#environment.onActivity(this);
  }

  /** The same initiation again, perhaps over another path: the same response, there. */
  handleRepeatedInitiation(from: Address): void {
    if (this.#phase.name !== 'confirming') return;
    this.#handshakesSent += 1;
    this.#transmit(from, this.#phase.response);
    this.#environment.onActivity(this);
  }

  handleResponse(now: number, from: Address, response: ResponsePacket): void {
    if (this.#phase.name !== 'initiating') return;
    const protection = this.#phase.handshake.finish(response);
    if (!protection) return;
    const connection = this.#connect(protection);
    // The responder says nothing before it has heard this.
    connection.ping();
    this.#establish(now, connection, from);
    this.#environment.onActivity(this);
  }

  handleData(now: number, from: Address, packet: DataPacket): void {
    if (!('connection' in this.#phase)) return;
    const { connection } = this.#phase;
    const opened = connection.open(packet);
    if (!opened) return;
    if (this.#phase.name === 'confirming') this.#establish(now, connection, from);
    else if (opened.isNewest) this.#follow(from);
    if (this.#phase.name === 'closed') {
      this.#answerLatePacket(opened);
    } else {
      this.#heard(now);
      this.#handleFrames(now, connection, opened);
    }
    this.#environment.onActivity(this);
  }

  handleTimeout(now: number): void {
    for (let timer = this.#timers.takeExpired(now); timer; timer = this.#timers.takeExpired(now)) {
      this.#onTimer(now, timer);
      this.#environment.onActivity(this);
    }
  }

  nextTimeout(): number | undefined {
    return this.#timers.next();
  }

  pollTransmit(now: number): Transmit | undefined {
    const queued = this.#outbox.shift();
    if (queued) return queued;
    if (this.#phase.name !== 'open' && this.#phase.name !== 'closing') return undefined;
    if (this.#phase.name === 'closing' && this.#streams.bufferedBytes === 0) {
      const { code, reason } = this.#phase;
      this.#sayClose(now, code, reason, { kind: 'closed', by: 'us', code, reason });
      return this.#outbox.shift();
    }
    const bytes = this.#phase.connection.pollTransmit(now);
    return bytes && { to: this.#phase.path, bytes };
  }

  pollEvent(): LinkEvent | undefined {
    if (this.#establishedUnread) {
      this.#establishedUnread = false;
      return { type: 'established' };
    }
    const bytes = this.#streams.nextMessage();
    if (bytes) return { type: 'message', bytes };
    const end = this.#endUnread;
    this.#endUnread = undefined;
    return end && { type: 'ended', end };
  }

  #onTimer(now: number, timer: Timer): void {
    const phase = this.#phase;
    switch (timer) {
      case 'handshake-retry':
        this.#sendAttempt(now);
        return;
      case 'path-timeout':
        this.#vanish({ kind: 'no-path' });
        return;
      case 'acknowledgement':
        // pollTransmit sees that it is due.
        return;
      case 'loss':
        if ('connection' in phase) phase.connection.onLossTimeout(now);
        return;
      case 'keep-alive':
        if ('connection' in phase) phase.connection.ping();
        this.#timers.set('keep-alive', now + this.#environment.config.keepAliveMs);
        return;
      case 'idle':
        this.#vanish({ kind: 'lost' });
        return;
      case 'linger':
        if (phase.name !== 'closing') return;
        this.#sayClose(now, phase.code, phase.reason, {
          kind: 'closed',
          by: 'us',
          code: phase.code,
          reason: phase.reason,
        });
        return;
      case 'close-retry':
        if (phase.name !== 'closed') return;
        this.#transmit(phase.path, phase.connection.sealClose(phase.code, phase.reason));
        phase.retryMs *= 2;
        this.#timers.set('close-retry', now + phase.retryMs);
        return;
      case 'drain':
        this.#phase = { name: 'gone' };
        this.#timers.clear();
        return;
    }
  }

  #sendAttempt(now: number): void {
    const phase = this.#phase;
    if (phase.name !== 'initiating' && phase.name !== 'punching') return;
    if (phase.name === 'initiating') this.#countHandshake(now);
    const packet = phase.name === 'initiating' ? phase.handshake.packet : punchPacket(this.#environment.random);
    for (const candidate of this.introduction.candidates) this.#transmit(candidate, packet);
    this.#timers.set('handshake-retry', now + retryDelayMs(this.#attempts));
    this.#attempts += 1;
  }

  #countHandshake(now: number): void {
    if (this.#handshakesSent === 0) this.#firstHandshakeAt = now;
    this.#handshakesSent += 1;
  }

  #connect(protection: PacketProtection): Connection {
    return new Connection(protection, this.#streams, this.#timers);
  }

  #establish(now: number, connection: Connection, path: Address): void {
    this.#phase = { name: 'open', connection, path };
    this.#timers.set('handshake-retry', undefined);
    this.#timers.set('path-timeout', undefined);
    this.#heard(now);
    // Of several it is not known which was answered: then this is an upper bound, unless a retry came between.
    const rttMs = now - this.#firstHandshakeAt;
    if (this.#handshakesSent === 1 || rttMs < retryDelayMs(0)) connection.seedRtt(rttMs);
    this.#establishedUnread = true;
  }

  #heard(now: number): void {
    this.#timers.set('keep-alive', now + this.#environment.config.keepAliveMs);
    this.#timers.set('idle', now + this.#environment.config.peerIdleTimeoutMs);
  }

  /** The peer is where its newest authentic packet came from. */
  #follow(from: Address): void {
    if (!('path' in this.#phase) || sameAddress(this.#phase.path, from)) return;
    this.#phase.path = from;
    if (this.#phase.name !== 'closed') this.#phase.connection.onPathChanged();
  }

  #handleFrames(now: number, connection: Connection, opened: OpenedPacket): void {
    let close: CloseFrame | undefined;
    try {
      close = connection.handle(now, opened);
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      const { code, message } = error;
      this.#sayClose(now, code, message, { kind: 'violation', code, detail: message });
      return;
    }
    if (close) {
      const { code, reason } = close;
      this.#sayClose(now, 0, '', { kind: 'closed', by: 'peer', code, reason });
    }
  }

  /** Says CLOSE and ends the link; it then only answers late packets, and is forgotten after `drainMs`. */
  #sayClose(now: number, code: number, reason: string, end: LinkEnd): void {
    if (!('path' in this.#phase)) throw new Error('CLOSE before the link was established');
    const { connection, path } = this.#phase;
    const by = end.kind === 'closed' ? end.by : 'us';
    const retryMs = Math.min(connection.ptoMs, maxCloseRetryMs);
    this.#phase = {
      name: 'closed',
      connection,
      path,
      by,
      code,
      reason,
      answersLeft: transportLimits.lateAnswers,
      retryMs,
    };
    this.#timers.clear();
    this.#timers.set('drain', now + this.#environment.config.drainMs);
    if (by === 'us') this.#timers.set('close-retry', now + retryMs);
    this.#transmit(path, connection.sealClose(code, reason));
    this.#endUnread = end;
    this.#environment.onActivity(this);
  }

  #answerLatePacket(opened: OpenedPacket): void {
    const phase = this.#phase;
    if (phase.name !== 'closed') return;
    if (phase.by === 'us' && phase.connection.closeIn(opened)) {
      // Both have said it.
      this.#phase = { name: 'gone' };
      this.#timers.clear();
    } else if (phase.answersLeft > 0) {
      phase.answersLeft -= 1;
      this.#transmit(phase.path, phase.connection.sealClose(phase.code, phase.reason));
    }
  }

  /** Ends the link without a word to the peer. */
  #vanish(end: LinkEnd): void {
    this.#phase = { name: 'gone' };
    this.#timers.clear();
    this.#outbox.length = 0;
    this.#endUnread = end;
  }

  #transmit(to: Address, bytes: Uint8Array): void {
    if (this.#outbox.length < transportLimits.outbox) this.#outbox.push({ to, bytes });
  }
}
