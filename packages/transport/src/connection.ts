/** What two devices do once they share keys: packets, acknowledgements, recovery, congestion control and streams. */
import { tagBytes, type RandomSource } from './crypto-provider.js';
import { closeCodes, Violation } from './errors.js';
import { IncomingFrames, type CloseFrame } from './incoming-frames.js';
import { transportLimits } from './limits.js';
import { MtuDiscovery } from './paths/mtu-discovery.js';
import { AckRanges } from './recovery/ack-ranges.js';
import type { CongestionController } from './recovery/congestion-controller.js';
import { DeliveryRate } from './recovery/delivery-rate.js';
import { LossRecovery } from './recovery/loss-recovery.js';
import type { NewController } from './recovery/new-controller.js';
import { Pacer } from './recovery/pacer.js';
import { Repair } from './recovery/repair.js';
import { RttEstimator } from './recovery/rtt.js';
import type { SentContent, SentPacket } from './recovery/sent-packet.js';
import { SkippedNumbers } from './recovery/skipped-numbers.js';
import type { PostQuantumExchange } from './session/post-quantum-exchange.js';
import type { Session } from './session/session.js';
import type { StreamSet } from './streams/stream-set.js';
import type { Timers } from './timers.js';
import { ByteWriter } from './wire/byte-writer.js';
import { pathDataBytes, type AckFrame } from './wire/frame-types.js';
import { writeAck, writeClose, writePathChallenge, writePathResponse, writePing } from './wire/frame-writer.js';
import { packetView } from './wire/packet-view.js';
import { dataHeaderBytes, type Phase } from './wire/packets.js';

/** Probes after one probe timeout (RFC 9002, section 6.2.4): two, so that one loss does not double the wait. */
const probesPerTimeout = 2;
/** As long as the peer may have no final keys yet, so many probe timeouts in a row are needed for one under final keys. */
const finalProbesEvery = 3;
/** A packet with less room than this is not begun: header, tag, and an ACK or a small frame. */
const smallestPacketBytes = 64;
/** A datagram with nothing but a PATH_CHALLENGE or a PATH_RESPONSE. */
export const pathProbeBytes = dataHeaderBytes + 1 + pathDataBytes + tagBytes;
/** Left for what a packet is sent for, beside an ACK: a PING, or a little of a stream. */
const smallestContentBytes = 9;
const noContents: readonly SentContent[] = [];

export interface ConnectionOptions {
  readonly random: RandomSource;
  readonly streams: StreamSet;
  readonly timers: Timers;
  /** Of the first session; carries user content only once it is complete. */
  readonly exchange: PostQuantumExchange;
  /** The largest datagram that the outgoing interface carries, as far as it is known. */
  readonly maxDatagramBytes: number;
  /** One for each path. */
  readonly newController: NewController;
}

export class Connection {
  /** What the packets that came have said beside the streams' content. */
  readonly incoming: IncomingFrames;
  readonly #streams: StreamSet;
  readonly #timers: Timers;
  /** Until both sides have final keys. */
  #exchange: PostQuantumExchange | undefined;
  readonly #newController: NewController;
  readonly #rtt = new RttEstimator();
  readonly #acks = new AckRanges(this.#rtt);
  readonly #loss = new LossRecovery(this.#rtt);
  readonly #repair = new Repair();
  readonly #skipped: SkippedNumbers;
  readonly #mtu: MtuDiscovery;
  /** What was last told to those who need it. */
  #datagramBytes: number;
  #rate = new DeliveryRate();
  #pacer: Pacer;
  #congestion: CongestionController;
  #nextNumber = 0;
  #probes = 0;
  #pingWanted = false;
  /** Since when nothing in flight was acknowledged, if something is. */
  #unansweredSince = 0;
  #sentPackets = 0;
  #lostPackets = 0;

