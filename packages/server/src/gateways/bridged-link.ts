import {
  decodePeerFrame,
  encodeReceiptFrame,
  encodeTextFrame,
  FrameStream,
  MalformedError,
  ParleyError,
  type FrameBatch,
} from '@parley/protocol';
import type { Clock } from '../domain/index.js';

/** What may be on its way to one peer; an honest device takes it in within a round trip. */
const keptCharactersMax = 256 * 1024;

/**
 * What one line to a device holds; the next follows when the device has it. So those who were kept waiting by a room full
 * of gateway users, 256 of them, do not get more at once than their connection may have waiting.
 */
const batchCharacters = 12 * 1024;

/**
 * What the old client may have waiting of one peer; then nothing more is taken, and the peer keeps it. In characters, a
 * line counted as many as are written around it.
 */
const undeliveredMax = 16 * 1024;
const lineCharacters = 64;

/** For so long may an old client take nothing while a peer waits for it. */
const stallMs = 5_000;

/** Texts that one peer may owe receipts for; an honest device sends them within a round trip too. */
const unconfirmedMax = 4_096;

export interface BridgedLinkParts {
  readonly peer: string;
  /** The session or the room's opening, in hexadecimal. */
  readonly conversation: string;
  readonly clock: Clock;
  /** @returns how many of our frames the peer has, where that is known at once @throws ParleyError NO_CONVERSATION */
  carry(batch: FrameBatch, resume: boolean): number | undefined;
  /** @param delivered to be called once the old client's system has the text */
  text(text: string, delivered: () => void): void;
  /** The peer has confirmed a text of ours. */
  confirmed(): void;
  /** The old client has taken nothing for so long that the peer need not wait for it. */
  stalled(): void;
}

/**
 * What a gateway user and one peer say to each other in one session or room. The peer's end says `resume` when it is
 * made, and again after each reconnect: before that nothing is sent to it, and then all that it does not have.
 */
export class BridgedLink {
  readonly #parts: BridgedLinkParts;
  readonly #stream = new FrameStream();
  /** Our texts that the peer's receipt is missing for. */
  readonly #unconfirmed = new Set<string>();
  readonly #waiting = new Set<() => void>();
  /** Of texts that the old client's system has not taken. */
  #undelivered = 0;
  /** Runs while the peer waits for the old client. */
  #stopStall: (() => void) | undefined;
  #isAttached = false;
  #isClosed = false;

  constructor(parts: BridgedLinkParts) {
    this.#parts = parts;
  }

  /** Texts of ours that the peer has not confirmed. */
  get unconfirmed(): number {
    return this.#unconfirmed.size;
  }

  /** Says to a peer who is behind a gateway too that this end is there; a device comes by itself. */
  start(): void {
    this.#carry(true);
  }

  /** Whether more may be said now. */
  get hasRoom(): boolean {
    return this.#stream.keptCharacters < keptCharactersMax && this.#unconfirmed.size < unconfirmedMax;
  }

  /** Waits until more may be said. @returns false when that took longer than `ms`, or the link was closed */
  async room(ms: number): Promise<boolean> {
    let isLate = false;
    const stopTimer = this.#parts.clock.after(ms, () => {
      isLate = true;
      this.#wake();
    });
    // The timer changes it, which the compiler does not see.
    const isInTime = (): boolean => !isLate;
    while (!this.hasRoom && !this.#isClosed && isInTime()) {
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
    stopTimer();
    return this.hasRoom && !this.#isClosed;
  }

  /** @param record an encoded message record, `id` its id in hexadecimal */
  say(id: string, record: Uint8Array): void {
    if (this.#isClosed) return;
    this.#unconfirmed.add(id);
    this.#push(encodeTextFrame(record));
  }

  /**
   * @returns how many of the peer's frames have been taken; fewer than came, while the old client does not take them
   * @throws ParleyError INVALID_PARAMS when they break the rules, and takes nothing more of them then; RATE_LIMITED while
   * the peer does not take what was sent to it, receipts among it
   */
  receive(batch: FrameBatch, resume: boolean): number {
    try {
      if (resume) this.#stream.rewind();
      this.#stream.acknowledge(batch.received);
      if (this.#stream.keptCharacters > 2 * keptCharactersMax) {
        throw new ParleyError('RATE_LIMITED', 'take in first what was sent to you', { retryAfterMs: 1_000 });
      }
      const { first, frames, received } = batch;
      for (const [index, frame] of frames.entries()) {
        if (this.#undelivered > undeliveredMax) {
          this.#stopStall ??= this.#parts.clock.after(stallMs, () => {
            this.#parts.stalled();
          });
          break;
        }
        const fresh = this.#stream.accept({ first: first + index, frames: [frame], received });
        if (fresh.length > 0) this.#take(Buffer.from(frame, 'base64'));
      }
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      throw new ParleyError('INVALID_PARAMS', `the frames break the rules: ${error.message}`, { cause: error });
    }
    this.#wake();
    if (resume) {
      const isNew = !this.#isAttached;
      this.#isAttached = true;
      // Of two gateways the first word went to one that was not there yet.
      if (isNew) this.#carry(true);
    }
    this.#flush();
    return this.#stream.received;
  }

  /** @returns how many of our texts the peer did not confirm */
  close(): number {
    this.#isClosed = true;
    this.#stopStall?.();
    this.#wake();
    return this.#unconfirmed.size;
  }

  #take(bytes: Uint8Array): void {
    const frame = decodePeerFrame(bytes);
    switch (frame?.type) {
      case 'text': {
        const { sender, conversation, id, text } = frame.message;
        const isTheirs =
          sender === this.#parts.peer && Buffer.from(conversation).toString('hex') === this.#parts.conversation;
        if (!isTheirs) throw new MalformedError('it is of another sender or conversation');
        // A newer client says what this server does not know: without a receipt its user sees that it did not arrive.
        if (text === undefined) break;
        const weight = text.length + lineCharacters * text.split('\n').length;
        this.#undelivered += weight;
        this.#parts.text(text, () => {
          this.#undelivered -= weight;
          this.#stopStall?.();
          this.#stopStall = undefined;
          this.#push(encodeReceiptFrame(id));
        });
        break;
      }
      case 'receipt':
        if (this.#unconfirmed.delete(Buffer.from(frame.id).toString('hex'))) this.#parts.confirmed();
        break;
      case undefined:
        break;
    }
  }

  #push(frame: Uint8Array): void {
    if (this.#isClosed) return;
    this.#stream.push(Buffer.from(frame).toString('base64'));
    this.#flush();
  }

  #flush(): void {
    // A peer behind a gateway has it at once; a device says later that it has.
    while (this.#isAttached && !this.#isClosed && this.#stream.hasMore && !this.#stream.isAwaited) this.#carry(false);
  }

  #carry(resume: boolean): void {
    try {
      const received = this.#parts.carry(this.#stream.nextBatch(batchCharacters), resume);
      if (received !== undefined) this.#stream.acknowledge(received);
    } catch (error) {
      if (!(error instanceof ParleyError) && !(error instanceof MalformedError)) throw error;
      // The device is away, and says `resume` when it is back; or the other end is a newer one that knows nothing of
      // this one; or it is over, which the domain tells.
      this.#isAttached = false;
    }
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}
