/** Whose turn it is: chat before control before files, round robin within one; and how much waits to be sent. */
import type { SentContent } from '../recovery/sent-packet.js';
import type { ByteWriter } from '../wire/byte-writer.js';
import type { OutgoingOwner, OutgoingStream } from './outgoing-stream.js';
import { messageStreamId, streamPriorities } from './stream-id.js';
import { streamLimits } from './stream-limits.js';

/** What the schedule finds out while it follows the streams. */
export interface ScheduleListener {
  /** `written` said false for the stream; there is room again. */
  onDrain(stream: OutgoingStream): void;
  /** The peer has all of the stream, or knows of its reset. */
  onOutgoingClosed(stream: OutgoingStream): void;
}

/** Streams with one bound for what they have not sent: files that wait take no room from a chat. */
class SendGroup {
  unsentBytes = 0;
  /** Those that were told to wait. */
  waiting: OutgoingStream[] = [];
}

export class OutgoingSchedule implements OutgoingOwner {
  readonly #listener: ScheduleListener;
  readonly #sendBufferBytes: number;
  readonly #highWaterBytes: number;
  /** By priority; the message stream has one of its own, behind them. */
  readonly #groups: SendGroup[] = [];
  /** By priority: what may leave now without a window, and what needs one. The first is next. */
  readonly #repair: OutgoingStream[][] = [];
  readonly #fresh: OutgoingStream[][] = [];
  #repairCount = 0;
  /** Of `#fresh`, without the message stream, which needs no credit. */
  #freshCount = 0;
  #isMessageFresh = false;
  /** Of all streams but the message stream: what the peer allows, and what was sent of it. */
  #dataLimit: number = streamLimits.linkWindowBytes;
  #dataSent = 0;
  #dataUnacknowledged = 0;
  #unsentBytes = 0;
  #unacknowledgedBytes = 0;

  constructor(sendBufferBytes: number, listener: ScheduleListener) {
    this.#listener = listener;
    this.#sendBufferBytes = sendBufferBytes;
    this.#highWaterBytes = Math.min(streamLimits.highWaterBytes, sendBufferBytes / 4);
    for (let i = 0; i < streamPriorities.length; i += 1) {
      this.#groups.push(new SendGroup());
      this.#repair.push([]);
      this.#fresh.push([]);
    }
    this.#groups.push(new SendGroup());
  }

  get unsentBytes(): number {
    return this.#unsentBytes;
  }

  get unacknowledgedBytes(): number {
    return this.#unacknowledgedBytes;
  }

  get hasContent(): boolean {
    return this.#repairCount > 0 || this.#isMessageFresh || (this.#freshCount > 0 && this.#credit > 0);
  }

  /** What the streams but the message stream may send now; a peer that acknowledges all but the first holds us to a window too. */
  get #credit(): number {
    return Math.min(this.#dataLimit - this.#dataSent, streamLimits.largestLinkBytes - this.#dataUnacknowledged);
  }

  onMaxData(limit: number): void {
    if (limit > this.#dataLimit) this.#dataLimit = limit;
  }

  /** Whether the send buffer has room for so much. */
  admits(stream: OutgoingStream, bytes: number): boolean {
    return this.#groupOf(stream).unsentBytes + bytes <= this.#sendBufferBytes;
  }

  /** Something was written to the stream. @returns false above the high-water mark: `onDrain` follows. */
  written(stream: OutgoingStream): boolean {
    this.onOutgoingChanged(stream);
    const group = this.#groupOf(stream);
    if (group.unsentBytes <= this.#highWaterBytes) return true;
    if (!stream.isWaitingForDrain) {
      stream.isWaitingForDrain = true;
      group.waiting.push(stream);
    }
    return false;
  }

  /** Puts the stream where it belongs now. To be called after everything that changes it. */
  onOutgoingChanged(stream: OutgoingStream): void {
    const group = this.#groupOf(stream);
    this.#count(stream, group);
    if (stream.hasRepair !== stream.isInRepair) this.#moveRepair(stream);
    if (stream.hasFresh !== stream.isInFresh) this.#moveFresh(stream);
    if (group.waiting.length > 0 && group.unsentBytes * 2 < this.#highWaterBytes) this.#drain(group);
    if (stream.state === 'closed') this.#listener.onOutgoingClosed(stream);
  }

  /** Fills the packet with what has this priority. @returns whether there may be room left */
  writeInto(writer: ByteWriter, contents: SentContent[], priority: number): boolean {
    const repair = this.#repair[priority] ?? [];
    for (let stream = repair[0]; stream; stream = repair[0]) {
      const piece = stream.writeRepair(writer);
      if (!piece) return false;
      contents.push(piece);
      passTurn(repair);
      this.onOutgoingChanged(stream);
    }
    for (let stream = this.#nextFresh(priority); stream; stream = this.#nextFresh(priority)) {
      const isMessages = stream.id === messageStreamId;
      const piece = stream.writeFresh(writer, isMessages ? Infinity : this.#credit);
      if (!piece) return false;
      contents.push(piece);
      if (!isMessages) this.#dataSent += piece.length;
      passTurn(this.#fresh[priority] ?? []);
      this.onOutgoingChanged(stream);
    }
    return true;
  }

  #groupOf(stream: OutgoingStream): SendGroup {
    const group = this.#groups[stream.id === messageStreamId ? streamPriorities.length : stream.priority];
    if (!group) throw new Error(`no priority ${String(stream.priority)}`);
    return group;
  }

  #count(stream: OutgoingStream, group: SendGroup): void {
    const unsent = stream.unsentBytes - stream.countedUnsent;
    const unacknowledged = stream.unacknowledgedBytes - stream.countedUnacknowledged;
    stream.countedUnsent += unsent;
    stream.countedUnacknowledged += unacknowledged;
    group.unsentBytes += unsent;
    this.#unsentBytes += unsent;
    this.#unacknowledgedBytes += unacknowledged;
    if (stream.id !== messageStreamId) this.#dataUnacknowledged += unacknowledged;
  }

  #moveRepair(stream: OutgoingStream): void {
    stream.isInRepair = !stream.isInRepair;
    this.#repairCount += stream.isInRepair ? 1 : -1;
    addOrRemove(this.#repair[stream.priority] ?? [], stream, stream.isInRepair);
  }

  #moveFresh(stream: OutgoingStream): void {
    stream.isInFresh = !stream.isInFresh;
    if (stream.id === messageStreamId) this.#isMessageFresh = stream.isInFresh;
    else this.#freshCount += stream.isInFresh ? 1 : -1;
    addOrRemove(this.#fresh[stream.priority] ?? [], stream, stream.isInFresh);
  }

  /** The first in turn that may send. Without credit that is the message stream or none. */
  #nextFresh(priority: number): OutgoingStream | undefined {
    const streams = this.#fresh[priority] ?? [];
    if (this.#credit > 0) return streams[0];
    if (priority !== 0 || !this.#isMessageFresh) return undefined;
    while (streams[0] && streams[0].id !== messageStreamId) passTurn(streams);
    return streams[0];
  }

  #drain(group: SendGroup): void {
    const { waiting } = group;
    group.waiting = [];
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

function addOrRemove(streams: OutgoingStream[], stream: OutgoingStream, isAdded: boolean): void {
  if (isAdded) streams.push(stream);
  else streams.splice(streams.indexOf(stream), 1);
}
