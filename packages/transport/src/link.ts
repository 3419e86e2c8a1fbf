/** One conversation with one peer, from its introduction to its end. */
import type { Address } from './address.js';
import type { Connection } from './connection.js';
import { Farewell, requireApplicationCode, shortened } from './farewell.js';
import { isCloseIn, type CloseFrame } from './incoming-frames.js';
import { stateOf, type LinkPhase } from './link-phase.js';
import { connectionFor, handshakesFor, streamsFor } from './link-parts.js';
import { LinkEvents } from './link-events.js';
import { LinkPath } from './link-path.js';
import { linkStatus } from './link-status.js';
import { Liveness } from './liveness.js';
import { TransportError, Violation } from './errors.js';
import { transportLimits } from './limits.js';
import type { LinkEnvironment } from './link-environment.js';
import type { LinkEnd, LinkEvent, LinkState, LinkStatus, LinkUsage, Transmit } from './link-event.js';
import { Outbox } from './outbox.js';
import type { FirstPath } from './paths/path-validator.js';
import { FirstContact } from './session/first-contact.js';
import type { ReceivedInitiation } from './session/handshake-responder.js';
import type { Handshakes } from './session/handshakes.js';
import { acceptsAny, type IntroducedPeer, type Introduction } from './session/introduction.js';
import { KeyRenewal } from './session/key-renewal.js';
import { ReplayWindow } from './session/replay-window.js';
import type { Session } from './session/session.js';
import type { StreamSet } from './streams/stream-set.js';
import { WheelEntry } from './timer-wheel.js';
import { Timers, type Timer } from './timers.js';
import { counterOf, phaseOf, receiverIndexOf, type ResponsePacket } from './wire/packets.js';

/** Memory is given back when nothing is on its way so long after something was: seldom, and soon enough. */
const restMs = 5_000;

export class Link {
  readonly introduction: IntroducedPeer;
  /** Whether what comes from this address is looked at, for the endpoint. */
  readonly accepts: (from: Address) => boolean;
  /** In the endpoint's timer wheel. */
  readonly wheelEntry = new WheelEntry<Link>(this);
  /** The endpoint's marks: the link is in its queues. */
  isInTransmitQueue = false;
  isInEventQueue = false;
  readonly #environment: LinkEnvironment;
  readonly #timers = new Timers();
  readonly #streams: StreamSet;
  readonly #handshakes: Handshakes;
  readonly #replay = new ReplayWindow();
  readonly #outbox = new Outbox();
  readonly #connection: Connection;
  #path: LinkPath | undefined;
  readonly #liveness: Liveness;
  readonly #renewal: KeyRenewal;
  #phase: LinkPhase;
  /** Until the link is established. */
  #contact: FirstContact | undefined;
  #peerHasFinalKeys = false;
  readonly #events = new LinkEvents();

  /** Made by `Endpoint.open`. */
  constructor(now: number, introduction: Introduction, environment: LinkEnvironment) {
    const { id, peerKey, role, candidates, accepts = acceptsAny } = introduction;
    this.introduction = { id, peerKey, role };
    this.accepts = accepts;
    this.#environment = environment;
    this.#streams = streamsFor(introduction, environment);
    this.#handshakes = handshakesFor(this, introduction, environment);
    this.#contact = new FirstContact(candidates, this.#handshakes, this.#outbox, environment.random);
    this.#connection = connectionFor(introduction, environment, this.#streams, this.#timers);
    const isAnswerDue = (): boolean => this.#connection.bytesInFlight > 0 || this.#handshakes.isWaiting;
    this.#liveness = new Liveness(environment.config, this.#timers, isAnswerDue);
    this.#renewal = new KeyRenewal(this.#handshakes, this.#timers, this.#liveness);
    if (role === 'initiator') {
      this.#phase = { name: 'initiating' };
      this.#handshakes.begin(now);
    } else {
      this.#phase = { name: 'punching' };
    }
    this.#timers.set('path-timeout', now + environment.config.pathTimeoutMs);
    this.#sendAttempt(now);
  }

