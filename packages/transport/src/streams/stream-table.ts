/** Which streams exist: those that are open, those that were, and those that may be opened. */
import { closeCodes, TransportError, Violation } from '../errors.js';
import { RangeSet } from '../range-set.js';
import type { Stream } from './stream.js';
import { isInitiators, ordinalOf, priorityOf, streamIdOf, streamPriorities, type StreamRole } from './stream-id.js';
import { streamLimits } from './stream-limits.js';

/** The streams that one side has opened. */
class Openings {
  /** Ordinals up to this may be used. */
  limit: number = streamLimits.openStreams;
  /** The highest that was. */
  highest = 0;
  readonly #finished = new RangeSet();
  #finishedCount = 0;

  /** The limit that leaves as many open as there may be. */
  get due(): number {
    return this.#finishedCount + streamLimits.openStreams;
  }

  isFinished(ordinal: number): boolean {
    return this.#finished.has(ordinal, ordinal + 1);
  }

  finish(ordinal: number): void {
    this.#finished.add(ordinal, ordinal + 1);
    this.#finishedCount += 1;
  }
}

/** Makes the two halves of a stream. */
export type StreamMaker = (id: number, isOurs: boolean) => Stream;

export class StreamTable {
  readonly #isInitiator: boolean;
  readonly #make: StreamMaker;
  readonly #open = new Map<number, Stream>();
  readonly #ours = new Openings();
  readonly #theirs = new Openings();
  /** `open` was refused, and the application is to be told when it need not be. */
  #isOpenWanted = false;
  #isOpenPossible = false;

  constructor(role: StreamRole, make: StreamMaker) {
    this.#isInitiator = role === 'initiator';
    this.#make = make;
  }

  get size(): number {
    return this.#open.size;
  }

  all(): Iterable<Stream> {
    return this.#open.values();
  }

  /** For the application. */
  get(id: number): Stream | undefined {
    return this.#open.get(id);
  }

  /** @throws TransportError STREAM_LIMIT when as many are open as the peer allows */
  open(priority: number): Stream {
    if (this.#ours.highest >= this.#ours.limit) {
      this.#isOpenWanted = true;
      throw new TransportError('STREAM_LIMIT', 'as many streams are open as the peer allows');
    }
    this.#ours.highest += 1;
    return this.#add(streamIdOf(this.#isInitiator, priority, this.#ours.highest), true);
  }

  /**
   * For a frame of the peer, which may open a stream by it.
   * @returns undefined for a stream that has finished: the frame is late
   * @throws Violation for a stream that cannot exist
   */
  find(id: number): Stream | undefined {
    const known = this.#open.get(id);
    if (known) return known;
    const isOurs = isInitiators(id) === this.#isInitiator;
    const openings = isOurs ? this.#ours : this.#theirs;
    const ordinal = ordinalOf(id);
    if (ordinal === 0 || priorityOf(id) >= streamPriorities.length) {
      throw new Violation(closeCodes.streamState, 'a stream that cannot exist');
    }
    if (!isOurs && ordinal > openings.limit) throw new Violation(closeCodes.streamLimit, 'more streams than allowed');
    if (openings.isFinished(ordinal)) return undefined;
    if (isOurs || this.#hasOrdinal(id)) {
      throw new Violation(closeCodes.streamState, 'a stream that was never opened');
    }
    openings.highest = Math.max(openings.highest, ordinal);
    return this.#add(id, false);
  }

  forget(stream: Stream): void {
    if (!this.#open.delete(stream.id)) return;
    const isOurs = isInitiators(stream.id) === this.#isInitiator;
    (isOurs ? this.#ours : this.#theirs).finish(ordinalOf(stream.id));
  }

  /** The peer should hear of a new limit: it has used half of what it had. */
  get isLimitDue(): boolean {
    const { due, limit, highest } = this.#theirs;
    return due > limit && (limit - highest) * 2 <= streamLimits.openStreams;
  }

  /** The limit that the peer is told now. */
  moveLimit(): number {
    this.#theirs.limit = this.#theirs.due;
    return this.#theirs.limit;
  }

  onMaxStreams(limit: number): void {
    if (limit <= this.#ours.limit) return;
    this.#ours.limit = limit;
    // The application may not have heard of the limit before this one yet.
    this.#isOpenPossible ||= this.#isOpenWanted;
    this.#isOpenWanted = false;
  }

  /** Whether the application is to be told that it may open streams again. */
  takeOpenPossible(): boolean {
    const isPossible = this.#isOpenPossible;
    this.#isOpenPossible = false;
    return isPossible;
  }

  /** With this ordinal, and another priority. */
  #hasOrdinal(id: number): boolean {
    return streamPriorities.some((_, priority) =>
      this.#open.has(streamIdOf(isInitiators(id), priority, ordinalOf(id))),
    );
  }

  #add(id: number, isOurs: boolean): Stream {
    const stream = this.#make(id, isOurs);
    this.#open.set(id, stream);
    return stream;
  }
}
