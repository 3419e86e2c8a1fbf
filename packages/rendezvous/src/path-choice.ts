/** Which of several ways to the peer is the best, and whether that is worth a move. */
import type { PathPair } from './path-pair.js';

/** Two ways nearer to each other than this are equally fast. */
const rttGainMs = 5;
export const lossGain = 0.01;
/** So many round trips make a figure. */
const rttsToCompare = 3;

/** Direct before relay; then the fastest; of those about as fast, the nearest (points), then the faster. */
export function bestOf(pairs: readonly PathPair[]): PathPair | undefined {
  const direct = pairs.filter(({ isRelay }) => !isRelay);
  const eligible = direct.length > 0 ? direct : pairs;
  const fastestMs = Math.min(...eligible.map(rttOf));
  const [best] = eligible
    .filter((pair) => rttOf(pair) < fastestMs + rttGainMs)
    .sort((a, b) => b.points - a.points || rttOf(a) - rttOf(b));
  return best;
}

/**
 * Whether a path that works is exchanged for another: a move costs what was learnt of the path, so only for 5 ms, or for
 * one in a hundred datagrams less lost at the same speed. Direct beats relay always.
 * @param currentRttMs of the path; measured by probes when it was, else by acknowledgements
 */
export function isWorthMoving(
  now: number,
  { current, currentRttMs, other }: { current: PathPair; currentRttMs: number | undefined; other: PathPair },
): boolean {
  if (current.isRelay !== other.isRelay) return current.isRelay;
  if (other.rttCount < rttsToCompare || currentRttMs === undefined) return false;
  const gainMs = currentRttMs - rttOf(other);
  if (gainMs >= rttGainMs) return (other.loss(now) ?? 0) < (current.loss(now) ?? 0) + lossGain;
  if (gainMs <= -rttGainMs) return false;
  // A few probes that came back do not show that nothing is lost; that the path loses, data has shown.
  return current.dataLoss !== undefined && current.dataLoss - (other.loss(now) ?? 0) >= lossGain;
}

function rttOf({ rttMs }: PathPair): number {
  return rttMs ?? Infinity;
}
