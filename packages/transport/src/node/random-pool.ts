/** Random bytes by the handful: the system is asked for them by the kilobyte, which costs as much as asking for four. */
import { randomFillSync } from 'node:crypto';
import type { RandomSource } from '../crypto-provider.js';

const poolBytes = 4_096;

/** Each call gives fresh bytes of the caller's own; none stay behind in the pool. */
export function pooledRandom(): RandomSource {
  const pool = new Uint8Array(poolBytes);
  let at = poolBytes;
  return (length) => {
    if (length > poolBytes) return randomFillSync(new Uint8Array(length));
    if (at + length > poolBytes) {
      randomFillSync(pool);
      at = 0;
    }
    const bytes = pool.slice(at, at + length);
    pool.fill(0, at, at + length);
    at += length;
    return bytes;
  };
}
