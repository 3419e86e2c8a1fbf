/** What two devices do once they share keys: packets, acknowledgements, recovery and streams. */
import { AckRanges } from './recovery/ack-ranges.js';
import { MalformedError } from './wire/byte-reader.js';
import { ByteWriter } from './wire/byte-writer.js';
import type { CongestionController } from './recovery/congestion-control.js';
import { closeCodes, Violation } from './errors.js';
import {
  decodeFrames,
  encodeFrame,
  isAckEliciting,
  type AckFrame,
  type CloseFrame,
  type Frame,
  type StreamFrame,
} from './wire/frames.js';
import { transportLimits } from './limits.js';
import { LossDetection, type LossOutcome } from './recovery/loss-detection.js';
import { NewReno } from './recovery/new-reno.js';
import { packetOverheadBytes, type PacketProtection } from './session/packet-protection.js';
import type { DataPacket } from './wire/packets.js';
import { ReplayWindow } from './session/replay-window.js';
import { RttEstimator } from './recovery/rtt.js';
import type { Streams } from './streams/streams.js';
import type { Timers } from './timers.js';

/** Probes after one probe timeout (RFC 9002, section 6.2.4): two, so that one loss does not double the wait. */
const probesPerTimeout = 2;

/** An authentic packet, once. */
export interface OpenedPacket {
  readonly counter: number;
  readonly frames: Uint8Array;
  /** No packet with a higher counter came before it. */
  readonly isNewest: boolean;
}

export class Connection {
  readonly #protection: PacketProtection;
  readonly #streams: Streams;
  readonly #timers: Timers;
  readonly #replay = new ReplayWindow();
  readonly #acks = new AckRanges();
  readonly #rtt = new RttEstimator();
  readonly #loss = new LossDetection(this.#rtt);
  readonly #congestion: CongestionController = new NewReno();
  readonly #payload = new Uint8Array(transportLimits.datagramBytes - packetOverheadBytes);
  #nextCounter = 0;
  #probes = 0;
  #pingWanted = false;
  /** There was nothing more to send when the window had room. */
  #appLimited = true;

