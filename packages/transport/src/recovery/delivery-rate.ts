/** How fast the path delivers (draft-cheng-iccrg-delivery-rate-estimation). */

export interface RateSample {
  /** Bytes per millisecond; undefined when the sample is too short to tell. */
  readonly bytesPerMs: number | undefined;
  /** The interval that it was measured over. */
  readonly intervalMs: number;
  /** Delivered in it. */
  readonly deliveredBytes: number;
  /** `deliveredBytes` of the link when the newest acknowledged packet left. */
  readonly priorDeliveredBytes: number;
  /** Lost since then. */
  readonly lostBytes: number;
  /** In flight when that packet left. */
  readonly inFlightBytes: number;
  /** The sender had nothing more to say, so the path may be faster than this. */
  readonly isAppLimited: boolean;
}
