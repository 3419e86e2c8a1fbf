/**
 * How much a peer may send before we have read it. A window follows what was read; it doubles when all of it was read
 * within some round trips, for then it may be what holds the sender up. So a window grows only by data that came in
 * order and was taken, and a peer that earned nothing holds little.
 */
import { closeCodes, Violation } from '../errors.js';
import { BufferPool, capacityFor, tightCapacityFor } from './buffer-pool.js';
import { streamLimits } from './stream-limits.js';

/** What the links of one endpoint share: the bytes by which their windows may grow, and spare buffers. */
export class WindowPool {
  readonly buffers = new BufferPool();
  #freeBytes: number;

  constructor(bytes: number = streamLimits.windowPoolBytes) {
    this.#freeBytes = bytes;
  }

  get freeBytes(): number {
    return this.#freeBytes;
  }

  /** @returns how much of it is granted. */
  take(wantedBytes: number): number {
    const granted = Math.min(wantedBytes, this.#freeBytes);
    this.#freeBytes -= granted;
    return granted;
  }

  give(bytes: number): void {
    this.#freeBytes += bytes;
  }
}

/** What one link holds for its peer, and may hold. */
export class ReceiveMemory {
  readonly #pool: WindowPool;
  /** Of the pool. */
  #takenBytes = 0;
  #isReleased = false;
  /** The time and the round trip as last told; a window does not grow before the first. */
  now = 0;
  roundTripMs: number | undefined;
  /** Of the buffers of all streams, and their gaps. */
  heldBytes = 0;
  gaps = 0;

  constructor(pool: WindowPool) {
    this.#pool = pool;
  }

  get buffers(): BufferPool {
    return this.#pool.buffers;
  }

  /** All windows together. */
  get windowBytes(): number {
    return streamLimits.messageWindowBytes + streamLimits.linkWindowBytes + this.#takenBytes;
  }

  /** The buffers keep within this: tight ones always fit, with all windows full. */
  get limitBytes(): number {
    return this.windowBytes + streamLimits.bufferSlackBytes;
  }

  /** @returns how much of it is granted. */
  take(wantedBytes: number): number {
    if (this.#isReleased) return 0;
    const left = streamLimits.largestLinkBytes - this.windowBytes;
    const granted = this.#pool.take(Math.min(wantedBytes, left));
    this.#takenBytes += granted;
    return granted;
  }

  /**
   * An array for a buffer that has to grow: twice as large as the last while there is plenty; then by a quarter, or with
   * a quarter of what is left, so that neither this one nor another soon has to grow again.
   * @param hadBytes the capacity of the one that it replaces
   */
  arrayFor(neededBytes: number, hadBytes: number): Uint8Array {
    const freeBytes = this.limitBytes - this.heldBytes + hadBytes;
    if (capacityFor(neededBytes) <= freeBytes - this.limitBytes / 2) return this.buffers.take(neededBytes);
    const extraBytes = Math.max(0, Math.min(neededBytes, freeBytes - neededBytes) / 4);
    return new Uint8Array(tightCapacityFor(neededBytes + extraBytes));
  }

  /** The link has ended. */
  release(): void {
    this.#pool.give(this.#takenBytes);
    this.#takenBytes = 0;
    this.#isReleased = true;
  }
}

/** What is told to the peer when a window has moved far enough. */
export interface LimitFrame {
  queue(): void;
}

/** Of one stream, or of all but the message stream together. */
export class ReceiveWindow {
  readonly #memory: ReceiveMemory;
  /** The window of all streams bounds that of each; what has no bound but the link's takes from its memory. */
  readonly #parent: ReceiveWindow | undefined;
  /** Undefined until somebody is to be told. */
  limitFrame: LimitFrame | undefined;
  #windowBytes: number;
  #limit: number;
  #received = 0;
  #consumed = 0;
  /** Where the count began of what is read within some round trips. */
  #epochAt: number;
  #epochConsumed = 0;

  constructor(windowBytes: number, memory: ReceiveMemory, parent?: ReceiveWindow) {
    this.#memory = memory;
    this.#parent = parent;
    this.#windowBytes = windowBytes;
    this.#limit = windowBytes;
    this.#epochAt = memory.now;
  }

  get windowBytes(): number {
    return this.#windowBytes;
  }

  /** What the peer was told: it sends no more than this. */
  get limit(): number {
    return this.#limit;
  }

  /** Bytes of the peer that are spent: up to the highest offset of each stream, with all gaps before it. */
  get received(): number {
    return this.#received;
  }

  /** Of these, what was read, or thrown away. */
  get consumed(): number {
    return this.#consumed;
  }

  /** @throws Violation for more than the peer was allowed */
  onReceived(bytes: number): void {
    if (this.#received + bytes > this.#limit) {
      throw new Violation(closeCodes.flowControl, 'data beyond the receive window');
    }
    this.#received += bytes;
  }

  /** The peer is told of a new limit when half of the window was read since the last. */
  onConsumed(bytes: number): void {
    this.#consumed += bytes;
    if (this.#consumed - this.#epochConsumed >= this.#windowBytes) this.#endEpoch();
    if ((this.#consumed + this.#windowBytes - this.#limit) * 2 >= this.#windowBytes) this.limitFrame?.queue();
  }

  /** The limit that the peer is told now. */
  moveLimit(): number {
    this.#limit = this.#consumed + this.#windowBytes;
    return this.#limit;
  }

  #endEpoch(): void {
    const { now, roundTripMs } = this.#memory;
    const limitMs = streamLimits.growingRoundTrips * Math.max(roundTripMs ?? 0, streamLimits.shortestRoundTripMs);
    if (roundTripMs !== undefined && now - this.#epochAt <= limitMs) {
      this.#windowBytes += this.#parent
        ? Math.max(0, Math.min(this.#windowBytes, this.#parent.#windowBytes - this.#windowBytes))
        : this.#memory.take(this.#windowBytes);
    }
    this.#epochAt = now;
    this.#epochConsumed = this.#consumed;
  }
}
