/** Whose turn it is: chat before control before files, round robin within one; and how much waits to be sent. */
import type { SentContent } from '../recovery/sent-packet.js';
import type { ByteWriter } from '../wire/byte-writer.js';
import type { OutgoingOwner, OutgoingStream } from './outgoing-stream.js';
import { streamLimits } from './stream-limits.js';

/** What the schedule finds out while it follows the streams. */
export interface ScheduleListener {
  /** `written` said false for the stream; there is room again. */
  onDrain(stream: OutgoingStream): void;
  /** The peer has all of the stream, or knows of its reset. */
  onOutgoingClosed(stream: OutgoingStream): void;
}

/** The streams of one priority. They have one bound for what they have not sent: files that wait take no room from a chat. */
class PriorityClass {
  unsentBytes = 0;
  /** Those that were told to wait. */
  waiting: OutgoingStream[] = [];
  /** What may leave now without credit, and what needs some. The first is next. */
  readonly repair: OutgoingStream[] = [];
  readonly fresh: OutgoingStream[] = [];
}

export class OutgoingSchedule implements OutgoingOwner {
  readonly #listener: ScheduleListener;
  readonly #sendBufferBytes: number;
  /** Once there were streams of it. */
  readonly #classes: (PriorityClass | undefined)[] = [];
  /** Of the class of chats, but with a bound and a window of its own. */
  #messages: OutgoingStream | undefined;
  #isMessagesTurn = true;
  #repairCount = 0;
  #freshCount = 0;
  /** Of all streams but the message stream: what the peer allows, and what was sent of it. */
  #dataLimit: number = streamLimits.linkWindowBytes;
  #dataSent = 0;
  #dataUnacknowledged = 0;
  #unsentBytes = 0;
  #unacknowledgedBytes = 0;

  constructor(sendBufferBytes: number, listener: ScheduleListener) {
    this.#listener = listener;
    this.#sendBufferBytes = sendBufferBytes;
  }

  /** Without it there are no messages to send. */
  set messages(stream: OutgoingStream) {
    this.#messages = stream;
  }

  get unsentBytes(): number {
    return this.#unsentBytes;
  }

  get unacknowledgedBytes(): number {
    return this.#unacknowledgedBytes;
  }

