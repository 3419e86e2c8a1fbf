import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { backoffMs } from './backoff.js';

describe('backoff', () => {
  it('doubles from the least to the most', () => {
    const lowest = Array.from({ length: 9 }, (_, attempt) => backoffMs(attempt, 500, 30_000, 0));
    expect(lowest).toEqual([500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000, 15_000]);
  });

  it('spreads every try, the first one too, over as much again', () => {
    expect(backoffMs(0, 500, 30_000, 0.5)).toBe(750);
    expect(backoffMs(9, 500, 30_000, 0.999_999)).toBeCloseTo(30_000, 0);
  });

  it('keeps within its bounds for any attempt', () => {
    fc.assert(
      fc.property(fc.nat(1e9), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (attempt, random) => {
        const ms = backoffMs(attempt, 500, 30_000, random);
        expect(ms).toBeGreaterThanOrEqual(500);
        expect(ms).toBeLessThanOrEqual(30_000);
      }),
    );
  });
});