  constructor(options: ConnectionOptions) {
    this.#streams = options.streams;
    this.#timers = options.timers;
    this.#exchange = options.exchange;
    this.#newController = options.newController;
    this.incoming = new IncomingFrames(options.streams, options.exchange, (now, frame) => {
      this.#onAck(now, frame);
    });
    this.#skipped = new SkippedNumbers(options.random);
    this.#mtu = new MtuDiscovery(options.maxDatagramBytes);
    this.#loss.maxPtoMs = transportLimits.maxHandshakePtoMs;
    this.#datagramBytes = this.#mtu.datagramBytes;
    this.#pacer = new Pacer(this.#datagramBytes);
    this.#congestion = options.newController(this.#datagramBytes);
  }

  /** Smoothed round trip; undefined before the first measurement. */
  get rttMs(): number | undefined {
    return this.#rtt.smoothedMs;
  }

  get ptoMs(): number {
    return this.#rtt.ptoMs;
  }

  get bytesInFlight(): number {
    return this.#loss.bytesInFlight;
  }

  /** Packets that asked for an acknowledgement, and those of them that counted as lost; MTU probes aside. */
  get packetCounts(): { readonly sent: number; readonly lost: number } {
    return { sent: this.#sentPackets, lost: this.#lostPackets };
  }

  /** How long something in flight has waited for any acknowledgement; 0 when nothing does. */
  unansweredMs(now: number): number {
    return this.#loss.bytesInFlight > 0 ? now - this.#unansweredSince : 0;
  }

  get windowBytes(): number {
    return this.#congestion.windowBytes;
  }

  get congestion(): CongestionController {
    return this.#congestion;
  }

  /** The largest datagram that is sent now. */
  get datagramBytes(): number {
    return this.#mtu.datagramBytes;
  }

  /** Takes a round trip that the handshake measured. */
  seedRtt(rttMs: number): void {
    this.#rtt.seed(rttMs);
  }

  setMaxDatagramBytes(bytes: number): void {
    this.#mtu.setMaximum(bytes);
    this.#followDatagramSize();
  }

  /**
   * @param frames of an authentic packet that came for the first time
   * @returns a CLOSE frame if there was one
   * @throws Violation when the peer breaks a rule
   */
  handlePacket(
    now: number,
    session: Session,
    phase: Phase,
    number: number,
    frames: Uint8Array,
  ): CloseFrame | undefined {
    this.#streams.onRoundTrip(now, this.#rtt.smoothedMs ?? 0);
    const { incoming } = this;
    const asksForAck = incoming.read(now, session, phase, frames);
    // The initiator says at once that it has final keys, and the responder then forgets the early ones.
    if (incoming.takeFinished()) this.#pingWanted = true;
    // What was not taken is not acknowledged: the peer sends it again.
    if (!this.#streams.takeRefusal()) this.#acks.onReceived(now, number, asksForAck);
    this.#armTimers();
    return incoming.close;
  }

  /**
   * Packets go to another address from now on.
   * @param isRebinding the peer is where it was, behind another port: what was learned about the path still holds
   */
  onPathChanged(now: number, isRebinding: boolean): void {
    this.#unansweredSince = now;
    if (isRebinding) {
      // What waits for a timeout on the old path is tried on the new one.
      this.#loss.forgetBackoff();
    } else {
      for (const packet of this.#loss.abandon()) {
        for (const content of packet.contents) content.onLost();
      }
      this.#rtt.reset();
      this.#mtu.reset();
      this.#rate = new DeliveryRate();
      this.#pacer = new Pacer(this.#mtu.datagramBytes);
      this.#congestion = this.#newController(this.#mtu.datagramBytes);
      this.#followDatagramSize();
    }
    this.#armTimers();
  }

  /** Both sides have final keys: nothing of the post-quantum exchange is needed any more. */
  forgetExchange(): void {
    this.#exchange?.erase();
    this.#exchange = undefined;
    this.incoming.exchange = undefined;
    this.#loss.maxPtoMs = transportLimits.maxPtoMs;
  }

  /** Gives back memory when nothing is on its way in either direction. @returns whether that is so */
  rest(): boolean {
    const isAtRest = this.#loss.packetsInFlight === 0 && !this.#acks.isWaiting && !this.wantsToSend;
    if (!isAtRest) return false;
    this.#loss.rest();
    this.#repair.rest();
    this.#acks.rest();
    return true;
  }

  /** Sends a PING with the next packet, as a sign of life or to ask for one. */
  ping(): void {
    this.#pingWanted = true;
  }

  onLossTimeout(now: number): void {
    const outcome = this.#loss.onTimeout(now);
    if (outcome.kind === 'probe') {
      this.#probes = probesPerTimeout;
      this.#mtu.onTimeoutExpired(now, this.#loss.probeCount);
      // RFC 9002, section 6.2.4: a probe carries what has waited longest, which may be all that was lost.
      for (const packet of this.#loss.oldest(probesPerTimeout)) {
        for (const content of packet.contents) content.onLost();
      }
    } else {
      this.#onLost(now, outcome.packets, outcome.isPersistentCongestion);
    }
    this.#followDatagramSize();
    this.#armTimers();
  }

  /** Nothing may be sent now, for want of keys or of a proven address: what is due waits for that, and not for a time. */
  holdBack(): void {
    this.#timers.set('acknowledgement', undefined);
    this.#timers.set('pacing', undefined);
  }

  /** Whether there is something that waits for keys: they are worth a handshake then. */
  get wantsToSend(): boolean {
    return this.#probes > 0 || this.#pingWanted || this.#streams.hasContent;
  }

  /**
   * Writes and seals the next datagram into `packet`.
   * @param maxBytes that may go to the peer's address now
   * @returns its length; 0 when there is nothing to send now
   */
  pollTransmit(now: number, packet: Uint8Array, session: Session, maxBytes: number): number {
    const limit = Math.min(this.#mtu.datagramBytes, maxBytes);
    if (limit < smallestPacketBytes) {
      this.holdBack();
      return 0;
    }
    const phase = this.#phaseNow(session);
    const hasContent = this.#hasContent(phase);
    const mayFly =
      this.#probes > 0 ||
      (!this.#loss.isFull && this.#loss.bytesInFlight + this.#datagramBytes <= this.#congestion.windowBytes);
    let sendsContent = false;
    if (hasContent && mayFly) {
      const at = this.#probes > 0 ? now : this.#pacer.nextSendAt(now);
      sendsContent = at <= now;
      this.#timers.set('pacing', sendsContent ? undefined : at);
    } else if (!hasContent && mayFly) {
      this.#rate.onAppLimited(this.#loss.bytesInFlight);
      this.#pacer.onIdle();
      this.#timers.set('pacing', undefined);
    }
    if (sendsContent && phase === 1) {
      const probeBytes = this.#mtu.probeBytes(now) ?? Infinity;
      const fits = this.#loss.bytesInFlight + probeBytes <= this.#congestion.windowBytes;
      if (fits && probeBytes <= maxBytes) return this.#sealMtuProbe(now, packet, session, probeBytes);
    }
    if (!sendsContent && !this.#acks.isDue(now)) return 0;
    return this.#sealPacket(now, packet, limit, session, phase, sendsContent);
  }

  /** A packet that asks an address whether the peer is there, or answers; in `packet`, not tracked. @returns its length */
  sealPathProbe(packet: Uint8Array, session: Session, type: 'challenge' | 'response', data: Uint8Array): number {
    writer.reset(packet, dataHeaderBytes, pathProbeBytes - tagBytes);
    if (type === 'challenge') writePathChallenge(writer, data);
    else writePathResponse(writer, data);
    return this.#seal(packet, session, 1, this.#takeNumber());
  }

  /** A packet that ends the link, in `packet`. It is not tracked. @returns its length */
  sealClose(packet: Uint8Array, session: Session, code: number, reason: string): number {
    writer.reset(packet, dataHeaderBytes, closeFramesBytes);
    writeClose(writer, code, reason);
    return this.#seal(packet, session, session.isFinal ? 1 : 0, this.#takeNumber());
  }

  #onAck(now: number, frame: AckFrame): void {
    if ((frame.ranges[0]?.largest ?? 0) >= this.#nextNumber) {
      throw new Violation(closeCodes.protocolViolation, 'an ACK for a packet that was never sent');
    }
    if (this.#skipped.isAcknowledgedBy(frame)) {
      throw new Violation(closeCodes.protocolViolation, 'an ACK for a number that was skipped');
    }
    const priorBytesInFlight = this.#loss.bytesInFlight;
    const { acknowledged, lost, spurious, isPersistentCongestion, rttMs } = this.#loss.onAck(now, frame);
    for (const packet of spurious) this.#onArrived(now, packet);
    if (spurious.length > 0) this.#congestion.onSpuriousLoss(now, spurious);
    if (acknowledged.length === 0) {
      this.#onLost(now, lost, isPersistentCongestion);
      this.#followDatagramSize();
      return;
    }
    this.#unansweredSince = now;
    let bytes = 0;
    for (const packet of acknowledged) {
      bytes += packet.bytes;
      this.#onArrived(now, packet);
    }
    const lostBytes = this.#onLost(now, lost, isPersistentCongestion);
    this.#congestion.onAcknowledged({
      now,
      packets: acknowledged,
      bytes,
      priorBytesInFlight,
      bytesInFlight: this.#loss.bytesInFlight,
      rate: this.#rate.onAcknowledged(now, acknowledged),
      rttMs,
      smoothedRttMs: this.#rtt.smoothedMs ?? 0,
      lostBytes,
    });
    this.#pacer.setRate(this.#congestion.pacingBytesPerMs);
    this.#followDatagramSize();
  }

  /** Final keys as soon as there are any; but the peer may not have them yet, and then they are for content only. */
  #phaseNow(session: Session): Phase {
    if (!session.isFinal) return 0;
    if (!this.#exchange || session.epoch > 0 || this.#exchange.isSentAndAcknowledged) return 1;
    // A peer that has heard us under final keys has forgotten the others; were we elsewhere by now, it could not tell.
    if (this.#probes > 0 && this.#loss.probeCount % finalProbesEvery === 0) return 1;
    return this.#exchange.hasContent || !this.#streams.hasContent ? 0 : 1;
  }

  #hasContent(phase: Phase): boolean {
    if (this.#probes > 0 || this.#pingWanted) return true;
    if (phase === 0) return this.#exchange?.hasContent === true;
    return this.#streams.hasContent;
  }

  #sealPacket(
    now: number,
    packet: Uint8Array,
    limit: number,
    session: Session,
    phase: Phase,
    withContent: boolean,
  ): number {
    writer.reset(packet, dataHeaderBytes, limit - tagBytes);
    let acknowledgedUpTo = -1;
    if (this.#acks.isWaiting) {
      const ack = this.#acks.takeFrame(now);
      if (writeAck(writer, ack, withContent ? smallestContentBytes : 0))
        acknowledgedUpTo = ack.ranges[0]?.largest ?? -1;
    }
    if (!withContent) {
      // It was due: nobody has to be woken for it any more.
      this.#timers.set('acknowledgement', this.#acks.deadline);
      return this.#seal(packet, session, phase, this.#takeNumber());
    }
    const contents: SentContent[] = [];
    const before = writer.length;
    this.#writeContents(now, phase, contents);
    if (writer.length === before && this.#probes > 0) {
      // Nothing is better for a probe than what the one before it carried: either may be lost.
      for (const packet of this.#loss.newest(1)) for (const content of packet.contents) content.onLost();
      this.#writeContents(now, phase, contents);
    }
    if (writer.length === before) {
      const isPing = this.#pingWanted || this.#probes > 0;
      // What there is does not fit into this packet.
      if (!isPing) return before === 0 ? 0 : this.#seal(packet, session, phase, this.#takeNumber());
      writePing(writer);
    }
    this.#pingWanted = false;
    this.#probes = Math.max(0, this.#probes - 1);
    return this.#track(now, packet, session, phase, contents, acknowledgedUpTo, false);
  }

  #writeContents(now: number, phase: Phase, contents: SentContent[]): void {
    if (phase === 0) {
      this.#exchange?.writeInto(writer, contents);
      return;
    }
    this.#streams.writeInto(writer, contents);
    if (!this.#streams.hasContent) this.#repair.repeatInto(now, this.#loss, writer, contents);
  }

  #sealMtuProbe(now: number, packet: Uint8Array, session: Session, bytes: number): number {
    writer.reset(packet, dataHeaderBytes, bytes - tagBytes);
    writePing(writer);
    writer.zeros(writer.room);
    return this.#track(now, packet, session, 1, noContents, -1, true);
  }

  /** Seals what was written, and remembers it until it is acknowledged. */
  #track(
    now: number,
    packet: Uint8Array,
    session: Session,
    phase: Phase,
    contents: readonly SentContent[],
    acknowledgedUpTo: number,
    isMtuProbe: boolean,
  ): number {
    const number = this.#takeNumber();
    const bytes = this.#seal(packet, session, phase, number);
    if (isMtuProbe) this.#mtu.onProbeSent(number, bytes);
    else this.#sentPackets += 1;
    if (this.#loss.bytesInFlight === 0) this.#unansweredSince = now;
    const sent: SentPacket = {
      number,
      sentAt: now,
      bytes,
      contents,
      acknowledgedUpTo,
      isMtuProbe,
      delivery: this.#rate.onSent({ sentAt: now, bytes }, this.#loss.bytesInFlight),
    };
    this.#congestion.onSent(sent, this.#loss.bytesInFlight);
    this.#pacer.setRate(this.#congestion.pacingBytesPerMs);
    this.#loss.onSent(sent);
    this.#pacer.onSent(now, bytes);
    this.#armTimers();
    return bytes;
  }

  #seal(packet: Uint8Array, session: Session, phase: Phase, number: number): number {
    const length = dataHeaderBytes + writer.length + tagBytes;
    session.seal(phase, number, packetView(packet, length));
    return length;
  }

  #takeNumber(): number {
    if (this.#skipped.isDue(this.#nextNumber)) this.#skipped.add(this.#nextNumber++);
    return this.#nextNumber++;
  }

  #onArrived(now: number, packet: SentPacket): void {
    for (const content of packet.contents) content.onAcknowledged();
    if (packet.acknowledgedUpTo >= 0) this.#acks.forgetUpTo(packet.acknowledgedUpTo);
    if (packet.isMtuProbe) {
      this.#mtu.onProbeAcknowledged(now, packet.number);
    } else {
      this.#mtu.onPacketAcknowledged(packet.number, packet.bytes);
    }
  }

