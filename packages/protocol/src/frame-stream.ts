import { MalformedError } from './byte-codec.js';
import { limits } from './limits.js';

/** Frames that go together, the first of them numbered; `received` counts those that came the other way. */
export interface FrameBatch {
  readonly first: number;
  readonly frames: readonly string[];
  readonly received: number;
}

/**
 * One end of the frames between a device and a gateway. They go over the control connection, which may break and come
 * back: each is numbered, kept until the other end has it, and taken once.
 */
export class FrameStream {
  /** Not acknowledged, oldest first. */
  readonly #kept: string[] = [];
  #keptCharacters = 0;
  /** How many of ours the other end has, and up to which number they were handed out. */
  #acknowledged = 0;
  #handedOut = 0;
  /** How many of theirs have come. */
  #received = 0;

  get received(): number {
    return this.#received;
  }

  /** Of frames that the other end does not have yet: for the bound of whoever fills it. */
  get keptCharacters(): number {
    return this.#keptCharacters;
  }

  get hasMore(): boolean {
    return this.#handedOut < this.#acknowledged + this.#kept.length;
  }

  /** Whether the other end has not said yet that it has what was handed out. */
  get isAwaited(): boolean {
    return this.#handedOut > this.#acknowledged;
  }

  push(frame: string): void {
    this.#kept.push(frame);
    this.#keptCharacters += frame.length;
  }

  /** What goes out next, at least one frame of any size; without frames when there are none. */
  nextBatch(maxCharacters: number = limits.batchCharacters): FrameBatch {
    const frames: string[] = [];
    let characters = 0;
    for (const frame of this.#kept.slice(this.#handedOut - this.#acknowledged)) {
      characters += frame.length;
      if (frames.length === limits.batchFrames || (frames.length > 0 && characters > maxCharacters)) break;
      frames.push(frame);
    }
    const first = this.#handedOut + 1;
    this.#handedOut += frames.length;
    return { first, frames, received: this.#received };
  }

  /** The connection is another one: what the other end does not have goes out again. */
  rewind(): void {
    this.#handedOut = this.#acknowledged;
  }

  /** The other end has this many. @throws MalformedError when it cannot */
  acknowledge(received: number): void {
    if (received > this.#acknowledged + this.#kept.length) throw new MalformedError('received what was never sent');
    // Of two answers that cross, the older one says less.
    const count = received - this.#acknowledged;
    if (count <= 0) return;
    for (const frame of this.#kept.splice(0, count)) this.#keptCharacters -= frame.length;
    this.#acknowledged = received;
    this.#handedOut = Math.max(this.#handedOut, received);
  }

  /** Takes a batch in. @returns the frames that are new @throws MalformedError when some before them are missing */
  accept({ first, frames, received }: FrameBatch): readonly string[] {
    this.acknowledge(received);
    if (first > this.#received + 1) throw new MalformedError('frames are missing');
    const fresh = frames.slice(this.#received + 1 - first);
    this.#received += fresh.length;
    return fresh;
  }
}
