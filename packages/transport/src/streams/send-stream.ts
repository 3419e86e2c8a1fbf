import { transportLimits } from '../limits.js';
import { RangeSet } from '../range-set.js';
import { StreamBuffer } from './stream-buffer.js';

/** A part of a stream that goes into one frame. */
export interface StreamPiece {
  readonly offset: number;
  readonly length: number;
}

/** The sending half of a stream: keeps every byte until it is acknowledged, and says what to send next. */
export class SendStream {
  /** From the first byte that is not acknowledged. */
  readonly #buffer = new StreamBuffer();
  readonly #acknowledged = new RangeSet();
  readonly #lost = new RangeSet();
  /** The first byte that was never sent. */
  #fresh = 0;

  /** Written and not yet acknowledged without a gap before it. */
  get bufferedBytes(): number {
    return this.#buffer.end - this.#buffer.start;
  }

  /** Sent, and not yet acknowledged without a gap before it. */
  get unacknowledgedBytes(): number {
    return this.#fresh - this.#buffer.start;
  }

  /** Whether `take` gives something. */
  get hasPiece(): boolean {
    return this.#lost.size > 0 || this.#fresh < this.#sendableEnd;
  }

  write(bytes: Uint8Array): void {
    this.#buffer.write(this.#buffer.end, bytes);
  }

  /** The offset that the next piece begins with; frames need it to know how long they may be. */
  get nextOffset(): number {
    return this.#lost.first?.start ?? this.#fresh;
  }

  /** Takes the next piece to send: what was lost first, then what is new and within the peer's window. */
  take(maxBytes: number): StreamPiece | undefined {
    const lost = this.#lost.first;
    if (lost) {
      const length = Math.min(maxBytes, lost.end - lost.start);
      this.#lost.remove(lost.start, lost.start + length);
      return { offset: lost.start, length };
    }
    const length = Math.min(maxBytes, this.#sendableEnd - this.#fresh);
    if (length <= 0) return undefined;
    this.#fresh += length;
    return { offset: this.#fresh - length, length };
  }

  /** A view, good until the next write or acknowledgement. */
  bytesOf(piece: StreamPiece): Uint8Array {
    return this.#buffer.view(piece.offset, piece.length);
  }

  onAcknowledged(piece: StreamPiece): void {
    this.#acknowledged.add(Math.max(piece.offset, this.#buffer.start), piece.offset + piece.length);
    this.#lost.remove(piece.offset, piece.offset + piece.length);
    const first = this.#acknowledged.first;
    if (first && first.start === this.#buffer.start) {
      this.#acknowledged.remove(first.start, first.end);
      this.#buffer.discardTo(first.end);
    }
  }

  /** The piece is to be sent again, but for what was acknowledged in the meantime. */
  onLost(piece: StreamPiece): void {
    this.#lost.add(Math.max(piece.offset, this.#buffer.start), piece.offset + piece.length);
    for (const range of this.#acknowledged.ascending()) this.#lost.remove(range.start, range.end);
  }

  get #sendableEnd(): number {
    return Math.min(this.#buffer.end, this.#buffer.start + transportLimits.receiveWindowBytes);
  }
}
