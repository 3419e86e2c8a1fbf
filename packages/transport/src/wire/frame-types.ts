/**
 * The frames inside a data packet; a packet holds one at least. Numbers are varints (RFC 9000, section 16) in their
 * shortest form, of at most 2^53 - 1; the type is one byte. docs/protocol/transport.md specifies what they do.
 *
 *     PADDING          0x00
 *     PING             0x01                                                      asks for an acknowledgement
 *     ACK              0x02 · largest · delay (us) · count · first length · count x (gap · length)
 *     CRYPTO           0x06 · offset · length · data                             the post-quantum exchange
 *     STREAM           0x08, or 0x09 with which the stream ends · id · offset · length · data
 *     MAX_DATA         0x10 · limit                                              of all streams but the message stream
 *     MAX_STREAM_DATA  0x11 · id · limit
 *     MAX_STREAMS      0x12 · limit                                              how many the peer may have opened
 *     RESET_STREAM     0x14 · id · code · final size
 *     STOP_SENDING     0x15 · id · code
 *     DATAGRAM         0x18 · length · data                                      unreliable
 *     PATH_CHALLENGE   0x1a · 8 bytes
 *     PATH_RESPONSE    0x1b · 8 bytes
 *     CLOSE            0x1c · code · reason length · reason (UTF-8)              nothing follows on this link
 *
 * All but PADDING, ACK and CLOSE ask for an acknowledgement. Unknown types end the link.
 */
export const frameTypes = {
  padding: 0x00,
  ping: 0x01,
  ack: 0x02,
  crypto: 0x06,
  stream: 0x08,
  streamEnd: 0x09,
  maxData: 0x10,
  maxStreamData: 0x11,
  maxStreams: 0x12,
  resetStream: 0x14,
  stopSending: 0x15,
  datagram: 0x18,
  pathChallenge: 0x1a,
  pathResponse: 0x1b,
  close: 0x1c,
} as const;

export const pathDataBytes = 8;

/** Packet numbers from `smallest` to `largest`, both included. */
export interface AckRange {
  readonly smallest: number;
  readonly largest: number;
}

export interface AckFrame {
  /** From the largest down, with a gap between each two; one at least. */
  readonly ranges: readonly AckRange[];
  /** How long the acknowledgement of the largest waited, in microseconds. */
  readonly delayUs: number;
}
