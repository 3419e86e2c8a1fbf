/**
 * A path with one bottleneck, and senders that obey a congestion controller: enough of a network to judge controllers by
 * rates, queues and shares. Everything follows from the seed. Losses are found as an ideal detector would; wake-ups are
 * late and acknowledgements come in batches, as they do in Node. Milliseconds, bytes.
 */
import { SeededRandom } from '@parley/simulator';
import type { CongestionController } from '../recovery/congestion-controller.js';
import { DeliveryRate } from '../recovery/delivery-rate.js';
import { Pacer } from '../recovery/pacer.js';
import type { SentPacket } from '../recovery/sent-packet.js';

export const datagramBytes = 1_452;

export interface BottleneckOptions {
  readonly seed: number;
  readonly rateBytesPerMs: number;
  /** What waits beyond this is dropped; Infinity for none. */
  readonly queueBytes: number;
  /** Without any queue. */
  readonly rttMs: number;
  /** 0 to 1, before the queue. */
  readonly lossShare?: number;
}

interface Waiting {
  readonly flow: Flow;
  readonly packet: SentPacket;
}

export class Bottleneck {
  readonly random: SeededRandom;
  readonly rttMs: number;
  rateBytesPerMs: number;
  lossShare: number;
  now = 0;
  readonly #queueLimitBytes: number;
  readonly #flows: Flow[] = [];
  readonly #queue: Waiting[] = [];
  #head = 0;
  #headStartedAt = 0;
  #queuedBytes = 0;
  #queueSamplesMs: number[] = [];

  constructor(options: BottleneckOptions) {
    this.random = new SeededRandom(options.seed);
    this.rttMs = options.rttMs;
    this.rateBytesPerMs = options.rateBytesPerMs;
    this.lossShare = options.lossShare ?? 0;
    this.#queueLimitBytes = options.queueBytes;
  }

  addFlow(controller: CongestionController, options: FlowOptions = {}): Flow {
    const flow = new Flow(this, controller, options);
    this.#flows.push(flow);
    return flow;
  }

  /** Lets everything happen up to this moment. */
  runUntil(endMs: number): void {
    for (;;) {
      let next = this.#flows[0];
      for (const flow of this.#flows) if (next === undefined || flow.wakeAt < next.wakeAt) next = flow;
      if (next === undefined || next.wakeAt > endMs) break;
      this.now = next.wakeAt;
      this.#serve(this.now);
      this.#queueSamplesMs.push(this.#queuedBytes / this.rateBytesPerMs);
      next.wake(this.now);
    }
    this.now = endMs;
    this.#serve(endMs);
  }

  /** Delays in the queue that the given shares of the moments since the last call did not exceed. */
  takeQueueDelaysMs(...shares: number[]): number[] {
    const sorted = this.#queueSamplesMs.sort((a, b) => a - b);
    this.#queueSamplesMs = [];
    return shares.map((share) => sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? 0);
  }

  accept(flow: Flow, packet: SentPacket): void {
    if (this.random.chance(this.lossShare)) return;
    if (this.#queuedBytes + packet.bytes > this.#queueLimitBytes) {
      flow.dropped += 1;
      return;
    }
    if (this.#queuedBytes === 0) this.#headStartedAt = this.now;
    this.#queuedBytes += packet.bytes;
    this.#queue.push({ flow, packet });
  }

  #serve(now: number): void {
    for (;;) {
      const head = this.#queue[this.#head];
      if (head === undefined) break;
      const leavesAt = this.#headStartedAt + head.packet.bytes / this.rateBytesPerMs;
      if (leavesAt > now) break;
      this.#head += 1;
      this.#headStartedAt = leavesAt;
      this.#queuedBytes -= head.packet.bytes;
      head.flow.onDelivered(leavesAt, head.packet);
    }
    if (this.#head > 10_000) {
      this.#queue.splice(0, this.#head);
      this.#head = 0;
    }
  }
}

export interface FlowOptions {
  readonly startsAt?: number;
  /** What the application wants to have sent up to this moment; without it, all that the path takes. */
  readonly supplyBytes?: (now: number) => number;
  /** The event loop is held by others for so long, each turn. */
  readonly turnMs?: number;
}

const packetThreshold = 3;

export class Flow {
  readonly controller: CongestionController;
  readonly #path: Bottleneck;
  readonly #options: FlowOptions;
  readonly #rate = new DeliveryRate();
  readonly #pacer = new Pacer(datagramBytes);

  wakeAt: number;
  sentBytes = 0;
  deliveredBytes = 0;
  /** By the full queue. */
  dropped = 0;
  lost = 0;
  bytesInFlight = 0;
  #nextNumber = 0;
  #smoothedRttMs: number | undefined;
  #inFlight: SentPacket[] = [];
  /** Arrived; the acknowledgement reaches the sender at this moment. */
  readonly #acks: { at: number; packet: SentPacket }[] = [];
  #nextAck = 0;
  #progressAt = 0;

