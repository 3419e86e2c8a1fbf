import { describe, expect, it } from '@jest/globals';
import { pooledRandom } from './random-pool.js';

describe('random bytes out of a pool', () => {
  it('are as many as asked for, and never the same twice', () => {
    const random = pooledRandom();
    const seen = new Set<string>();
    for (let i = 0; i < 2_000; i += 1) {
      const bytes = random(16);
      expect(bytes).toHaveLength(16);
      expect(bytes.byteLength).toBe(bytes.buffer.byteLength);
      seen.add(Buffer.from(bytes).toString('hex'));
    }
    expect(seen.size).toBe(2_000);
  });

  it('come in any number', () => {
    const random = pooledRandom();
    for (const length of [0, 1, 4_095, 4_096, 4_097, 100_000]) {
      const bytes = random(length);
      expect(bytes).toHaveLength(length);
      if (length > 1_000) expect(bytes.filter((byte) => byte === 0).length).toBeLessThan(length / 100);
    }
  });
});