  /** @returns bytes that count for congestion */
  #onLost(now: number, packets: readonly SentPacket[], isPersistentCongestion: boolean): number {
    if (packets.length === 0) return 0;
    let bytes = 0;
    let congestive = 0;
    for (const packet of packets) {
      for (const content of packet.contents) content.onLost();
      if (packet.isMtuProbe) {
        this.#mtu.onProbeLost(now, packet.number, packets.length > 1);
      } else {
        bytes += packet.bytes;
        congestive += 1;
        this.#mtu.onPacketLost(now, packet.number, packet.bytes);
      }
    }
    if (congestive === 0) return 0;
    this.#lostPackets += congestive;
    this.#rate.onLost(bytes);
    this.#congestion.onLost({
      now,
      packets: congestive === packets.length ? packets : packets.filter(({ isMtuProbe }) => !isMtuProbe),
      bytes,
      bytesInFlight: this.#loss.bytesInFlight,
      isPersistentCongestion,
    });
    return bytes;
  }

  /** Path MTU discovery may have found another size, up or down. */
  #followDatagramSize(): void {
    const { datagramBytes } = this.#mtu;
    if (datagramBytes === this.#datagramBytes) return;
    this.#datagramBytes = datagramBytes;
    this.#pacer.onDatagramSizeChanged(datagramBytes);
    this.#congestion.onDatagramSizeChanged(datagramBytes);
    this.#streams.maxDatagramBytes = datagramBytes - dataHeaderBytes - tagBytes - datagramFrameBytes;
  }

  #armTimers(): void {
    this.#timers.set('acknowledgement', this.#acks.deadline);
    // Owed probes go out at once; the wait begins anew with them.
    this.#timers.set('loss', this.#probes > 0 ? undefined : this.#loss.deadline);
  }
}

/** One for all connections: it is used within a call only. */
const writer = new ByteWriter(new Uint8Array(0));
const closeFramesBytes = 320;
/** Of a DATAGRAM frame: its type and its length. */
const datagramFrameBytes = 5;
