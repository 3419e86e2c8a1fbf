/** Limits of streams, with their reasons. Those that both sides must agree on are marked; docs/protocol/transport.md. */
export const streamLimits = {
  /** Both sides know: what may come on the message stream before its first MAX_STREAM_DATA. Holds several messages. */
  messageWindowBytes: 256 * 1024,
  /** Both sides know: the same for any other stream. */
  streamWindowBytes: 256 * 1024,
  /**
   * Both sides know: what may come on all streams but the message stream, before the first MAX_DATA. With the message
   * window, `bufferSlackBytes` and `datagramQueueBytes` it makes 768 KiB of buffers; with some 200 KiB of objects for
   * streams and gaps that is less than the 1 MiB that a peer may have here which has earned nothing.
   */
  linkWindowBytes: 384 * 1024,
  /** Buffers grow by at least this, so that one byte at a time does not move them each time. */
  tightStepBytes: 256,
  /** What that may waste in the buffers of all streams, of both openers: a step for each. */
  bufferSlackBytes: 64 * 1024,
  /** Both sides know: streams that each side may have open before the first MAX_STREAMS, and at any time. */
  openStreams: 128,
  /** The windows of one link together; 70 MB/s at 50 ms are 3.5 MB, and a loss holds up as much once or twice more. */
  largestLinkBytes: 16 * 1024 * 1024,
  /** What the links of one endpoint may have beyond their first windows. */
  windowPoolBytes: 64 * 1024 * 1024,
  /**
   * A window that was read through within so many round trips doubles. Two would be enough on a path without loss; behind
   * each loss reading waits for its repetition, and most windows have some.
   */
  growingRoundTrips: 8,
  /** A window is not taken for small because a timer or an event loop is coarse. */
  shortestRoundTripMs: 5,
  /** Holes in what came of a stream, and of all streams; a packet that would make more counts as lost. */
  streamGaps: 512,
  linkGaps: 1_024,
  /** Datagrams that wait to be sent, and to be read; the oldest gives way. */
  datagrams: 64,
  /** So many packets in a row may have no room for a datagram, because of an ACK perhaps; the next drops it. */
  datagramPasses: 2,
  /** The most that one has before the path is known: it fits into the smallest packet. */
  datagramBytes: 1_024,
  /** All that wait to be read together. */
  datagramQueueBytes: 64 * 1024,
  /** What was written and has not left: above it `sendMessage` and `write` say false; at most a quarter of the buffer. */
  highWaterBytes: 1024 * 1024,
  /** A piece of a chat or control stream up to this size is repeated in packets with room, this often. */
  repeatedPieceBytes: 300,
  repeats: 2,
  /** A frame with less data than this is left for the next packet, unless it is all there is. */
  smallestPieceBytes: 32,
  /** What `pollEvent` hands out of a stream at once. */
  chunkBytes: 64 * 1024,
  /** From here on what comes into an empty buffer gets an array of its own. */
  adoptedBytes: 8 * 1024,
} as const;
