import { describe, expect, it } from '@jest/globals';
import { acknowledgedEvent, lostEvent, sentPacket, unlimitedSample } from '../testing/sent-packet.js';
import { Cubic } from './cubic.js';
import { HyStart } from './hystart.js';

const mss = 1_000;

/** A flow that fills its window each round trip. */
class Sender {
  readonly cubic = new Cubic({ datagramBytes: mss });
  now = 0;
  next = 0;

  /** Sends and acknowledges one window. */
  round(rttMs = 50): void {
    const count = Math.floor(this.cubic.windowBytes / mss);
    const packets = Array.from({ length: count }, (_, i) => sentPacket(this.next + i, this.now));
    for (const [i, packet] of packets.entries()) this.cubic.onSent(packet, i * mss);
    this.next += count;
    this.now += rttMs;
    for (const packet of packets) {
      this.cubic.onAcknowledged(acknowledgedEvent(this.now, [packet], { rttMs, smoothedRttMs: rttMs }));
    }
  }

  /** @returns the packets that were lost */
  lose(count = 1) {
    const packets = Array.from({ length: count }, (_, i) => sentPacket(this.next + i, this.now));
    for (const packet of packets) this.cubic.onSent(packet, mss);
    this.next += count;
    this.cubic.onLost(lostEvent(this.now, packets));
    return packets;
  }

  /** As many rounds as it takes to get out of recovery and to a window of so many datagrams. */
  growTo(datagrams: number): void {
    for (let i = 0; i < 50 && this.cubic.windowBytes < datagrams * mss; i += 1) this.round();
  }
}

describe('Cubic', () => {
  it('begins with ten datagrams and doubles each round trip', () => {
    const { cubic, ...sender } = new Sender();
    expect(cubic.windowBytes).toBe(10_000);
    expect(cubic.pacingBytesPerMs).toBe(Infinity);
    expect(sender.next).toBe(0);
    const flow = new Sender();
    flow.round();
    expect(flow.cubic.windowBytes).toBe(20_000);
    expect(flow.cubic.phase).toBe('slow-start');
    expect(flow.cubic.pacingBytesPerMs).toBe((2 * 20_000) / 50);
  });

  it('falls to 0.7 once for the losses of a round trip', () => {
    const flow = new Sender();
    flow.growTo(160);
    const before = flow.cubic.windowBytes;
    const [first] = flow.lose(1);
    expect(flow.cubic.windowBytes).toBeCloseTo(0.7 * before);
    expect(flow.cubic.phase).toBe('recovery');
    flow.cubic.onLost(lostEvent(flow.now, [sentPacket(first!.number - 1, flow.now)]));
    expect(flow.cubic.windowBytes).toBeCloseTo(0.7 * before);
    flow.round();
    expect(flow.cubic.phase).toBe('congestion-avoidance');
    expect(flow.cubic.pacingBytesPerMs).toBeCloseTo((1.25 * flow.cubic.windowBytes) / 50);
  });

  it('is back at the old window after K, flat around it and steep beyond', () => {
    const flow = new Sender();
    flow.growTo(1_280);
    const maximum = flow.cubic.windowBytes;
    flow.lose();
    const startedAt = flow.now;
    // K = cbrt(1280 * 0.3 / 0.4) = 9.86 s
    const kMs = 1_000 * Math.cbrt(((maximum / mss) * 0.3) / 0.4);
    const at = (share: number): number => {
      while (flow.now < startedAt + share * kMs) flow.round();
      return flow.cubic.windowBytes;
    };
    const half = at(0.5);
    // W_max - C (K/2)^3
    expect(half / mss).toBeGreaterThan(0.97 * (maximum / mss - 0.4 * (kMs / 2_000) ** 3));
    expect(half).toBeLessThan(maximum);
    const full = at(1);
    expect(Math.abs(full - maximum) / maximum).toBeLessThan(0.01);
    // W_max + C (K/2)^3
    expect((at(1.5) - full) / mss / (0.4 * (kMs / 2_000) ** 3)).toBeGreaterThan(0.9);
  });

  it('gives up some more when the window did not reach the last maximum', () => {
    const flow = new Sender();
    flow.growTo(1_280);
    flow.lose();
    flow.round();
    flow.round();
    const second = flow.cubic.windowBytes;
    flow.lose();
    const startedAt = flow.now;
    const maximum = second * 0.85;
    const kMs = 1_000 * Math.cbrt((maximum - second * 0.7) / mss / 0.4);
    while (flow.now < startedAt + kMs) flow.round();
    expect(Math.abs(flow.cubic.windowBytes - maximum) / maximum).toBeLessThan(0.02);
  });

  it('is never slower than Reno with a small window', () => {
    const flow = new Sender();
    flow.growTo(20);
    flow.lose();
    const before = flow.cubic.windowBytes;
    flow.round();
    for (let i = 0; i < 10; i += 1) flow.round();
    // alpha = 3 * 0.3 / 1.7 datagrams a round trip, while the cubic curve would have grown by a datagram or two.
    expect((flow.cubic.windowBytes - before) / mss).toBeGreaterThan(10 * 0.52);
  });

  it('does not grow what is not used', () => {
    const flow = new Sender();
    const packets = [sentPacket(0, 0)];
    flow.cubic.onSent(packets[0]!, 0);
    const rate = { ...unlimitedSample, isAppLimited: true };
    flow.cubic.onAcknowledged(acknowledgedEvent(50, packets, { rate }));
    expect(flow.cubic.windowBytes).toBe(10_000);
    flow.cubic.onAcknowledged(acknowledgedEvent(50, packets, { priorBytesInFlight: 4_999 }));
    expect(flow.cubic.windowBytes).toBe(10_000);
    flow.cubic.onAcknowledged(acknowledgedEvent(50, packets, { priorBytesInFlight: 5_000 }));
    expect(flow.cubic.windowBytes).toBe(11_000);
  });

  it('does not let the curve run on through a pause', () => {
    const grown = (pauseMs: number): number => {
      const flow = new Sender();
      flow.growTo(300);
      flow.lose();
      for (let i = 0; i < 10; i += 1) flow.round();
      flow.now += pauseMs;
      const quiet = sentPacket(flow.next, flow.now);
      flow.next += 1;
      flow.cubic.onSent({ ...quiet, delivery: { ...quiet.delivery, isAppLimited: true } }, 0);
      flow.round();
      return flow.cubic.windowBytes;
    };
    expect(grown(60_000) / grown(0)).toBeCloseTo(1, 2);
  });

  it('takes back a reduction whose losses all arrive', () => {
    const flow = new Sender();
    flow.growTo(160);
    const before = flow.cubic.windowBytes;
    const packets = flow.lose(2);
    flow.cubic.onSpuriousLoss(flow.now, [packets[0]!]);
    expect(flow.cubic.windowBytes).toBeCloseTo(0.7 * before);
    flow.cubic.onSpuriousLoss(flow.now, [packets[1]!]);
    expect(flow.cubic.windowBytes).toBe(before);
    expect(flow.cubic.phase).toBe('slow-start');
  });

  it('begins with two datagrams after persistent congestion, and slowly only up to the old window', () => {
    const flow = new Sender();
    flow.growTo(160);
    const packet = sentPacket(flow.next, flow.now);
    flow.cubic.onSent(packet, mss);
    flow.next += 1;
    flow.cubic.onLost(lostEvent(flow.now, [packet], true));
    expect(flow.cubic.windowBytes).toBe(2_000);
    flow.cubic.onSpuriousLoss(flow.now, [packet]);
    expect(flow.cubic.windowBytes).toBe(2_000);
    flow.round();
    expect(flow.cubic.windowBytes).toBe(4_000);
    for (let i = 0; i < 40; i += 1) flow.lose();
    expect(flow.cubic.windowBytes).toBe(2_000);
  });

  it('follows the datagram size until it has learned something', () => {
    const fresh = new Cubic({ datagramBytes: 1_200 });
    fresh.onDatagramSizeChanged(1_452);
    expect(fresh.windowBytes).toBe(14_520);
    fresh.onDatagramSizeChanged(65_000);
    expect(fresh.windowBytes).toBe(130_000);
  });
});

