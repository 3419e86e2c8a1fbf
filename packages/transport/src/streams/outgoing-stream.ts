import { RangeSet } from '../range-set.js';
import type { SentContent } from '../recovery/sent-packet.js';
import type { ByteWriter } from '../wire/byte-writer.js';
import { streamFrameOverhead, writeStream } from '../wire/frame-writer.js';
import type { BufferPool } from './buffer-pool.js';
import { appendMessage } from './message-framing.js';
import { StreamBuffer } from './stream-buffer.js';
import { streamLimits } from './stream-limits.js';

/** Whoever schedules the stream learns here that it changed by an acknowledgement or a loss. */
export interface OutgoingOwner {
  onOutgoingChanged(stream: OutgoingStream): void;
}

type OutgoingState =
  | 'open'
  /** All is written; the end is to be sent and acknowledged. */
  | 'ending'
  /** Given up; the peer does not know yet. */
  | 'reset'
  /** The peer has all, or knows of the reset. */
  | 'closed';

const filesPriority = 2;

/** The sending half of a stream: keeps every byte until it is acknowledged, and writes what is to be sent next. */
export class OutgoingStream {
  readonly id: number;
  readonly priority: number;
  readonly #owner: OutgoingOwner;
  /** From the first byte that is not acknowledged. */
  readonly #buffer: StreamBuffer;
  #acknowledged: RangeSet | undefined;
  #lost: RangeSet | undefined;
  /** The first byte that was never sent. */
  #fresh = 0;
  /** What the peer allows. */
  #limit: number;
  #state: OutgoingState = 'open';
  /** The end has to go out, again perhaps. */
  #endIsDue = false;
  #endIsAcknowledged = false;
  #resetCode = 0;
  #finalSize = 0;
  /** For the owner: what it has counted of this stream, and which of its lists it is in. */
  countedUnsent = 0;
  countedUnacknowledged = 0;
  isInRepair = false;
  isInFresh = false;
  isWaitingForDrain = false;

  constructor(id: number, priority: number, limit: number, buffers: BufferPool, owner: OutgoingOwner) {
    this.id = id;
    this.priority = priority;
    this.#limit = limit;
    this.#buffer = new StreamBuffer(buffers);
    this.#owner = owner;
  }

  get state(): OutgoingState {
    return this.#state;
  }

  get resetCode(): number {
    return this.#resetCode;
  }

  /** Once it is reset: all that was ever sent. */
  get finalSize(): number {
    return this.#finalSize;
  }

  /** Written and never sent. */
  get unsentBytes(): number {
    return this.#buffer.end - this.#fresh;
  }

  /** Sent, and not yet acknowledged without a gap before it. */
  get unacknowledgedBytes(): number {
    return this.#fresh - this.#buffer.start;
  }

