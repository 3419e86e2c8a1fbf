/**
 * How long to wait before try number `attempt` (from 0): doubling from `minMs` to `maxMs`, each time a random part of
 * the upper half, so that clients of a restarted server do not come back all at once.
 * @param random a number from 0 up to 1
 */
export function backoffMs(attempt: number, minMs: number, maxMs: number, random: number): number {
  const ceiling = Math.min(maxMs, minMs * 2 ** Math.min(attempt, 30));
  return Math.max(minMs, (ceiling * (1 + random)) / 2);
}
