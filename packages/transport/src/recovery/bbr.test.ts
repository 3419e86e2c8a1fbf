import { describe, expect, it } from '@jest/globals';
import { acknowledgedEvent, lostEvent, sentPacket, unlimitedSample } from '../testing/sent-packet.js';
import { Bbr } from './bbr.js';
import type { RateSample } from './delivery-rate.js';
import type { DeliveryStamp, SentPacket } from './sent-packet.js';

const datagramBytes = 1_000;
const rttMs = 50;

function stamp(change: Partial<DeliveryStamp> = {}): DeliveryStamp {
  return { ...sentPacket(0, 0).delivery, ...change };
}

/** Acknowledges one packet a round trip, with whatever rate the path is to have. */
class Rounds {
  readonly bbr: Bbr;
  now = 1_000;
  deliveredBytes = 0;
  number = 0;

  constructor(initialRttMs?: number) {
    const options = { datagramBytes, random: () => 0.5 };
    this.bbr = new Bbr(initialRttMs === undefined ? options : { ...options, initialRttMs });
  }

  send(bytesInFlight: number, change: Partial<DeliveryStamp> = {}): SentPacket {
    const packet = sentPacket(this.number, this.now, { delivery: stamp(change) });
    this.number += 1;
    this.bbr.onSent(packet, bytesInFlight);
    return packet;
  }

  /** A round trip at this rate. */
  round(bytesPerMs: number, change: { rate?: Partial<RateSample>; bytesInFlight?: number; rttMs?: number } = {}): void {
    const packet = this.send(1e6);
    this.now += change.rttMs ?? rttMs;
    const deliveredBytes = bytesPerMs * rttMs;
    const rate = {
      ...unlimitedSample,
      bytesPerMs,
      deliveredBytes,
      priorDeliveredBytes: this.deliveredBytes,
      ...change.rate,
    };
    this.deliveredBytes += deliveredBytes;
    this.bbr.onAcknowledged(
      acknowledgedEvent(this.now, [packet], {
        bytes: deliveredBytes,
        rate,
        rttMs: change.rttMs ?? rttMs,
        smoothedRttMs: rttMs,
        bytesInFlight: change.bytesInFlight ?? deliveredBytes,
      }),
    );
  }

  /** Until the pipe is filled and drained. */
  settle(bytesPerMs: number): void {
    for (let i = 0; i < 8; i += 1) this.round(bytesPerMs, { bytesInFlight: bytesPerMs * rttMs });
  }

  /** Rounds until this phase; fails after 100. */
  until(phase: string, bytesPerMs: number): void {
    for (let i = 0; i < 100; i += 1) {
      if (this.bbr.phase === phase) return;
      this.round(bytesPerMs);
    }
    throw new Error(`still in ${this.bbr.phase}`);
  }
}