  constructor(protection: PacketProtection, streams: Streams, timers: Timers) {
    this.#protection = protection;
    this.#streams = streams;
    this.#timers = timers;
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

  get windowBytes(): number {
    return this.#congestion.windowBytes;
  }

  /** Takes a round trip that the handshake measured. */
  seedRtt(rttMs: number): void {
    this.#rtt.seed(rttMs);
  }

  /** Undefined for a packet that is not authentic, or that came before. */
  open(packet: DataPacket): OpenedPacket | undefined {
    if (!this.#replay.accepts(packet.counter)) return undefined;
    const frames = this.#protection.open(packet);
    if (!frames) return undefined;
    const isNewest = packet.counter > this.#replay.highest;
    this.#replay.mark(packet.counter);
    return { counter: packet.counter, frames, isNewest };
  }

  /** @returns a CLOSE frame if there was one. @throws Violation when the peer breaks a rule. */
  handle(now: number, packet: OpenedPacket): CloseFrame | undefined {
    const frames = decodeOrBlame(packet.frames);
    const close = frames.find((frame) => frame.type === 'close');
    // First what it acknowledges, which stands even when there is no room for the rest: two sides that are both full
    // would else wait for each other.
    for (const frame of frames) if (frame.type === 'ack') this.#onAck(now, frame);
    const pieces = frames.filter(isStream);
    if (this.#streams.hasRoomFor(pieces)) {
      this.#acks.onReceived(now, packet.counter, frames.some(isAckEliciting));
      for (const piece of pieces) this.#streams.receive(piece);
    }
    this.#armTimers();
    return close;
  }

  /** For a closed link, to which nothing else in a packet matters. */
  closeIn(packet: OpenedPacket): CloseFrame | undefined {
    try {
      return decodeFrames(packet.frames).find((frame) => frame.type === 'close');
    } catch (error) {
      if (error instanceof MalformedError) return undefined;
      throw error;
    }
  }

  /** The peer was heard from another address: what waits for a timeout on the old path is tried on the new one. */
  onPathChanged(): void {
    this.#loss.forgetBackoff();
    this.#armTimers();
  }

  /** Sends a PING with the next packet, as a sign of life or to ask for one. */
  ping(): void {
    this.#pingWanted = true;
  }

  onLossTimeout(now: number): void {
    const outcome = this.#loss.onTimeout(now);
    if (outcome === 'probe') {
      this.#probes = probesPerTimeout;
      // RFC 9002, section 6.2.4: a probe carries what has waited longest, which may be all that was lost.
      for (const packet of this.#loss.oldest(probesPerTimeout)) {
        for (const piece of packet.pieces) this.#streams.onLost(piece);
      }
    } else {
      this.#onLost(now, outcome);
    }
    this.#armTimers();
  }

  /** The next datagram to send now, or undefined when there is none. */
  pollTransmit(now: number): Uint8Array | undefined {
    const mayFly =
      this.#probes > 0 || this.#loss.bytesInFlight + transportLimits.datagramBytes <= this.#congestion.windowBytes;
    const hasContent = this.#streams.hasPiece || this.#pingWanted || this.#probes > 0;
    if (!(mayFly && hasContent) && !this.#acks.isDue(now)) {
      if (mayFly) this.#appLimited = true;
      return undefined;
    }
    return this.#sealPacket(now, mayFly && hasContent);
  }

  /** A packet that ends the link. It is not tracked. */
  sealClose(code: number, reason: string): Uint8Array {
    const writer = new ByteWriter(this.#payload);
    encodeFrame(writer, { type: 'close', code, reason });
    return this.#protection.seal(this.#nextCounter++, writer.written());
  }

  #sealPacket(now: number, withContent: boolean): Uint8Array {
    const writer = new ByteWriter(this.#payload);
    const ack = this.#acks.isWaiting ? this.#acks.takeFrame(now) : undefined;
    if (ack) encodeFrame(writer, ack);
    const pieces = withContent ? this.#streams.write(writer) : [];
    if (withContent && pieces.length === 0) encodeFrame(writer, { type: 'ping' });
    const number = this.#nextCounter++;
    const datagram = this.#protection.seal(number, writer.written());
    if (withContent) {
      this.#pingWanted = false;
      this.#probes = Math.max(0, this.#probes - 1);
      this.#appLimited = !this.#streams.hasPiece;
      this.#loss.onSent({
        number,
        sentAt: now,
        bytes: datagram.length,
        pieces,
        acknowledgedUpTo: ack?.ranges[0]?.largest,
      });
    }
    this.#armTimers();
    return datagram;
  }

  #onAck(now: number, frame: AckFrame): void {
    if ((frame.ranges[0]?.largest ?? 0) >= this.#nextCounter) {
      throw new Violation(closeCodes.protocolViolation, 'an ACK for a packet that was never sent');
    }
    const { acknowledged, lost } = this.#loss.onAck(now, frame);
    for (const packet of acknowledged) {
      for (const piece of packet.pieces) this.#streams.onAcknowledged(piece);
      if (packet.acknowledgedUpTo !== undefined) this.#acks.forgetUpTo(packet.acknowledgedUpTo);
      this.#congestion.onAcknowledged({
        now,
        bytes: packet.bytes,
        sentAt: packet.sentAt,
        appLimited: this.#appLimited,
      });
    }
    this.#onLost(now, lost);
  }

  #onLost(now: number, { packets, persistentCongestion }: LossOutcome): void {
    const newest = packets.at(-1);
    if (!newest) return;
    for (const packet of packets) {
      for (const piece of packet.pieces) this.#streams.onLost(piece);
    }
    this.#congestion.onLost({
      now,
      bytes: packets.reduce((sum, packet) => sum + packet.bytes, 0),
      newestSentAt: newest.sentAt,
      persistentCongestion,
    });
  }

  #armTimers(): void {
    this.#timers.set('acknowledgement', this.#acks.deadline);
    // Owed probes go out at once; the wait begins anew with them.
    this.#timers.set('loss', this.#probes > 0 ? undefined : this.#loss.deadline);
  }
}

function decodeOrBlame(bytes: Uint8Array): Frame[] {
  try {
    return decodeFrames(bytes);
  } catch (error) {
    if (error instanceof MalformedError) throw new Violation(closeCodes.frameEncoding, error.message);
    throw error;
  }
}

function isStream(frame: Frame): frame is StreamFrame {
  return frame.type === 'stream';
}