  /** Something to write that needs no window: what was lost, or only the end. */
  get hasRepair(): boolean {
    return (this.#lost !== undefined && this.#lost.size > 0) || (this.#endIsDue && this.#fresh === this.#buffer.end);
  }

  /** Something new within the stream's own window, and not further than the largest window from what was acknowledged. */
  get hasFresh(): boolean {
    return this.#fresh < this.#freshEnd;
  }

  get #freshEnd(): number {
    return Math.min(this.#buffer.end, this.#limit, this.#buffer.start + streamLimits.largestLinkBytes);
  }

  write(bytes: Uint8Array): void {
    this.#buffer.write(this.#buffer.end, bytes);
  }

  writeMessage(message: Uint8Array): void {
    appendMessage(this.#buffer, message);
  }

  /** Nothing more will be written. */
  end(): void {
    if (this.#state !== 'open') return;
    this.#state = 'ending';
    this.#endIsDue = true;
  }

  /** Gives up what has not arrived. @returns whether the peer is to be told. */
  reset(code: number): boolean {
    if (this.#state !== 'open' && this.#state !== 'ending') return false;
    this.#state = 'reset';
    this.#resetCode = code;
    this.#endIsDue = false;
    this.#lost = undefined;
    this.#acknowledged = undefined;
    this.#finalSize = this.#fresh;
    this.#fresh = this.#buffer.end;
    this.#buffer.discardTo(this.#fresh);
    return true;
  }

  onResetAcknowledged(): void {
    if (this.#state !== 'reset') return;
    this.#state = 'closed';
    this.#owner.onOutgoingChanged(this);
  }

  /** @returns whether the window moved; an old limit may come late. */
  onLimit(limit: number): boolean {
    if (limit <= this.#limit) return false;
    this.#limit = limit;
    return true;
  }

  /** Writes what was lost, or the end. @returns undefined, with nothing written, when it needs more room. */
  writeRepair(writer: ByteWriter): StreamPiece | undefined {
    const lost = this.#lost?.first;
    if (!lost) return this.#writePiece(writer, this.#fresh, 0);
    const piece = this.#writePiece(writer, lost.start, lost.end - lost.start);
    if (piece) this.#lost?.remove(piece.offset, piece.offset + piece.length);
    return piece;
  }

  /** Writes what is new. @param credit how much of it all streams together may send; at least 1 */
  writeFresh(writer: ByteWriter, credit: number): StreamPiece | undefined {
    const piece = this.#writePiece(writer, this.#fresh, Math.min(this.#freshEnd - this.#fresh, credit));
    if (piece) this.#fresh += piece.length;
    return piece;
  }

  /** Again the same, whole, for a packet that has room. */
  repeat(piece: StreamPiece, writer: ByteWriter): StreamPiece | undefined {
    const { offset, length, origin } = piece;
    if (length > streamLimits.repeatedPieceBytes || this.priority >= filesPriority) return undefined;
    if (origin.repeats >= streamLimits.repeats || !this.#isOutstanding(piece)) return undefined;
    if (streamFrameOverhead(this.id, offset, length) + length > writer.room) return undefined;
    writeStream(writer, this.id, offset, this.#buffer.view(offset, length), piece.isEnd);
    origin.repeats += 1;
    return new StreamPiece(this, offset, length, piece.isEnd, origin);
  }

  onAcknowledged(piece: StreamPiece): void {
    if (this.#state === 'reset' || this.#state === 'closed') return;
    this.#acknowledge(piece.offset, piece.offset + piece.length);
    if (piece.isEnd) {
      this.#endIsDue = false;
      this.#endIsAcknowledged = true;
    }
    if (this.#endIsAcknowledged && this.#buffer.start === this.#buffer.end) this.#state = 'closed';
    this.#owner.onOutgoingChanged(this);
  }

  /** The piece is to be sent again, but for what was acknowledged in the meantime. */
  onLost(piece: StreamPiece): void {
    if (this.#state === 'reset' || this.#state === 'closed') return;
    const start = Math.max(piece.offset, this.#buffer.start);
    const end = piece.offset + piece.length;
    if (start < end) {
      this.#lost ??= new RangeSet();
      this.#lost.add(start, end);
      if (this.#acknowledged?.overlaps(start, end)) {
        for (const range of this.#acknowledged.ascending()) this.#lost.remove(range.start, range.end);
      }
    }
    if (piece.isEnd && !this.#endIsAcknowledged) this.#endIsDue = true;
    this.#owner.onOutgoingChanged(this);
  }

  #acknowledge(start: number, end: number): void {
    this.#lost?.remove(start, end);
    if (end <= this.#buffer.start) return;
    if (start > this.#buffer.start) {
      (this.#acknowledged ??= new RangeSet()).add(start, end);
      return;
    }
    let contiguousEnd = end;
    for (let next = this.#acknowledged?.first; next && next.start <= contiguousEnd; next = this.#acknowledged?.first) {
      contiguousEnd = Math.max(contiguousEnd, next.end);
      this.#acknowledged?.remove(next.start, next.end);
    }
    this.#buffer.discardTo(contiguousEnd);
  }

  #isOutstanding({ offset, length }: StreamPiece): boolean {
    if (this.#state !== 'open' && this.#state !== 'ending') return false;
    if (length === 0) return !this.#endIsAcknowledged;
    return offset >= this.#buffer.start && this.#acknowledged?.has(offset, offset + length) !== true;
  }

  #writePiece(writer: ByteWriter, offset: number, available: number): StreamPiece | undefined {
    const room = writer.room - streamFrameOverhead(this.id, offset, writer.room);
    const length = Math.min(available, room);
    if (length < 0 || (length < available && length < streamLimits.smallestPieceBytes)) return undefined;
    const isEnd = this.#state === 'ending' && offset + length === this.#buffer.end;
    writeStream(writer, this.id, offset, this.#buffer.view(offset, length), isEnd);
    if (isEnd) this.#endIsDue = false;
    return new StreamPiece(this, offset, length, isEnd);
  }
}

/** A part of a stream that a packet carries. */
export class StreamPiece implements SentContent {
  readonly #stream: OutgoingStream;
  readonly offset: number;
  readonly length: number;
  readonly isEnd: boolean;
  /** The piece that this one repeats; itself when it is none. */
  readonly origin: StreamPiece;
  /** How often the origin was repeated. */
  repeats = 0;

  constructor(stream: OutgoingStream, offset: number, length: number, isEnd: boolean, origin?: StreamPiece) {
    this.#stream = stream;
    this.offset = offset;
    this.length = length;
    this.isEnd = isEnd;
    this.origin = origin ?? this;
  }

  onAcknowledged(): void {
    this.#stream.onAcknowledged(this);
  }

  onLost(): void {
    this.#stream.onLost(this);
  }

  repeat(writer: ByteWriter): StreamPiece | undefined {
    return this.#stream.repeat(this, writer);
  }
}