describe('HyStart', () => {
  /** One round of 10 samples. @returns whether slow start is over */
  function round(hyStart: HyStart, index: number, rttMs: number): boolean {
    let isOver = false;
    for (let i = 0; i < 10; i += 1) {
      const number = index * 10 + i;
      isOver = hyStart.onAcknowledged(rttMs, number, index * 10 + 9) || isOver;
    }
    return isOver;
  }

  it('slows down when the round trip rises by an eighth, and ends after five more rounds', () => {
    const hyStart = new HyStart();
    round(hyStart, 0, 80);
    round(hyStart, 1, 89.9);
    expect(hyStart.isConservative).toBe(false);
    round(hyStart, 2, 102);
    expect(hyStart.isConservative).toBe(true);
    expect(hyStart.growthDivisor).toBe(4);
    for (let i = 3; i < 7; i += 1) expect(round(hyStart, i, 110)).toBe(false);
    expect(round(hyStart, 7, 110)).toBe(true);
  });

  it.each([
    ['4 ms at least', 10, 13.9, 14.1],
    ['16 ms at most', 400, 415.9, 416.1],
  ])('asks for a rise of %s', (_what, base, below, above) => {
    const calm = new HyStart();
    round(calm, 0, base);
    round(calm, 1, below);
    expect(calm.isConservative).toBe(false);
    const risen = new HyStart();
    round(risen, 0, base);
    round(risen, 1, above);
    expect(risen.isConservative).toBe(true);
  });

  it('goes on when the rise passes', () => {
    const hyStart = new HyStart();
    round(hyStart, 0, 80);
    round(hyStart, 1, 100);
    expect(hyStart.isConservative).toBe(true);
    round(hyStart, 2, 85);
    expect(hyStart.isConservative).toBe(false);
  });

  it('wants eight samples', () => {
    const hyStart = new HyStart();
    round(hyStart, 0, 80);
    for (let i = 0; i < 7; i += 1) hyStart.onAcknowledged(200, 10 + i, 19);
    expect(hyStart.isConservative).toBe(false);
    hyStart.onAcknowledged(200, 17, 19);
    expect(hyStart.isConservative).toBe(true);
  });
});
