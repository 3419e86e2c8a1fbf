/**
 * How long to wait before try number `attempt` (from 0): somewhere between `minMs` and twice that, then doubling, so
 * that clients of a restarted server do not come back all at once; never more than `maxMs`.
 * @param random a number from 0 up to 1
 */
export function backoffMs(attempt: number, minMs: number, maxMs: number, random: number): number {
  const floor = Math.min(maxMs / 2, minMs * 2 ** Math.min(attempt, 30));
  return Math.min(maxMs, floor * (1 + random));
}
