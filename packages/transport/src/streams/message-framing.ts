/** Messages on a stream: each is its length, a varint of 1 to 65,536, and then that many bytes. */
import { varintBytes } from '../wire/byte-reader.js';
import { ByteWriter } from '../wire/byte-writer.js';
import { closeCodes, Violation } from '../errors.js';
import { transportLimits } from '../limits.js';
import type { ReceiveStream } from './receive-stream.js';

/** What a message takes on its stream. */
export function framedBytes(messageLength: number): number {
  return varintBytes(messageLength) + messageLength;
}

export function lengthPrefix(messageLength: number): Uint8Array {
  return new ByteWriter(new Uint8Array(varintBytes(messageLength))).varint(messageLength).written();
}

/**
 * Cuts a stream into its messages. They stay in the stream's buffer until they are read, so that a peer cannot make us
 * hold more than the window, however small its messages are.
 */
export class MessageReader {
  readonly #stream: ReceiveStream;
  /** Where the first message begins whose length has not been checked. */
  #checked = 0;

  constructor(stream: ReceiveStream) {
    this.#stream = stream;
  }

  /** Looks at the lengths of all messages that have begun. @throws Violation for one that may not be. */
  check(): void {
    for (;;) {
      const header = this.#headerAt(this.#checked);
      if (!header) return;
      if (header.length === 0 || header.length > transportLimits.messageBytes) {
        throw new Violation(closeCodes.messageSize, 'a message has 1 to 65,536 bytes');
      }
      if (varintBytes(header.length) !== header.bytes) {
        throw new Violation(closeCodes.frameEncoding, 'not a canonical varint');
      }
      this.#checked += header.bytes + header.length;
    }
  }

  /** The next message, if it is here whole and was checked. */
  next(): Uint8Array | undefined {
    const start = this.#stream.readStart;
    if (start >= this.#checked) return undefined;
    const header = this.#headerAt(start);
    if (!header) return undefined;
    const end = start + header.bytes + header.length;
    if (end > this.#stream.contiguousEnd) return undefined;
    const message = this.#stream.copy(start + header.bytes, header.length);
    this.#stream.discardTo(end);
    return message;
  }

  #headerAt(offset: number): { readonly length: number; readonly bytes: number } | undefined {
    const available = this.#stream.contiguousEnd - offset;
    if (available <= 0) return undefined;
    const first = this.#stream.byteAt(offset);
    const bytes = 1 << (first >> 6);
    if (bytes > available) return undefined;
    let length = first & 0x3f;
    for (let i = 1; i < bytes; i += 1) length = length * 256 + this.#stream.byteAt(offset + i);
    return { length, bytes };
  }
}
