import { describe, expect, it } from '@jest/globals';
import { RttEstimator } from './rtt.js';

describe('RttEstimator', () => {
  it('assumes 333 ms before the first sample', () => {
    const rtt = new RttEstimator();
    expect(rtt.smoothedMs).toBeUndefined();
    expect(rtt.ptoMs).toBeCloseTo(333 + 4 * 166.5 + 25);
    expect(rtt.lossDelayMs).toBeCloseTo(333 * 1.125);
  });

  it('takes the first sample as it is', () => {
    const rtt = new RttEstimator();
    rtt.sample(40, 10);
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
    expect(rtt.latestMs).toBe(58);
    expect(rtt.lossDelayMs).toBeCloseTo(58 * 1.125);
  });

  it('does not believe a delay beyond 25 ms, nor one that makes the trip faster than the fastest', () => {
    const rtt = new RttEstimator();
    rtt.sample(40, 0);
    rtt.sample(140, 1_000);
    expect(rtt.smoothedMs).toBeCloseTo(0.875 * 40 + 0.125 * 115);
    const honest = new RttEstimator();
    honest.sample(40, 0);
    honest.sample(45, 10);
    expect(honest.smoothedMs).toBeCloseTo(0.875 * 40 + 0.125 * 45);
  });

  it('never waits less than the granularity', () => {
    const rtt = new RttEstimator();
    for (let i = 0; i < 100; i += 1) rtt.sample(0.1, 0);
    expect(rtt.lossDelayMs).toBe(1);
    expect(rtt.ptoMs).toBeCloseTo(0.1 + 1 + 25);
  });
});