  constructor(path: Bottleneck, controller: CongestionController, options: FlowOptions) {
    this.#path = path;
    this.controller = controller;
    this.#options = options;
    this.wakeAt = options.startsAt ?? 0;
    this.#progressAt = this.wakeAt;
  }

  onDelivered(at: number, packet: SentPacket): void {
    this.deliveredBytes += packet.bytes;
    // The receiver's event loop turns once a millisecond, too, and acknowledges what it found.
    this.#acks.push({ at: Math.ceil(at) + this.#path.rttMs, packet });
  }

  wake(now: number): void {
    const turnMs = this.#options.turnMs ?? 1;
    this.wakeAt = now + turnMs * (1 + this.#path.random.fraction());
    while ((this.#acks[this.#nextAck]?.at ?? Infinity) <= now) this.#takeAck(now);
    const patienceMs = 6 * Math.max(this.#smoothedRttMs ?? 333, 50);
    if (this.bytesInFlight > 0 && now > this.#progressAt + patienceMs) this.#giveUp(now);
    this.#send(now);
  }

  #takeAck(now: number): void {
    const packets: SentPacket[] = [];
    const at = this.#acks[this.#nextAck]?.at ?? 0;
    let bytes = 0;
    for (let ack = this.#acks[this.#nextAck]; ack?.at === at; ack = this.#acks[this.#nextAck]) {
      packets.push(ack.packet);
      bytes += ack.packet.bytes;
      this.#nextAck += 1;
    }
    if (this.#nextAck > 10_000) {
      this.#acks.splice(0, this.#nextAck);
      this.#nextAck = 0;
    }
    const newest = packets.at(-1);
    if (newest === undefined) return;
    this.#progressAt = now;
    const rttMs = now - newest.sentAt;
    this.#smoothedRttMs = this.#smoothedRttMs === undefined ? rttMs : 0.875 * this.#smoothedRttMs + 0.125 * rttMs;

    const priorBytesInFlight = this.bytesInFlight;
    const lost: SentPacket[] = [];
    const acknowledged = new Set(packets);
    const kept: SentPacket[] = [];
    let seen = 0;
    for (; (this.#inFlight[seen]?.number ?? Infinity) <= newest.number; seen += 1) {
      const packet = this.#inFlight[seen];
      if (packet === undefined || acknowledged.has(packet)) continue;
      if (packet.number <= newest.number - packetThreshold) lost.push(packet);
      else kept.push(packet);
    }
    this.#inFlight.splice(0, seen, ...kept);
    const lostBytes = sum(lost);
    this.bytesInFlight -= bytes + lostBytes;
    this.#onLost(now, lost, lostBytes, false);
    this.controller.onAcknowledged({
      now,
      packets,
      bytes,
      priorBytesInFlight,
      bytesInFlight: this.bytesInFlight,
      rate: this.#rate.onAcknowledged(now, packets),
      rttMs,
      smoothedRttMs: this.#smoothedRttMs,
      lostBytes,
    });
  }

  /** Nothing came for several round trips. */
  #giveUp(now: number): void {
    const lost = this.#inFlight;
    this.#inFlight = [];
    this.bytesInFlight = 0;
    this.#progressAt = now;
    this.#onLost(now, lost, sum(lost), true);
  }

  #onLost(now: number, packets: SentPacket[], bytes: number, isPersistentCongestion: boolean): void {
    if (packets.length === 0) return;
    this.lost += packets.length;
    this.#rate.onLost(bytes);
    this.controller.onLost({ now, packets, bytes, bytesInFlight: this.bytesInFlight, isPersistentCongestion });
  }

  #send(now: number): void {
    this.#pacer.setRate(this.controller.pacingBytesPerMs);
    const wantedBytes = this.#options.supplyBytes?.(now) ?? Infinity;
    for (;;) {
      if (this.bytesInFlight + datagramBytes > this.controller.windowBytes) return;
      if (this.sentBytes + datagramBytes > wantedBytes) {
        this.#rate.onAppLimited(this.bytesInFlight);
        this.#pacer.onIdle();
        return;
      }
      if (this.#pacer.nextSendAt(now) > now) return;
      if (this.bytesInFlight === 0) this.#progressAt = now;
      const sent = { sentAt: now, bytes: datagramBytes };
      const packet: SentPacket = {
        ...sent,
        number: this.#nextNumber,
        contents: [],
        acknowledgedUpTo: -1,
        isMtuProbe: false,
        delivery: this.#rate.onSent(sent, this.bytesInFlight),
      };
      this.#nextNumber += 1;
      this.controller.onSent(packet, this.bytesInFlight);
      this.#pacer.onSent(now, packet.bytes);
      this.#inFlight.push(packet);
      this.bytesInFlight += packet.bytes;
      this.sentBytes += packet.bytes;
      this.#path.accept(this, packet);
      // A controller may answer the first packet after a pause with another rate.
      this.#pacer.setRate(this.controller.pacingBytesPerMs);
    }
  }
}

function sum(packets: readonly SentPacket[]): number {
  let bytes = 0;
  for (const packet of packets) bytes += packet.bytes;
  return bytes;
}
