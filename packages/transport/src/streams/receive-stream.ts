import { closeCodes, Violation } from '../errors.js';
import type { StreamFrame } from '../wire/frames.js';
import { transportLimits } from '../limits.js';
import { RangeSet } from '../range-set.js';
import { StreamBuffer } from './stream-buffer.js';

/** The receiving half of a stream: puts bytes in order, whatever order and however often they come in. */
export class ReceiveStream {
  /** From the first byte that was not read. */
  readonly #buffer = new StreamBuffer();
  /** What was received beyond `contiguousEnd`. */
  readonly #ahead = new RangeSet();
  #contiguousEnd = 0;
  #finalEnd: number | undefined;

  /** All bytes before this offset have been received. */
  get contiguousEnd(): number {
    return this.#contiguousEnd;
  }

  get readStart(): number {
    return this.#buffer.start;
  }

  get unreadBytes(): number {
    return this.#contiguousEnd - this.#buffer.start;
  }

  get capacityBytes(): number {
    return this.#buffer.capacityBytes;
  }

  get gaps(): number {
    return this.#ahead.size;
  }

  /** Whether receiving the frame makes one gap more. */
  wouldAddGap(frame: StreamFrame): boolean {
    const end = frame.offset + frame.data.length;
    return frame.offset > this.#contiguousEnd && frame.data.length > 0 && !this.#ahead.touches(frame.offset, end);
  }

  /** @throws Violation for data beyond the window or beyond the end of the stream. */
  receive(frame: StreamFrame): void {
    const end = frame.offset + frame.data.length;
    if (end > this.#contiguousEnd + transportLimits.receiveWindowBytes) {
      throw new Violation(closeCodes.flowControl, 'data beyond the receive window');
    }
    this.#checkEnd(frame, end);
    const start = Math.max(frame.offset, this.#contiguousEnd);
    if (start >= end) return;
    this.#buffer.write(start, frame.data.subarray(start - frame.offset));
    this.#ahead.add(start, end);
    const first = this.#ahead.first;
    if (first && first.start === this.#contiguousEnd) {
      this.#ahead.remove(first.start, first.end);
      this.#contiguousEnd = first.end;
    }
  }

  /** @param offset received already, and not yet discarded. */
  byteAt(offset: number): number {
    return this.#buffer.byteAt(offset);
  }

  /** A copy of bytes that have been received and not yet discarded. */
  copy(offset: number, length: number): Uint8Array {
    return this.#buffer.view(offset, length).slice();
  }

  discardTo(offset: number): void {
    this.#buffer.discardTo(offset);
  }

  #checkEnd(frame: StreamFrame, end: number): void {
    const highest = this.#ahead.last?.end ?? this.#contiguousEnd;
    if (frame.end) {
      if (end < highest || (this.#finalEnd !== undefined && this.#finalEnd !== end)) {
        throw new Violation(closeCodes.streamState, 'the end of a stream moved');
      }
      this.#finalEnd = end;
    } else if (this.#finalEnd !== undefined && end > this.#finalEnd) {
      throw new Violation(closeCodes.streamState, 'data beyond the end of a stream');
    }
  }
}
