/** Both halves of a stream, what its application has to be told, and the frames about it. */
import type { ByteWriter } from '../wire/byte-writer.js';
import { writeMaxStreamData, writeResetStream, writeStopSending } from '../wire/frame-writer.js';
import { ControlFrame, type ControlQueue } from './control-frames.js';
import type { IncomingStream } from './incoming-stream.js';
import type { OutgoingStream } from './outgoing-stream.js';
import type { StreamEvent } from './stream-event.js';
import { priorityOf, streamPriorities } from './stream-id.js';

export class Stream {
  readonly id: number;
  readonly outgoing: OutgoingStream;
  readonly incoming: IncomingStream;
  isPaused = false;
  isDrained = false;
  /** With which code the peer stopped us; until the application has been told. */
  stoppedWith: number | undefined;
  /** The peer knows that we want no more. */
  isStopAcknowledged = false;
  /** It waits to be asked for events. */
  isReady = false;
  #isAnnounced: boolean;

  /** @param isOurs The application has opened it, and need not be told. */
  constructor(outgoing: OutgoingStream, incoming: IncomingStream, isOurs: boolean) {
    this.id = outgoing.id;
    this.outgoing = outgoing;
    this.incoming = incoming;
    this.#isAnnounced = isOurs;
  }

  get hasEvent(): boolean {
    return (
      !this.#isAnnounced ||
      this.isDrained ||
      this.stoppedWith !== undefined ||
      this.incoming.state === 'reset' ||
      (!this.isPaused && this.incoming.isReadable)
    );
  }

  /** Both sides have ended, and know it; whether the application does, `isReady` tells. */
  get isFinished(): boolean {
    return this.outgoing.state === 'closed' && this.incoming.isFinished;
  }

  /** The peer knows all that our side has said of it: how it ended, and that we want no more. */
  get isDelivered(): boolean {
    const { outgoing, incoming } = this;
    if (outgoing.state === 'ending' || outgoing.state === 'reset') return false;
    return this.isStopAcknowledged || !incoming.needsStop;
  }

  nextEvent(): StreamEvent | undefined {
    const { id, incoming } = this;
    if (!this.#isAnnounced) {
      this.#isAnnounced = true;
      return { type: 'stream', id, priority: streamPriorities[priorityOf(id)] ?? 'files' };
    }
    if (incoming.state === 'reset') {
      incoming.close();
      return { type: 'stream-reset', id, code: incoming.resetCode };
    }
    if (!this.isPaused && incoming.isReadable) {
      const bytes = incoming.readChunk();
      if (bytes) return { type: 'stream-data', id, bytes };
      incoming.close();
      return { type: 'stream-end', id };
    }
    if (this.stoppedWith !== undefined) {
      const code = this.stoppedWith;
      this.stoppedWith = undefined;
      return { type: 'stream-stopped', id, code };
    }
    if (this.isDrained) {
      this.isDrained = false;
      // It may have been given up meanwhile.
      if (this.outgoing.state === 'open') return { type: 'stream-drain', id };
    }
    return undefined;
  }
}

export class MaxStreamDataFrame extends ControlFrame {
  readonly #id: number;
  readonly #incoming: IncomingStream;

  constructor(queue: ControlQueue, id: number, incoming: IncomingStream) {
    super(queue);
    this.#id = id;
    this.#incoming = incoming;
  }

  write(writer: ByteWriter): void {
    writeMaxStreamData(writer, this.#id, this.#incoming.window.moveLimit());
  }

  isNeeded(): boolean {
    return this.#incoming.needsLimits;
  }
}

export class StopSendingFrame extends ControlFrame {
  readonly #stream: Stream;
  readonly #code: number;

  constructor(queue: ControlQueue, stream: Stream, code: number) {
    super(queue);
    this.#stream = stream;
    this.#code = code;
  }

  write(writer: ByteWriter): void {
    writeStopSending(writer, this.#stream.id, this.#code);
  }

  isNeeded(): boolean {
    return this.#stream.incoming.needsStop;
  }

  override onAcknowledged(): void {
    this.#stream.isStopAcknowledged = true;
  }
}

export class ResetStreamFrame extends ControlFrame {
  readonly #outgoing: OutgoingStream;

  constructor(queue: ControlQueue, outgoing: OutgoingStream) {
    super(queue);
    this.#outgoing = outgoing;
  }

  write(writer: ByteWriter): void {
    writeResetStream(writer, this.#outgoing.id, this.#outgoing.resetCode, this.#outgoing.finalSize);
  }

  isNeeded(): boolean {
    return this.#outgoing.state === 'reset';
  }

  override onAcknowledged(): void {
    this.#outgoing.onResetAcknowledged();
  }
}
