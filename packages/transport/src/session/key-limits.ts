/** How long keys are used: WireGuard's figures (its paper, section 6.1). Milliseconds, and packets. */
export const keyLimits = {
  /** Whoever began the handshake begins the next, once there is something to send or to receive. */
  rekeyAfterMs: 120_000,
  /** The other one does, should that not happen. */
  rekeyByPeerAfterMs: 150_000,
  /** Nothing is sealed or opened any more, and the keys are erased. */
  rejectAfterMs: 180_000,
  /** Numbers are exact up to 2^53 here, so this is an earlier end than WireGuard's 2^60. */
  rekeyAfterPackets: 2 ** 52,
  /** A handshake that renews keys still in use is repeated after this, and up to `rekeyJitterMs` more. */
  rekeyTimeoutMs: 5_000,
  rekeyJitterMs: 333,
  /** And given up after this; the next packet begins another. */
  rekeyAttemptMs: 90_000,
} as const;
