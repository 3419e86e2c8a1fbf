/** Messages on a stream: each is its length, a varint of 1 to 65,536, and then that many bytes. */
import { varintBytes } from '../wire/byte-reader.js';
import { closeCodes, Violation } from '../errors.js';
import { transportLimits } from '../limits.js';
import type { StreamBuffer } from './stream-buffer.js';

/** What a message takes on its stream. */
export function framedBytes(messageLength: number): number {
  return varintBytes(messageLength) + messageLength;
}

/** Appends the message with its length. Its size has been checked. */
export function appendMessage(buffer: StreamBuffer, message: Uint8Array): void {
  const length = message.length;
  if (length < 0x40) {
    buffer.appendByte(length);
  } else if (length < 0x4000) {
    buffer.appendByte(0x40 | (length >> 8));
    buffer.appendByte(length & 0xff);
  } else {
    buffer.appendByte(0x80);
    buffer.appendByte(length >> 16);
    buffer.appendByte((length >> 8) & 0xff);
    buffer.appendByte(length & 0xff);
  }
  buffer.write(buffer.end, message);
}

/** The stream that messages are cut from, by offsets. */
export interface MessageSource {
  /** Where the unread part begins, and where what has come without a gap ends. */
  readonly readStart: number;
  readonly contiguousEnd: number;
  byteAt(offset: number): number;
  copy(offset: number, length: number): Uint8Array;
  discardTo(offset: number): void;
}

/**
 * Cuts a stream into its messages. They stay in the stream's buffer until they are read, so that a peer cannot make us
 * hold more than the window, however small its messages are.
 */
export class MessageReader {
  readonly #stream: MessageSource;
  /** Where the first message begins whose length has not been checked. */
  #checked = 0;
  /** Of the length that `#readLength` found. */
  #prefixBytes = 0;

  constructor(stream: MessageSource) {
    this.#stream = stream;
  }

  /** Looks at the lengths of all messages that have begun. @throws Violation for one that may not be. */
  check(): void {
    for (;;) {
      const length = this.#readLength(this.#checked);
      if (length === undefined) return;
      if (length === 0 || length > transportLimits.messageBytes) {
        throw new Violation(closeCodes.messageSize, 'a message has 1 to 65,536 bytes');
      }
      if (varintBytes(length) !== this.#prefixBytes) {
        throw new Violation(closeCodes.frameEncoding, 'not a canonical varint');
      }
      this.#checked += this.#prefixBytes + length;
    }
  }

  /** The next message, if it is here whole and was checked. */
  next(): Uint8Array | undefined {
    const stream = this.#stream;
    const start = stream.readStart;
    if (start >= this.#checked) return undefined;
    const length = this.#readLength(start);
    if (length === undefined) return undefined;
    const contentStart = start + this.#prefixBytes;
    if (contentStart + length > stream.contiguousEnd) return undefined;
    const message = stream.copy(contentStart, length);
    stream.discardTo(contentStart + length);
    return message;
  }

  /** The length that stands there, if it has come whole. */
  #readLength(offset: number): number | undefined {
    const available = this.#stream.contiguousEnd - offset;
    if (available <= 0) return undefined;
    const first = this.#stream.byteAt(offset);
    const bytes = 1 << (first >> 6);
    if (bytes > available) return undefined;
    let length = first & 0x3f;
    for (let i = 1; i < bytes; i += 1) length = length * 256 + this.#stream.byteAt(offset + i);
    this.#prefixBytes = bytes;
    return length;
  }
}
