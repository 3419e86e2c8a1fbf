/** What the caller of the transport did wrong, or what stands in its way. */
export type TransportErrorCode =
  /** A message has 1 to 65,536 bytes. */
  | 'MESSAGE_SIZE'
  /** The peer has not acknowledged enough of what was sent before; try again later. */
  | 'SEND_BUFFER_FULL'
  /** The stream does not exist, or nothing more can be written to it: it ended, was reset, or the peer stopped it. */
  | 'STREAM_CLOSED'
  /** As many streams are open as the peer allows; `streams-available` tells when there may be more. */
  | 'STREAM_LIMIT'
  /** A datagram has as many bytes as fit into one packet on this path, at most. */
  | 'DATAGRAM_SIZE'
  /** The link is closing or has ended. */
  | 'LINK_CLOSED'
  /** A field of the introduction has the wrong length. */
  | 'INTRODUCTION_INVALID'
  /** A link for this introduction exists. */
  | 'INTRODUCTION_OPEN'
  /** The socket could not be bound (the reason is in `cause`), or was closed. */
  | 'SOCKET_UNUSABLE'
  /** The socket told an error while it was in use; the reason is in `cause`. */
  | 'SOCKET_FAILED';

export class TransportError extends Error {
  override readonly name = 'TransportError';
  readonly code: TransportErrorCode;

  constructor(code: TransportErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * Codes of CLOSE frames. Those below 0x4000 are the application's and mean what it likes (0: nothing special); these
 * are the transport's, for a peer that broke its rules.
 */
export const closeCodes = {
  /** Frames that cannot be decoded, or none. */
  frameEncoding: 0x4000,
  /** Something that a peer which keeps to the rules never says, such as an ACK for a packet never sent. */
  protocolViolation: 0x4001,
  /** Data beyond the receive window. */
  flowControl: 0x4002,
  /** A stream that cannot exist, or data beyond its end. */
  streamState: 0x4003,
  /** A message that is empty or longer than 65,536 bytes. */
  messageSize: 0x4004,
  /** A stream beyond those that may be open. */
  streamLimit: 0x4005,
} as const;

/** An authenticated peer broke the rules; ends the link, never leaves the package. */
export class Violation extends Error {
  override readonly name = 'Violation';
  readonly code: number;

  constructor(code: number, detail: string) {
    super(detail);
    this.code = code;
  }
}
