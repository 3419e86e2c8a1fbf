import { closeCodes, Violation } from '../errors.js';
import { RangeSet } from '../range-set.js';
import type { ReceiveMemory, ReceiveWindow } from './flow-control.js';
import { StreamBuffer } from './stream-buffer.js';
import { streamLimits } from './stream-limits.js';

type IncomingState =
  /** Data comes, or may. */
  | 'open'
  /** We want no more: what comes is dropped until the peer has ended. */
  | 'stopped'
  /** The peer gave up; the application has not been told. */
  | 'reset'
  /** The application knows how it ended. */
  | 'closed';

/** The receiving half of a stream: puts bytes in order, whatever order and however often they come in. */
export class IncomingStream {
  readonly #memory: ReceiveMemory;
  readonly window: ReceiveWindow;
  /** That of all streams together; the message stream is in none. */
  readonly #linkWindow: ReceiveWindow | undefined;
  /** From the first byte that was not read. */
  readonly #buffer: StreamBuffer;
  /** What was received beyond `contiguousEnd`. */
  #ahead: RangeSet | undefined;
  #contiguousEnd = 0;
  #finalSize: number | undefined;
  #state: IncomingState = 'open';
  #resetCode = 0;

  constructor(memory: ReceiveMemory, window: ReceiveWindow, linkWindow?: ReceiveWindow) {
    this.#memory = memory;
    this.window = window;
    this.#linkWindow = linkWindow;
    this.#buffer = new StreamBuffer(memory.buffers);
  }

  get state(): IncomingState {
    return this.#state;
  }

  get resetCode(): number {
    return this.#resetCode;
  }

  /** All bytes before this offset have been received. */
  get contiguousEnd(): number {
    return this.#contiguousEnd;
  }

  get readStart(): number {
    return this.#buffer.start;
  }

  get capacityBytes(): number {
    return this.#buffer.capacityBytes;
  }

  get gaps(): number {
    return this.#ahead?.size ?? 0;
  }

  /** More may come that needs a window. */
  get needsLimits(): boolean {
    return this.#state === 'open' && this.#finalSize === undefined;
  }

  get needsStop(): boolean {
    return this.#state === 'stopped' && this.#finalSize === undefined;
  }

  get isAllRead(): boolean {
    return this.#finalSize !== undefined && this.#buffer.start === this.#finalSize;
  }

  /** Data to read, or the end of it. */
  get isReadable(): boolean {
    return this.#state === 'open' && (this.#buffer.start < this.#contiguousEnd || this.isAllRead);
  }

  /** Nothing more can come, and nobody waits for anything. */
  get isFinished(): boolean {
    return this.#state === 'closed' || (this.#state === 'stopped' && this.#finalSize !== undefined);
  }

