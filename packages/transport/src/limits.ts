/** Every limit of the transport, with its reason. Sizes in bytes and times in milliseconds unless the name says so. */
export const transportLimits = {
  /** UDP payload that every path on the Internet carries (RFC 9000, section 14). */
  datagramBytes: 1_200,
  messageBytes: 64 * 1024,
  /** A sender keeps the unacknowledged part of a stream within this, and a receiver takes no more. */
  receiveWindowBytes: 256 * 1024,
  /**
   * Received bytes that nobody has read. More than the longest message, so that reading always frees some; above it a
   * datagram is treated as lost, and the peer sends its contents again.
   */
  unreadBytes: 128 * 1024,
  /** Streams of one link: messages are on stream 0. A stream holds at most 512 KiB of what a peer sent. */
  streams: 1,
  /** Holes in what was received of a stream; a datagram that would make more is treated as lost. */
  streamGaps: 1_024,
  /**
   * Ranges in one ACK frame, and packet-number ranges remembered; the oldest are forgotten first. Why this many stands
   * in recovery/ack-ranges.ts.
   */
  ackRanges: 64,
  /** Candidate addresses of one introduction; more are ignored. */
  candidates: 32,
  /** Datagrams of handshake and closing that wait for the socket; more are dropped, as a network would. */
  outbox: 64,
  /** Initiations that punches bring about, for one link: 1,280 bytes, to addresses that get them anyway. */
  punchAnswers: 8,
  /** Answers of a closed link to late packets. */
  lateAnswers: 8,
  closeReasonBytes: 256,
  /** RFC 9000, section 18.2. */
  maxAckDelayMs: 25,
  /** Beyond this a longer wait between probes only delays the moment when a healed path is noticed. */
  maxPtoMs: 5_000,
  /** More would never be in flight, as streams have fixed windows. */
  congestionWindowBytes: 1024 * 1024,
} as const;

/** What a caller may change. */
export interface TransportConfig {
  /** How long the candidates of an introduction are tried. */
  readonly pathTimeoutMs: number;
  /** After this long without an authentic packet the peer is pinged. */
  readonly keepAliveMs: number;
  /** After this long without an authentic packet the peer counts as lost. */
  readonly peerIdleTimeoutMs: number;
  /** How long closing waits for the acknowledgement of what was sent. */
  readonly lingerMs: number;
  /** How long a closed link still answers, and waits for the peer's answer. */
  readonly drainMs: number;
  /** Bytes that were sent and not yet acknowledged, on one link; `send` throws beyond it. */
  readonly sendBufferBytes: number;
}

export const defaultTransportConfig: TransportConfig = {
  pathTimeoutMs: 10_000,
  keepAliveMs: 10_000,
  peerIdleTimeoutMs: 35_000,
  lingerMs: 3_000,
  drainMs: 2_000,
  sendBufferBytes: 4 * 1024 * 1024,
};
