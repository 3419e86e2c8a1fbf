/** What a path does to datagrams; probabilities are from 0 to 1, each datagram by itself. */
export interface Conditions {
  readonly latencyMs: number;
  /** Up to this much more, evenly: enough of it changes the order. */
  readonly jitterMs: number;
  readonly loss: number;
  readonly duplication: number;
  /** One bit is flipped. */
  readonly corruption: number;
  /** Held back for `reorderingDelayMs`, so that what was sent later overtakes it. */
  readonly reordering: number;
  readonly reorderingDelayMs: number;
  /** Nothing passes. */
  readonly blocked: boolean;
}

export const perfectConditions: Conditions = {
  latencyMs: 10,
  jitterMs: 0,
  loss: 0,
  duplication: 0,
  corruption: 0,
  reordering: 0,
  reorderingDelayMs: 50,
  blocked: false,
};