  /**
   * @returns false when the data would make more gaps than are kept; it was not taken then
   * @throws Violation for data beyond a window or the end of the stream
   */
  receive(offset: number, data: Uint8Array, isEnd: boolean): boolean {
    const end = offset + data.length;
    this.#checkEnd(end, isEnd);
    if (data.length === 0 && !isEnd) return true;
    if (this.#makesTooManyGaps(offset, end)) return false;
    this.#countReceived(end);
    if (isEnd) this.#finalSize = end;
    if (this.#state === 'open') this.#take(offset, data, end);
    else this.#drop();
    return true;
  }

  /** What has come whole, with its end, stays readable. @throws Violation for a final size that contradicts. */
  onReset(code: number, finalSize: number): void {
    this.#checkEnd(finalSize, true);
    this.#countReceived(finalSize);
    const isWhole = this.#contiguousEnd === this.#finalSize;
    this.#finalSize = finalSize;
    if (this.#state === 'open' && !isWhole) {
      this.#state = 'reset';
      this.#resetCode = code;
    }
    if (this.#state !== 'open') this.#drop();
  }

  /** We want no more. @returns whether the peer is to be told. */
  stop(): boolean {
    // Whoever wants no more need not hear that no more comes.
    if (this.#state === 'reset') this.#state = 'closed';
    if (this.#state !== 'open') return false;
    this.#state = 'stopped';
    this.#drop();
    return this.needsStop;
  }

  /** The application has been told that the stream ended, or was reset. */
  close(): void {
    this.#state = 'closed';
  }

  /** The next bytes, in order. */
  readChunk(): Uint8Array | undefined {
    const start = this.#buffer.start;
    const length = Math.min(this.#contiguousEnd - start, streamLimits.chunkBytes);
    if (this.#state !== 'open' || length === 0) return undefined;
    const isAll = this.#buffer.end === start + length;
    const whole = isAll ? this.#buffer.release() : undefined;
    if (whole) {
      this.#memory.heldBytes -= whole.length;
      this.#onConsumed(length);
      return whole;
    }
    const chunk = this.#buffer.copy(start, length);
    this.discardTo(start + length);
    return chunk;
  }

  /** @param offset received already, and not yet discarded. */
  byteAt(offset: number): number {
    return this.#buffer.byteAt(offset);
  }

  /** A copy of bytes that have been received and not yet discarded. */
  copy(offset: number, length: number): Uint8Array {
    return this.#buffer.copy(offset, length);
  }

  /** The bytes before have been read; the windows move. */
  discardTo(offset: number): void {
    const bytes = offset - this.#buffer.start;
    const capacity = this.#buffer.capacityBytes;
    this.#buffer.discardTo(offset);
    this.#memory.heldBytes += this.#buffer.capacityBytes - capacity;
    this.#onConsumed(bytes);
  }

  /** Gives back what its buffer has room for beyond what is in it. */
  tighten(): void {
    const capacity = this.#buffer.capacityBytes;
    this.#buffer.tighten();
    this.#memory.heldBytes += this.#buffer.capacityBytes - capacity;
  }

  #checkEnd(end: number, isEnd: boolean): void {
    if (this.#finalSize !== undefined && (isEnd ? end !== this.#finalSize : end > this.#finalSize)) {
      throw new Violation(closeCodes.streamState, 'data beyond the end of a stream, or an end that moved');
    }
    if (isEnd && end < this.window.received) {
      throw new Violation(closeCodes.streamState, 'the end of a stream before its data');
    }
    if (end > this.window.limit) {
      throw new Violation(closeCodes.flowControl, 'data beyond the window of its stream');
    }
  }

  #makesTooManyGaps(offset: number, end: number): boolean {
    if (this.#state !== 'open' || offset <= this.#contiguousEnd || offset === end) return false;
    if (this.gaps < streamLimits.streamGaps && this.#memory.gaps < streamLimits.linkGaps) return false;
    return this.#ahead?.touches(offset, end) !== true;
  }

  #countReceived(end: number): void {
    const fresh = end - this.window.received;
    if (fresh <= 0) return;
    this.#linkWindow?.onReceived(fresh);
    this.window.onReceived(fresh);
  }

  #take(offset: number, data: Uint8Array, end: number): void {
    const start = Math.max(offset, this.#contiguousEnd);
    if (start >= end) return;
    const capacity = this.#buffer.capacityBytes;
    const needed = end - this.#buffer.start;
    const fresh = start === offset ? data : data.subarray(start - offset);
    if (capacity === 0 && needed === fresh.length && needed >= streamLimits.adoptedBytes) {
      // All of it is read at once, as a rule, and then it need not be copied again.
      this.#buffer.adopt(new Uint8Array(fresh));
    } else {
      if (needed > capacity) this.#buffer.moveTo(this.#memory.arrayFor(needed, capacity));
      this.#buffer.write(start, fresh);
    }
    this.#memory.heldBytes += this.#buffer.capacityBytes - capacity;
    if (start === this.#contiguousEnd && this.gaps === 0) this.#contiguousEnd = end;
    else this.#takeAhead(start, end);
  }

  #takeAhead(start: number, end: number): void {
    this.#ahead ??= new RangeSet();
    const gaps = this.#ahead.size;
    this.#ahead.add(start, end);
    const first = this.#ahead.first;
    if (first && first.start === this.#contiguousEnd) {
      this.#ahead.remove(first.start, first.end);
      this.#contiguousEnd = first.end;
    }
    this.#memory.gaps += this.#ahead.size - gaps;
  }

  /** Nobody will read what has come. */
  #drop(): void {
    this.#memory.gaps -= this.gaps;
    this.#ahead = undefined;
    const capacity = this.#buffer.capacityBytes;
    this.#buffer.discardTo(this.#buffer.end);
    this.#memory.heldBytes += this.#buffer.capacityBytes - capacity;
    this.#onConsumed(this.window.received - this.window.consumed);
  }

  #onConsumed(bytes: number): void {
    // The link's first: it bounds the growth of the stream's.
    this.#linkWindow?.onConsumed(bytes);
    this.window.onConsumed(bytes);
  }
}