describe('Bbr', () => {
  it('begins with an initial window, paced by the round trip of the handshake', () => {
    expect(new Rounds().bbr.windowBytes).toBe(10_000);
    expect(new Rounds().bbr.pacingBytesPerMs).toBe(Infinity);
    expect(new Rounds(100).bbr.pacingBytesPerMs).toBeCloseTo((2.77 * 10_000) / 100);
    const late = new Rounds();
    late.round(10);
    expect(late.bbr.pacingBytesPerMs).toBeCloseTo((2.77 * 10_000) / 50);
  });

  it('follows the datagram size until it has learned something', () => {
    const { bbr } = new Rounds();
    bbr.onDatagramSizeChanged(1_452);
    expect(bbr.windowBytes).toBe(14_520);
    bbr.onDatagramSizeChanged(65_000);
    expect(bbr.windowBytes).toBe(130_000);
  });

  it('paces at 2.77 of the rate in startup, with a window of twice the path', () => {
    const rounds = new Rounds();
    rounds.round(100);
    rounds.round(200);
    rounds.round(400);
    expect(rounds.bbr.phase).toBe('startup');
    expect(rounds.bbr.pacingBytesPerMs).toBeCloseTo(0.99 * 2.77 * 400);
    rounds.round(400);
    rounds.round(400);
    // 2 bdp, 2 ms for the timers, and what came beyond the rate.
    expect(rounds.bbr.windowBytes).toBeGreaterThanOrEqual(2 * 400 * 50);
    expect(rounds.bbr.windowBytes).toBeLessThan(4 * 400 * 50);
  });

  it('leaves startup after three rounds without growth, drains, and cruises when the path holds what fills it', () => {
    const rounds = new Rounds();
    const full = { bytesInFlight: 400 * 50 * 2 };
    rounds.round(400, full);
    rounds.round(400, full);
    rounds.round(400, full);
    expect(rounds.bbr.phase).toBe('startup');
    rounds.round(400, full);
    expect(rounds.bbr.phase).toBe('drain');
    expect(rounds.bbr.pacingBytesPerMs).toBeCloseTo(0.99 * 0.35 * 400);
    rounds.round(400, { bytesInFlight: 400 * 52 + 1 });
    expect(rounds.bbr.phase).toBe('drain');
    rounds.round(400, { bytesInFlight: 400 * 52 });
    expect(rounds.bbr.phase).toMatch(/^probe-bw/);
  });

  it('stays in startup while the application is the limit', () => {
    const rounds = new Rounds();
    for (let i = 0; i < 20; i += 1) rounds.round(100, { rate: { isAppLimited: true } });
    expect(rounds.bbr.phase).toBe('startup');
  });

  it('cruises at the rate, refills for a round, and then probes with 1.25 of it', () => {
    const rounds = new Rounds();
    rounds.settle(400);
    expect(rounds.bbr.phase).toBe('probe-bw-cruise');
    expect(rounds.bbr.pacingBytesPerMs).toBeCloseTo(0.99 * 400);
    rounds.until('probe-bw-refill', 400);
    expect(rounds.bbr.pacingBytesPerMs).toBeCloseTo(0.99 * 400);
    rounds.round(400);
    expect(rounds.bbr.phase).toBe('probe-bw-up');
    expect(rounds.bbr.pacingBytesPerMs).toBeCloseTo(0.99 * 1.25 * 400);
    rounds.round(400);
    rounds.round(400);
    expect(rounds.bbr.phase).toBe('probe-bw-up');
    rounds.round(400, { bytesInFlight: 1e9 });
    expect(rounds.bbr.phase).toBe('probe-bw-down');
    expect(rounds.bbr.pacingBytesPerMs).toBeCloseTo(0.99 * 0.9 * 400);
  });

  it('goes on probing as long as it brings more', () => {
    const rounds = new Rounds();
    rounds.settle(400);
    rounds.until('probe-bw-up', 400);
    let rate = 400;
    for (let i = 0; i < 10; i += 1) rounds.round((rate *= 1.25));
    expect(rounds.bbr.phase).toBe('probe-bw-up');
    expect(rounds.bbr.pacingBytesPerMs).toBeCloseTo(0.99 * 1.25 * rate);
  });

  it('forgets a rate after two cycles in which the path was slower', () => {
    const rounds = new Rounds();
    rounds.settle(400);
    const cycle = (): void => {
      rounds.until('probe-bw-up', 100);
      rounds.until('probe-bw-cruise', 100);
    };
    cycle();
    expect(rounds.bbr.pacingBytesPerMs).toBeCloseTo(0.99 * 400);
    cycle();
    cycle();
    expect(rounds.bbr.pacingBytesPerMs).toBeCloseTo(0.99 * 100);
  });

  it('learns nothing small from samples that the application limits, but what is larger', () => {
    const rounds = new Rounds();
    rounds.settle(400);
    for (let i = 0; i < 300; i += 1) rounds.round(10, { rate: { isAppLimited: true } });
    rounds.until('probe-bw-cruise', 10);
    expect(rounds.bbr.pacingBytesPerMs).toBeCloseTo(0.99 * 400);
    rounds.round(600, { rate: { isAppLimited: true } });
    expect(rounds.bbr.pacingBytesPerMs).toBeCloseTo(0.99 * 600);
  });

  it('paces at the known rate after a pause, whatever it did before', () => {
    const rounds = new Rounds();
    rounds.settle(400);
    rounds.until('probe-bw-up', 400);
    rounds.now += 60_000;
    rounds.send(0, { isAppLimited: true });
    expect(rounds.bbr.pacingBytesPerMs).toBeCloseTo(0.99 * 400);
    // The pause was look enough at the empty path.
    rounds.round(400, { rttMs: 70 });
    expect(rounds.bbr.phase).not.toBe('probe-rtt');
  });

  it('looks at the empty path after 5 s with a queue, for 200 ms and a round trip, and takes up its window again', () => {
    const rounds = new Rounds();
    rounds.settle(400);
    const isLooking = (): boolean => rounds.bbr.phase === 'probe-rtt';
    while (!isLooking()) {
      rounds.round(400, { rttMs: 70 });
      expect(rounds.now).toBeLessThan(8_000);
    }
    expect(rounds.now).toBeGreaterThan(6_000);
    // Half of what fills the path.
    expect(rounds.bbr.windowBytes).toBe(10_000);
    expect(rounds.bbr.pacingBytesPerMs).toBeCloseTo(0.99 * 400);
    const startedAt = rounds.now;
    for (let i = 0; i < 20 && isLooking(); i += 1) rounds.round(200, { bytesInFlight: 10_000 });
    expect(rounds.bbr.phase).toBe('probe-bw-cruise');
    expect(rounds.now - startedAt).toBeGreaterThan(200);
    expect(rounds.now - startedAt).toBeLessThan(350);
    expect(rounds.bbr.windowBytes).toBeGreaterThan(400 * 50);
    expect(rounds.bbr.pacingBytesPerMs).toBeCloseTo(0.99 * 400);
  });

  /** Loses `count` of the 100 packets in flight of a probe. */
  function loseInProbe(rounds: Rounds, count: number): SentPacket[] {
    const lostBytes = 0;
    const packets = Array.from({ length: count }, () =>
      sentPacket(rounds.number++, rounds.now, { delivery: stamp({ inFlightBytes: 100_000, lostBytes }) }),
    );
    rounds.bbr.onLost(lostEvent(rounds.now, packets));
    return packets;
  }

  function probing(queueMs: number): Rounds {
    const rounds = new Rounds();
    rounds.settle(1_000);
    rounds.until('probe-bw-up', 1_000);
    rounds.round(1_000, { rttMs: rttMs + queueMs });
    rounds.round(1_000, { rttMs: rttMs + queueMs });
    expect(rounds.bbr.phase).toBe('probe-bw-up');
    return rounds;
  }

  it('ends a probe by losses when a queue stands, and bounds what may be in flight', () => {
    const rounds = probing(40);
    loseInProbe(rounds, 2);
    expect(rounds.bbr.phase).toBe('probe-bw-up');
    loseInProbe(rounds, 1);
    expect(rounds.bbr.phase).toBe('probe-bw-down');
    rounds.round(1_000, { bytesInFlight: 1e9 });
    // 0.7 of the 100,000 in flight; the path holds 50,000.
    expect(rounds.bbr.windowBytes).toBeGreaterThan(68_000);
    expect(rounds.bbr.windowBytes).toBeLessThan(72_000);
    rounds.until('probe-bw-cruise', 1_000);
    rounds.round(1_000);
    expect(rounds.bbr.windowBytes).toBeLessThan(0.86 * 72_000);
  });

  it('does not mind the same losses when no queue stands', () => {
    const rounds = probing(0);
    loseInProbe(rounds, 10);
    expect(rounds.bbr.phase).toBe('probe-bw-up');
    rounds.round(1_000);
    expect(rounds.bbr.windowBytes).toBeGreaterThan(100_000);
  });

  it('ends a probe without a queue by losses beyond chance', () => {
    const rounds = probing(0);
    loseInProbe(rounds, 20);
    expect(rounds.bbr.phase).toBe('probe-bw-up');
    loseInProbe(rounds, 1);
    expect(rounds.bbr.phase).toBe('probe-bw-down');
  });

  it('comes back when the losses were none', () => {
    const rounds = probing(40);
    const windowBytes = rounds.bbr.windowBytes;
    const packets = loseInProbe(rounds, 3);
    rounds.round(1_000, { rttMs: 90, bytesInFlight: 1e9 });
    expect(rounds.bbr.windowBytes).toBeLessThan(windowBytes);
    rounds.bbr.onSpuriousLoss(rounds.now, packets.slice(0, 2));
    expect(rounds.bbr.phase).toBe('probe-bw-down');
    rounds.bbr.onSpuriousLoss(rounds.now, packets.slice(2));
    expect(rounds.bbr.phase).toBe('probe-bw-up');
    for (let i = 0; i < 2; i += 1) rounds.round(1_000);
    expect(rounds.bbr.windowBytes).toBeGreaterThanOrEqual(windowBytes);
  });

  it('slows down while cruising when a queue overflows, until the next probe', () => {
    const rounds = new Rounds();
    rounds.settle(1_000);
    const lossyRound = (queueMs: number): void => {
      rounds.round(600, { rttMs: rttMs + queueMs });
      loseInProbe(rounds, 5);
      rounds.round(600, { rttMs: rttMs + queueMs });
    };
    for (let i = 0; i < 3; i += 1) lossyRound(0);
    expect(rounds.bbr.pacingBytesPerMs).toBeCloseTo(990);
    for (let i = 0; i < 3; i += 1) lossyRound(40);
    expect(rounds.bbr.phase).toBe('probe-bw-cruise');
    expect(rounds.bbr.pacingBytesPerMs).toBeLessThan(990 * 0.75);
    expect(rounds.bbr.pacingBytesPerMs).toBeGreaterThanOrEqual(990 * 0.6 - 1e-6);
    rounds.until('probe-bw-refill', 600);
    expect(rounds.bbr.pacingBytesPerMs).toBeCloseTo(990);
  });

  it('leaves startup when a queue overflows', () => {
    const rounds = new Rounds();
    let rate = 100;
    for (let i = 0; i < 4; i += 1) rounds.round((rate *= 2), { rttMs: i < 2 ? 50 : 90 });
    loseInProbe(rounds, 10);
    rounds.round((rate *= 1.3), { rttMs: 90, bytesInFlight: 1e9 });
    rounds.round((rate *= 1.3), { rttMs: 90, bytesInFlight: 1e9 });
    expect(rounds.bbr.phase).toBe('drain');
  });

  it('begins anew after persistent congestion', () => {
    const rounds = new Rounds();
    rounds.settle(1_000);
    rounds.bbr.onLost(lostEvent(rounds.now, [sentPacket(rounds.number, rounds.now)], true));
    expect(rounds.bbr.phase).toBe('startup');
    expect(rounds.bbr.windowBytes).toBe(4_000);
    expect(rounds.bbr.pacingBytesPerMs).toBeCloseTo((2.77 * 10_000) / 50);
    rounds.round(100);
    expect(rounds.bbr.windowBytes).toBe(9_000);
  });
});
