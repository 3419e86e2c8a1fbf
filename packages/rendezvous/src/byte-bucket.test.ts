import { describe, expect, it } from '@jest/globals';
import { ByteBucket } from './byte-bucket.js';

describe('ByteBucket', () => {
  it('gives its burst at once, and then so much a second', () => {
    const bucket = new ByteBucket(0, 1_000, 500);
    expect([bucket.take(0, 300), bucket.take(0, 300), bucket.take(0, 1)]).toEqual([true, true, false]);
    // It owes 100, which come in a tenth of a second.
    expect(bucket.readyAt(0)).toBe(101);
    expect(bucket.take(100, 1)).toBe(false);
    expect(bucket.take(101, 1)).toBe(true);
  });

  it('does not save up more than its burst, and heeds no clock that goes back', () => {
    const bucket = new ByteBucket(0, 1_000, 500);
    bucket.take(60_000, 500);
    expect(bucket.take(60_000, 1)).toBe(false);
    expect(bucket.take(0, 1)).toBe(false);
  });

  it('is never empty where it has no bound, and always where nothing comes', () => {
    const boundless = new ByteBucket(0, Infinity, 250);
    for (let i = 0; i < 100; i += 1) expect(boundless.take(0, 1e12)).toBe(true);
    expect(boundless.readyAt(5)).toBe(5);
    const dry = new ByteBucket(0, 0, 250);
    expect(dry.take(1e9, 1)).toBe(false);
    expect(dry.readyAt(1e9)).toBe(Infinity);
  });
});