  get state(): LinkState {
    return stateOf(this.#phase);
  }

  /** Whether the endpoint may forget the link: it has ended, and answers no more. */
  get isGone(): boolean {
    return this.#phase.name === 'gone';
  }

  /** Whether there is something that `pollTransmit` might send. */
  get wantsToSend(): boolean {
    return this.#connection.wantsToSend;
  }

  /** Whether it still waits for its first response, which a punch may hurry. */
  get isInitiating(): boolean {
    return this.#phase.name === 'initiating';
  }

  /** Smoothed round trip in milliseconds; undefined before the first measurement. */
  get rttMs(): number | undefined {
    return this.isGone ? undefined : this.#connection.rttMs;
  }

  /** Where packets to the peer go; undefined before the first authentic packet from it. */
  get path(): Address | undefined {
    return this.#path?.address;
  }

  /** Bytes of messages and streams that the peer has not acknowledged, sent or not. */
  get bufferedBytes(): number {
    return this.#streams.bufferedBytes;
  }

  /** What the bounds are about: bytes in flight and how many may be, and bytes held for received data. */
  get usage(): LinkUsage {
    const { bytesInFlight, windowBytes } = this.#connection;
    return { bytesInFlight, windowBytes, receiveBytes: this.#streams.receiveCapacityBytes };
  }

  /** What a user may want to know of it. */
  status(now: number): LinkStatus {
    const { state, rttMs } = this;
    const [keys, connection, path] = [this.#handshakes.keys, this.#connection, this.#path];
    return linkStatus(now, { state, rttMs, keys, connection, path, peerHasFinalKeys: this.#peerHasFinalKeys });
  }

  /**
   * Takes a copy of a message of 1 to 65,536 bytes, to be sent in order; before the link is established too.
   * @returns whether more may be sent at once; if not, a `drain` event says when
   * @throws TransportError MESSAGE_SIZE, SEND_BUFFER_FULL, or LINK_CLOSED once `close` was called or the link ended.
   */
  send(message: Uint8Array): boolean {
    this.#requireUsable();
    const mayGoOn = this.#streams.sendMessage(message);
    this.#environment.onActivity(this);
    return mayGoOn;
  }

  /** The streams, for their user. Call `touch` after whatever is to be sent. @throws TransportError LINK_CLOSED */
  get streams(): StreamSet {
    this.#requireUsable();
    return this.#streams;
  }

  /** There is something to send. */
  touch(): void {
    this.#environment.onActivity(this);
  }

  /** @param bytes the largest datagram that the interface towards the peer carries */
  setMaxDatagramBytes(bytes: number): void {
    this.#connection.setMaxDatagramBytes(Math.min(bytes, this.#environment.config.maxDatagramBytes));
  }

  /** More addresses, while the peer is sought: they are tried at once, and then with the others; of all, 32 are used. */
  addCandidates(now: number, addresses: readonly Address[]): void {
    const added = this.#isSeeking ? this.#contact?.add(now, addresses.filter(this.accepts)) : undefined;
    if (added && this.isInitiating) this.#environment.onCandidates(this, added);
    this.#environment.onActivity(this);
  }

  /**
   * Asks whether the peer is reached at an address (RFC 9000, section 8.2), once and whatever the window says; `probed`
   * tells of an answer. Does nothing before there is a path, or for an address that the introduction does not accept.
   */
  probe(now: number, to: Address): void {
    if (this.accepts(to)) this.#path?.probe(now, to);
    this.#environment.onActivity(this);
  }

  /**
   * Packets go to this address from now on, and the peer follows: the conversation moves there in both directions.
   * @returns whether they do: only if a probe was answered from there within the last 10 s
   */
  moveTo(now: number, to: Address): boolean {
    const hasMoved = this.state !== 'ended' && this.accepts(to) && this.#path?.moveTo(now, to) === true;
    this.#environment.onActivity(this);
    return hasMoved;
  }

  /**
   * Ends the link once what was sent is acknowledged, or `lingerMs` have passed; at once when it is not established.
   * Does nothing on one that is closing or has ended.
   * @param code from 0 up to 0x3fff, for the peer; @param reason for its log, cut at 64 characters
   * @throws RangeError for another code
   */
  close(now: number, code = 0, reason = ''): void {
    requireApplicationCode(code);
    const shortReason = shortened(reason);
    if (this.#phase.name === 'open') {
      this.#phase = { name: 'closing', code, reason: shortReason };
      this.#timers.set('path-timeout', undefined);
      this.#timers.set('linger', now + this.#environment.config.lingerMs);
    } else if (this.state === 'connecting') {
      this.#vanish({ kind: 'closed', by: 'us', code, reason: shortReason });
    }
    this.#environment.onActivity(this);
  }

  /**
   * @param initiation of the introduced peer for this introduction; the endpoint has checked that
   * @returns the response, when it was accepted
   */
  handleInitiation(now: number, from: Address, initiation: ReceivedInitiation): Uint8Array | undefined {
    const { name } = this.#phase;
    // In 'confirming' too: what was answered may have been an old initiation, sent again by somebody else.
    if (name === 'initiating' || name === 'closed' || name === 'gone') return undefined;
    if (!this.#handshakes.onInitiation(now, initiation)) {
      if (this.#handshakes.isUnheard(initiation)) this.#followInitiation(now, from);
      return undefined;
    }
    if (this.#phase.name === 'punching') {
      this.#phase = { name: 'confirming' };
      // The initiator repeats what it needs to from here on.
      this.#timers.set('handshake-retry', undefined);
    }
    this.#renewal.armExpiry();
    this.answer(now, from);
    return this.#handshakes.response;
  }

  /** The response goes to where the newest initiation came from, perhaps once more and over another path. */
  answer(now: number, from: Address): void {
    const { response } = this.#handshakes;
    if (!response) return;
    this.#contact?.onAnswered(now, from);
    this.#outbox.push(from, response);
    this.#environment.onActivity(this);
  }

  /** Somebody who may be the peer says that it has its introduction by now: the initiation again, without waiting. */
  handlePunch(now: number, from: Address): void {
    if (this.isInitiating) this.#contact?.answerPunch(now, from);
    this.#environment.onActivity(this);
  }

  handleCookieReply(now: number, reply: Uint8Array): void {
    this.#handshakes.onCookieReply(now, reply);
  }

  handleResponse(now: number, from: Address, response: ResponsePacket): void {
    const isFirst = this.#phase.name === 'initiating';
    if (!isFirst && this.#phase.name !== 'open' && this.#phase.name !== 'closing') return;
    if (!this.#handshakes.onResponse(now, response)) return;
    // The responder sends nothing under the new keys before it has heard this.
    this.#connection.ping();
    this.#timers.set('handshake-retry', undefined);
    this.#renewal.armExpiry();
    const allowanceBytes = transportLimits.firstPathBytes;
    if (isFirst) this.#establish(now, { address: from, isProven: false, allowanceBytes });
    else this.#liveness.onHeard(now);
    this.#environment.onActivity(this);
  }

  /** @param packet in the form of a data packet, for one of this link's indices */
  handleData(now: number, from: Address, packet: Uint8Array): void {
    const number = counterOf(packet);
    if (!this.#replay.accepts(number)) return;
    const session = this.#handshakes.keys.find(receiverIndexOf(packet));
    if (!session) return;
    const packetPhase = phaseOf(packet);
    const frames = session.open(packetPhase, number, packet);
    if (!frames) return;
    const isNewest = number > this.#replay.highest;
    this.#replay.mark(number);
    if (this.#handshakes.keys.confirm(session)) this.#handshakes.onConfirmed(session);
    if (packetPhase === 1 && !this.#peerHasFinalKeys) this.#onPeerHasFinalKeys(session);
    if (this.#phase.name === 'confirming') {
      const isProven = this.#contact?.hasAnsweredOnly(from) === true;
      this.#establish(now, { address: from, isProven, allowanceBytes: 0 });
    }
    this.#path?.onPacket(now, from, packet.length, isNewest, frames);
    if (this.#phase.name === 'closed') {
      this.#answerLatePacket(this.#phase, frames);
    } else if (this.#phase.name === 'open' || this.#phase.name === 'closing') {
      this.#handleFrames(now, from, session, packetPhase, number, frames);
      this.#liveness.onHeard(now);
      if (!this.#timers.isSet('rest')) this.#timers.set('rest', now + restMs);
      if (session.isFinal) this.#onFinal(session);
      if (this.#handshakes.isDue(now)) this.#renewal.begin(now, this.#path);
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

  /** @param buffer for the datagram; what is returned may be a view of it, good until the next call */
  pollTransmit(now: number, buffer: Uint8Array): Transmit | undefined {
    const queued = this.#outbox.shift();
    if (queued) return queued;
    if (this.#phase.name !== 'open' && this.#phase.name !== 'closing') return undefined;
    const isDone = this.#phase.name === 'closing' && this.#streams.isAllDelivered && !this.#isHalfFinal;
    if (this.#phase.name === 'closing' && isDone && this.#handshakes.keys.current) {
      this.#finishClosing(now, this.#phase);
      return this.#outbox.shift();
    }
    const path = this.#path;
    if (!path) return undefined;
    if (this.#handshakes.isDue(now) && (isDone || this.#connection.wantsToSend || path.wantsToProbe)) {
      this.#renewal.begin(now, this.#path);
      const initiation = this.#outbox.shift();
      if (initiation) return initiation;
    }
    const session = this.#handshakes.keys.current;
    if (!session) {
      this.#connection.holdBack();
      return undefined;
    }
    const transmit = path.pollTransmit(now, buffer, session);
    if (transmit && this.#connection.bytesInFlight > 0) this.#liveness.onAsked(now);
    return transmit;
  }

  pollEvent(): LinkEvent | undefined {
    return this.#events.shift() ?? this.#streams.pollEvent() ?? this.#events.takeEnd();
  }

  /** Our keys are final, and the peer's are not for all we know: it could not read a CLOSE. */
  get #isHalfFinal(): boolean {
    const isResponder = this.introduction.role === 'responder';
    return isResponder && !this.#peerHasFinalKeys && this.#handshakes.keys.current?.isFinal === true;
  }

  /** Its peer has not been heard. */
  get #isSeeking(): boolean {
    return this.#phase.name === 'initiating' || this.#phase.name === 'punching';
  }

  #requireUsable(): void {
    if (this.state === 'connecting' || this.state === 'established') return;
    throw new TransportError('LINK_CLOSED', 'the link is closing or has ended');
  }

  #onTimer(now: number, timer: Timer): void {
    const phase = this.#phase;
    switch (timer) {
      case 'handshake-retry':
        if (phase.name === 'open' || phase.name === 'closing') this.#renewal.send(now, this.#path);
        else this.#sendAttempt(now);
        return;
      case 'path-timeout':
        this.#vanish({ kind: 'no-path' });
        return;
      case 'acknowledgement':
      case 'pacing':
        // pollTransmit sees that it is due.
        return;
      case 'loss':
        this.#connection.onLossTimeout(now);
        this.#liveness.onLoss();
        return;
      case 'path-challenge':
        this.#path?.onChallengeTimeout(now);
        return;
      case 'key-expiry':
        this.#handshakes.keys.expire(now);
        if (this.#handshakes.keys.expiresAt === undefined) this.#replay.forget();
        this.#renewal.armExpiry();
        return;
      case 'keep-alive':
        this.#connection.ping();
        this.#liveness.onPinged(now);
        return;
      case 'rest':
        if (!this.#connection.rest()) this.#timers.set('rest', now + restMs);
        return;
      case 'idle':
        this.#vanish({ kind: 'lost' });
        return;
      case 'linger':
        if (phase.name !== 'closing') return;
        this.#finishClosing(now, phase);
        return;
      case 'close-retry':
        if (phase.name !== 'closed') return;
        this.#path?.sendClose(this.#handshakes.keys.current, phase.farewell);
        this.#timers.set('close-retry', phase.farewell.nextRetryAt(now));
        return;
      case 'drain':
        this.#end();
        return;
    }
  }

  #sendAttempt(now: number): void {
    if (this.#isSeeking && this.#contact) this.#timers.set('handshake-retry', this.#contact.attempt(now));
  }

  /** Packets flow from now on. */
  #establish(now: number, first: FirstPath): void {
    this.#phase = { name: 'open', isReady: false };
    const [connection, outbox, timers, events] = [this.#connection, this.#outbox, this.#timers, this.#events];
    const [{ role }, { random }] = [this.introduction, this.#environment];
    this.#path = new LinkPath(first, { role, connection, outbox, timers, events, random });
    this.#timers.set('handshake-retry', undefined);
    this.#liveness.onHeard(now);
    const rttMs = this.#contact?.rttMs(now);
    this.#contact = undefined;
    if (rttMs !== undefined) this.#connection.seedRtt(rttMs);
  }

  /** User content may flow. The initiator's first packet under final keys says so; until then the responder waits. */
  #onFinal(session: Session): void {
    if (this.#phase.name !== 'open' || this.#phase.isReady) return;
    if (this.introduction.role === 'responder' && !this.#peerHasFinalKeys) return;
    this.#phase.isReady = true;
    this.#timers.set('path-timeout', undefined);
    this.#handshakes.keys.onFinal(session);
    // The ciphertext depends on our key, which went to one address only.
    if (this.introduction.role === 'initiator') this.#path?.proveFirst();
    this.#events.pushEstablished();
  }

  #onPeerHasFinalKeys(session: Session): void {
    this.#peerHasFinalKeys = true;
    // It has the ciphertext, which went to one address only.
    if (this.introduction.role === 'responder') this.#path?.proveFirst();
    this.#connection.forgetExchange();
    session.forgetEarly();
  }

  /** The peer asks by a fresh initiation for what it should have, and so may be elsewhere: it is asked there. */
  #followInitiation(now: number, from: Address): void {
    this.#path?.onInitiation(now, from, this.#handshakes.initiation(now));
    this.#connection.ping();
    this.#environment.onActivity(this);
  }

  #handleFrames(now: number, from: Address, session: Session, phase: 0 | 1, number: number, frames: Uint8Array): void {
    let close: CloseFrame | undefined;
    try {
      close = this.#connection.handlePacket(now, session, phase, number, frames);
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      const { code, message } = error;
      this.#sayClose(now, code, message, { kind: 'violation', code, detail: message });
      return;
    }
    const { incoming } = this.#connection;
    const challenge = incoming.takePathChallenge();
    if (challenge) this.#path?.onChallenge(now, from, challenge);
    const response = incoming.takePathResponse();
    if (response) this.#path?.onResponse(now, response);
    if (close) {
      const { code, reason } = close;
      this.#sayClose(now, 0, '', { kind: 'closed', by: 'peer', code, reason });
    }
  }

  #finishClosing(now: number, { code, reason }: { readonly code: number; readonly reason: string }): void {
    this.#sayClose(now, code, reason, { kind: 'closed', by: 'us', code, reason });
  }

  /** Says CLOSE and ends the link; it then only answers late packets, and is forgotten after `drainMs`. */
  #sayClose(now: number, code: number, reason: string, end: LinkEnd): void {
    const by = end.kind === 'closed' ? end.by : 'us';
    const farewell = new Farewell(by, code, reason, this.#connection.ptoMs);
    this.#phase = { name: 'closed', farewell };
    this.#timers.clear();
    this.#timers.set('drain', now + this.#environment.config.drainMs);
    this.#timers.set('close-retry', farewell.nextRetryAt(now));
    this.#path?.sendClose(this.#handshakes.keys.current, farewell);
    this.#events.pushEnd(end);
    this.#environment.onActivity(this);
  }

  #answerLatePacket({ farewell }: { readonly farewell: Farewell }, frames: Uint8Array): void {
    if (farewell.by === 'us' && isCloseIn(frames)) {
      // Both have said it.
      this.#end();
    } else if (farewell.answersLatePacket()) {
      this.#path?.sendClose(this.#handshakes.keys.current, farewell);
    }
  }

  /** Ends the link without a word to the peer. */
  #vanish(end: LinkEnd): void {
    this.#outbox.clear();
    this.#events.pushEnd(end);
    this.#end();
  }

  #end(): void {
    this.#phase = { name: 'gone' };
    this.#timers.clear();
    this.#handshakes.erase();
    this.#connection.forgetExchange();
    this.#streams.release();
  }
}