  get hasContent(): boolean {
    return (
      this.#repairCount > 0 ||
      this.#messages?.isInFresh === true ||
      this.#messages?.isInRepair === true ||
      (this.#freshCount > 0 && this.#credit > 0)
    );
  }

  /**
   * What the streams but the message stream may send now. A peer that allows everything, and acknowledges all but the
   * first of it, has us keep the largest window and no more.
   */
  get #credit(): number {
    return Math.min(this.#dataLimit - this.#dataSent, streamLimits.largestLinkBytes - this.#dataUnacknowledged);
  }

  get #highWaterBytes(): number {
    return Math.min(streamLimits.highWaterBytes, this.#sendBufferBytes / 4);
  }

  onMaxData(limit: number): void {
    if (limit > this.#dataLimit) this.#dataLimit = limit;
  }

  /** Whether the send buffer has room for so much. */
  admits(stream: OutgoingStream, bytes: number): boolean {
    return this.#unsentBeside(stream) + bytes <= this.#sendBufferBytes;
  }

  /** Something was written to the stream. @returns false above the high-water mark: `onDrain` follows. */
  written(stream: OutgoingStream): boolean {
    this.onOutgoingChanged(stream);
    if (this.#unsentBeside(stream) <= this.#highWaterBytes) return true;
    if (!stream.isWaitingForDrain) {
      stream.isWaitingForDrain = true;
      if (stream !== this.#messages) this.#classOf(stream).waiting.push(stream);
    }
    return false;
  }

  /** Puts the stream where it belongs now. To be called after everything that changes it. */
  onOutgoingChanged(stream: OutgoingStream): void {
    const unsent = stream.unsentBytes - stream.countedUnsent;
    const unacknowledged = stream.unacknowledgedBytes - stream.countedUnacknowledged;
    stream.countedUnsent += unsent;
    stream.countedUnacknowledged += unacknowledged;
    this.#unsentBytes += unsent;
    this.#unacknowledgedBytes += unacknowledged;
    if (stream === this.#messages) this.#onMessagesChanged(stream);
    else this.#onStreamChanged(stream, unsent, unacknowledged);
  }

  /** Fills the packet with what has this priority. @returns whether there may be room left */
  writeInto(writer: ByteWriter, contents: SentContent[], priority: number): boolean {
    for (let stream = this.#nextRepair(priority); stream; stream = this.#nextRepair(priority)) {
      const piece = stream.writeRepair(writer);
      if (!piece) return false;
      contents.push(piece);
      if (stream !== this.#messages) passTurn(this.#classOf(stream).repair);
      this.onOutgoingChanged(stream);
    }
    for (let stream = this.#nextFresh(priority); stream; stream = this.#nextFresh(priority)) {
      const piece = stream.writeFresh(writer, stream === this.#messages ? Infinity : this.#credit);
      if (!piece) return false;
      contents.push(piece);
      this.#isMessagesTurn = stream !== this.#messages;
      if (stream !== this.#messages) {
        this.#dataSent += piece.length;
        passTurn(this.#classOf(stream).fresh);
      }
      this.onOutgoingChanged(stream);
    }
    return true;
  }

  #classOf(stream: OutgoingStream): PriorityClass {
    return (this.#classes[stream.priority] ??= new PriorityClass());
  }

  /** Unsent of all that shares a bound with the stream. */
  #unsentBeside(stream: OutgoingStream): number {
    return stream === this.#messages ? stream.unsentBytes : this.#classOf(stream).unsentBytes;
  }

  #onMessagesChanged(messages: OutgoingStream): void {
    messages.isInRepair = messages.hasRepair;
    messages.isInFresh = messages.hasFresh;
    if (messages.isWaitingForDrain && messages.unsentBytes * 2 < this.#highWaterBytes) {
      messages.isWaitingForDrain = false;
      this.#listener.onDrain(messages);
    }
  }

  #onStreamChanged(stream: OutgoingStream, unsent: number, unacknowledged: number): void {
    const of = this.#classOf(stream);
    of.unsentBytes += unsent;
    this.#dataUnacknowledged += unacknowledged;
    if (stream.hasRepair !== stream.isInRepair) {
      stream.isInRepair = !stream.isInRepair;
      this.#repairCount += addOrRemove(of.repair, stream, stream.isInRepair);
    }
    if (stream.hasFresh !== stream.isInFresh) {
      stream.isInFresh = !stream.isInFresh;
      this.#freshCount += addOrRemove(of.fresh, stream, stream.isInFresh);
    }
    if (of.waiting.length > 0 && of.unsentBytes * 2 < this.#highWaterBytes) this.#drain(of);
    if (stream.state === 'closed') this.#listener.onOutgoingClosed(stream);
  }

  #nextRepair(priority: number): OutgoingStream | undefined {
    const messages = this.#messages;
    if (messages?.isInRepair && messages.priority === priority) return messages;
    return this.#classes[priority]?.repair[0];
  }

  #nextFresh(priority: number): OutgoingStream | undefined {
    const messages = this.#messages;
    const next = this.#credit > 0 ? this.#classes[priority]?.fresh[0] : undefined;
    if (!messages?.isInFresh || messages.priority !== priority) return next;
    return this.#isMessagesTurn || !next ? messages : next;
  }

  #drain(of: PriorityClass): void {
    const { waiting } = of;
    of.waiting = [];
    for (const stream of waiting) {
      stream.isWaitingForDrain = false;
      this.#listener.onDrain(stream);
    }
  }
}

function passTurn(streams: OutgoingStream[]): void {
  if (streams.length < 2) return;
  const first = streams.shift();
  if (first) streams.push(first);
}

/** @returns how many there are more */
function addOrRemove(streams: OutgoingStream[], stream: OutgoingStream, isAdded: boolean): 1 | -1 {
  if (isAdded) streams.push(stream);
  else streams.splice(streams.indexOf(stream), 1);
  return isAdded ? 1 : -1;
}
