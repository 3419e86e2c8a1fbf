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
  #isAttached = false;
  #isClosed = false;

  constructor(parts: BridgedLinkParts) {
    this.#parts = parts;
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
   * @returns how many of the peer's frames have come
   * @throws ParleyError INVALID_PARAMS when they break the rules, and takes nothing more of them then
   */
  receive(batch: FrameBatch, resume: boolean): number {
    try {
      if (resume) this.#stream.rewind();
      for (const frame of this.#stream.accept(batch)) this.#take(Buffer.from(frame, 'base64'));
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
      this.#flush();
    }
    return this.#stream.received;
  }

  /** @returns how many of our texts the peer did not confirm */
  close(): number {
    this.#isClosed = true;
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
        this.#parts.text(text, () => {
          this.#push(encodeReceiptFrame(id));
        });
        break;
      }
      case 'receipt':
        this.#unconfirmed.delete(Buffer.from(frame.id).toString('hex'));
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
    while (this.#isAttached && this.#stream.hasMore && !this.#isClosed) this.#carry(false);
  }

  #carry(resume: boolean): void {
    try {
      const received = this.#parts.carry(this.#stream.nextBatch(), resume);
      if (received !== undefined) this.#stream.acknowledge(received);
    } catch (error) {
      if (!(error instanceof ParleyError)) throw error;
      // The device is away, and says `resume` when it is back; or it is over, which the domain tells.
      this.#isAttached = false;
    }
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}
