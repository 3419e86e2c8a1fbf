/** Every limit of the transport, with its reason. Sizes in bytes and times in milliseconds unless the name says so. */
export const transportLimits = {
  /** UDP payload that every path on the Internet carries (RFC 9000, section 14); all packets until more is proven. */
  baseDatagramBytes: 1_200,
  /** The largest UDP payload that is ever sent. */
  maxDatagramBytes: 65_000,
  messageBytes: 64 * 1024,
  /**
   * Ranges in one ACK frame, and packet-number ranges remembered; the oldest are forgotten first. Why this many stands
   * in recovery/ack-ranges.ts.
   */
  ackRanges: 64,
  /** Candidate addresses of one introduction; more are ignored. */
  candidates: 32,
  /** Datagrams of handshake and closing that wait for the socket; more are dropped, as a network would. */
  outbox: 64,
  /**
   * What an initiator may send to where the response came from, beside three times what comes from there, until the
   * post-quantum exchange has shown that the peer is there: the exchange's key some nine times.
   */
  firstPathBytes: 12 * 1024,
  /** Answers of a closed link to late packets. */
  lateAnswers: 8,
  closeReasonBytes: 256,
  /** RFC 9000, section 18.2. */
  maxAckDelayMs: 25,
  /**
   * The longest wait between probes. A longer one only delays the moment when a healed path is noticed, and two packets
   * in that time hurt no path.
   */
  maxPtoMs: 2_000,
  /** The same until user content may flow: like the initiation before. */
  maxHandshakePtoMs: 500,
} as const;

/** What a caller may change. */
export interface TransportConfig {
  /** How long the candidates of an introduction are tried. */
  readonly pathTimeoutMs: number;
  /**
   * After this long without an authentic packet the peer is pinged: it keeps NAT bindings open, and tells early that
   * the peer is gone. Infinity for a link that costs nothing while it is idle.
   */
  readonly keepAliveMs: number;
  /**
   * After this long without an authentic packet the peer counts as lost: with keep-alive from the last one on, without
   * it from when something was sent that asks for an answer.
   */
  readonly peerIdleTimeoutMs: number;
  /** How long closing waits for the acknowledgement of what was sent. */
  readonly lingerMs: number;
  /** How long a closed link still answers, and waits for the peer's answer. */
  readonly drainMs: number;
  /**
   * Bytes that were written and have not left, on one link: so many of messages, and so many on the streams of each of
   * the three priorities. `send` and `write` throw beyond it. What has left and is not acknowledged is beside it: at most
   * 16 MiB of messages and 16 MiB of all streams.
   */
  readonly sendBufferBytes: number;
  /** UDP payload; a path that carries more is not used for more. */
  readonly maxDatagramBytes: number;
  readonly congestionControl: 'bbr' | 'cubic';
  /** More initiations a second with a valid mac1 are load: they have to show cookies. */
  readonly handshakesPerSecond: number;
}

export const defaultTransportConfig: TransportConfig = {
  pathTimeoutMs: 10_000,
  keepAliveMs: Infinity,
  peerIdleTimeoutMs: 35_000,
  lingerMs: 3_000,
  drainMs: 2_000,
  sendBufferBytes: 4 * 1024 * 1024,
  maxDatagramBytes: transportLimits.maxDatagramBytes,
  congestionControl: 'bbr',
  handshakesPerSecond: 100,
};
