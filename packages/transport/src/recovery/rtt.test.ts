import { describe, expect, it } from '@jest/globals';
import { RttEstimator } from './rtt.js';

describe('RttEstimator', () => {
  it('assumes 333 ms before the first sample', () => {
    const rtt = new RttEstimator();
    expect(rtt.smoothedMs).toBeUndefined();
    expect(rtt.ptoMs).toBeCloseTo(333 + 4 * 166.5 + 25);
    expect(rtt.lossDelayMs).toBeCloseTo(333 * 1.125);
  });

  it('takes the first sample, less the delay that the peer admits, as it is', () => {
    const rtt = new RttEstimator();
    rtt.sample(50, 10);
    expect(rtt.smoothedMs).toBe(40);
    expect(rtt.ptoMs).toBe(40 + 4 * 20 + 25);
    expect(rtt.lossDelayMs).toBe(45);
  });

  it('smooths those after it, less the delay that the peer admits', () => {
    const rtt = new RttEstimator();
    rtt.sample(40, 0);
    rtt.sample(58, 10);
    expect(rtt.smoothedMs).toBeCloseTo(0.875 * 40 + 0.125 * 48);
    expect(rtt.ptoMs).toBeCloseTo(41 + 4 * (0.75 * 20 + 0.25 * 8) + 25);
    expect(rtt.latestMs).toBe(48);
  });

  it('does not believe a delay beyond 25 ms, nor one that leaves nothing of the trip', () => {
    const rtt = new RttEstimator();
    rtt.sample(40, 0);
    rtt.sample(140, 1_000);
    expect(rtt.smoothedMs).toBeCloseTo(0.875 * 40 + 0.125 * 115);
    const fast = new RttEstimator();
    fast.sample(10, 10);
    expect(fast.smoothedMs).toBe(10);
  });

  it('takes the round trip of the handshake until a packet gives a better one', () => {
    const rtt = new RttEstimator();
    rtt.seed(80);
    expect(rtt.smoothedMs).toBe(80);
    rtt.sample(30, 10);
    expect(rtt.smoothedMs).toBe(20);
    rtt.seed(80);
    expect(rtt.smoothedMs).toBe(20);
  });

  it('never waits less than the granularity', () => {
    const rtt = new RttEstimator();
    for (let i = 0; i < 100; i += 1) rtt.sample(0.1, 0);
    expect(rtt.lossDelayMs).toBe(1);
    expect(rtt.ptoMs).toBeCloseTo(0.1 + 1 + 25);
  });

  it('knows the smallest of the last samples, and forgets it after 10 to 20 s', () => {
    const rtt = new RttEstimator();
    expect(rtt.minMs).toBeUndefined();
    rtt.seed(5);
    expect(rtt.minMs).toBeUndefined();
    rtt.sample(30, 10, 1_000);
    rtt.sample(60, 0, 2_000);
    expect(rtt.minMs).toBe(20);
    rtt.sample(60, 0, 10_500);
    expect(rtt.minMs).toBe(20);
    rtt.sample(50, 0, 20_400);
    expect(rtt.minMs).toBe(20);
    rtt.sample(70, 0, 20_600);
    expect(rtt.minMs).toBe(50);
    // After a long silence neither span says anything.
    rtt.sample(90, 0, 90_000);
    expect(rtt.minMs).toBe(90);
  });

  it('waits longer for a packet where others overtake it', () => {
    const rtt = new RttEstimator();
    rtt.sample(80, 0, 0);
    expect(rtt.lossDelayWithin(5)).toBe(90);
    expect(rtt.lossDelayWithin(40)).toBe(120);
  });

  it('knows nothing of another path', () => {
    const rtt = new RttEstimator();
    rtt.sample(80, 0, 0);
    rtt.reset();
    expect([rtt.smoothedMs, rtt.minMs, rtt.lossDelayMs]).toEqual([undefined, undefined, 333 * 1.125]);
    rtt.seed(70);
    expect(rtt.smoothedMs).toBe(70);
  });
});
