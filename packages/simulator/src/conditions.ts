/**
 * Loss in bursts (Gilbert and Elliott): the path is good or bad, may change before each datagram, and loses with a
 * probability of its own in either state. Bursts have 1 / `badToGood` datagrams in the mean.
 */
export interface GilbertElliott {
  readonly goodToBad: number;
  readonly badToGood: number;
  readonly lossInGood: number;
  readonly lossInBad: number;
}

/**
 * What a path does to datagrams, in one direction. Probabilities are from 0 to 1; sizes are UDP payloads. A datagram
 * first has to be small enough, then waits in the queue for its turn to be sent at the path's rate; what is dead or
 * loses, corrupts, duplicates and delays lies behind that.
 */
export interface Conditions {
  readonly latencyMs: number;
  /** Up to this much more, evenly: enough of it changes the order. */
  readonly jitterMs: number;
  /** Each datagram by itself (Bernoulli). */
  readonly loss: number;
  /** Loss in bursts, besides `loss`. */
  readonly gilbertElliott: GilbertElliott | undefined;
  readonly duplication: number;
  /** The share of datagrams in which one bit is flipped. */
  readonly corruption: number;
  /** So many in succession are corrupted, the share over all being the same. */
  readonly corruptionBurst: number;
  /** Held back for `reorderingDelayMs`, so that what was sent later overtakes it. */
  readonly reordering: number;
  readonly reorderingDelayMs: number;
  /** Of the bottleneck; each datagram counts with its headers. Infinity takes no time and has no queue. */
  readonly rateBytesPerMs: number;
  /** What may wait for the bottleneck, with headers; what does not fit is dropped (drop-tail). */
  readonly queueBytes: number;
  /** Longer datagrams vanish without a word. */
  readonly maxDatagramBytes: number;
  /** Nothing passes. */
  readonly blocked: boolean;
  /** Nothing passes in the last `forMs` of every `everyMs` since the network began. */
  readonly deadTimes: { readonly everyMs: number; readonly forMs: number } | undefined;
}

export const perfectConditions: Conditions = {
  latencyMs: 10,
  jitterMs: 0,
  loss: 0,
  gilbertElliott: undefined,
  duplication: 0,
  corruption: 0,
  corruptionBurst: 1,
  reordering: 0,
  reorderingDelayMs: 50,
  rateBytesPerMs: Infinity,
  queueBytes: Infinity,
  maxDatagramBytes: Infinity,
  blocked: false,
  deadTimes: undefined,
};

/** IPv4 and UDP headers, which take their part of the rate and of the queue. */
export const headerBytes = 28;

/** Bytes per millisecond. */
export function mbitPerS(megabits: number): number {
  return megabits * 125;
}
