/**
 * All that flows over one link: messages on stream 0, other streams, datagrams; with flow control, in the order of their
 * priorities. Knows no packets: it writes frames into them, and learns what became of each by its `SentContent`.
 */
import { closeCodes, TransportError, Violation } from '../errors.js';
import { transportLimits } from '../limits.js';
import type { SentContent } from '../recovery/sent-packet.js';
import { varintBytes } from '../wire/byte-reader.js';
import type { ByteWriter } from '../wire/byte-writer.js';
import { writeDatagram } from '../wire/frame-writer.js';
import { ControlQueue } from './control-frames.js';
import { DatagramQueue } from './datagram-queue.js';
import { ReceiveMemory, ReceiveWindow, type WindowPool } from './flow-control.js';
import { IncomingStream } from './incoming-stream.js';
import { framedBytes, MessageReader } from './message-framing.js';
import { OtherStreams } from './other-streams.js';
import { OutgoingSchedule, type ScheduleListener } from './outgoing-schedule.js';
import { OutgoingStream } from './outgoing-stream.js';
import type { StreamEvent } from './stream-event.js';
import { messageStreamId, streamPriorities, type StreamPriority, type StreamRole } from './stream-id.js';
import { streamLimits } from './stream-limits.js';
import { MaxStreamDataFrame, type Stream } from './stream.js';

export interface StreamSetOptions {
  readonly role: StreamRole;
  /** Bytes that were written and have not left: of messages, and of the streams of each priority. */
  readonly sendBufferBytes: number;
  readonly windowPool: WindowPool;
}

/** With so much room in the packet `writeInto` writes something whenever `hasContent`; a datagram needs room for itself. */
export const smallestPacketRoom = 64;

export class StreamSet implements ScheduleListener {
  readonly #memory: ReceiveMemory;
  readonly #schedule: OutgoingSchedule;
  readonly #control = new ControlQueue();
  /** The message stream. */
  readonly #outgoing: OutgoingStream;
  readonly #incoming: IncomingStream;
  readonly #role: StreamRole;
  #others: OtherStreams | undefined;
  readonly #reader: MessageReader;
  #isDrained = false;
  #datagramsOut: DatagramQueue | undefined;
  #datagramsIn: DatagramQueue | undefined;
  /** Packets in a row with nothing before the datagrams, and without room for the first. */
  #passedOver = 0;
  #isRefused = false;
  #maxDatagramBytes: number = streamLimits.datagramBytes;

  constructor({ role, sendBufferBytes, windowPool }: StreamSetOptions) {
    this.#role = role;
    this.#memory = new ReceiveMemory(windowPool);
    this.#schedule = new OutgoingSchedule(sendBufferBytes, this);
    const window = new ReceiveWindow(streamLimits.messageWindowBytes, this.#memory);
    this.#incoming = new IncomingStream(this.#memory, window);
    window.limitFrame = new MaxStreamDataFrame(this.#control, messageStreamId, this.#incoming);
    this.#outgoing = new OutgoingStream(messageStreamId, 0, window.limit, windowPool.buffers, this.#schedule);
    this.#schedule.messages = this.#outgoing;
    this.#reader = new MessageReader(this.#incoming);
  }

  /** Written, and not yet acknowledged. */
  get bufferedBytes(): number {
    return this.#schedule.unsentBytes + this.#schedule.unacknowledgedBytes;
  }

  /**
   * Nothing is left to send, and the peer has acknowledged all that has to arrive: bytes, the end or the reset of each
   * stream, STOP_SENDING. Datagrams have left.
   */
  get isAllDelivered(): boolean {
    return this.bufferedBytes === 0 && !this.hasContent && this.#others?.isAllDelivered !== false;
  }

  /** Sent, and not yet acknowledged. */
  get unacknowledgedBytes(): number {
    return this.#schedule.unacknowledgedBytes;
  }

  /** Memory for what the peer sent and nobody has read. */
  get receiveCapacityBytes(): number {
    return this.#memory.heldBytes + (this.#datagramsIn?.bytes ?? 0);
  }

  /** The bound of `receiveCapacityBytes`; 768 KiB for a peer that has earned nothing. */
  get receiveLimitBytes(): number {
    return this.#memory.limitBytes + streamLimits.datagramQueueBytes;
  }

  /** Streams that are open, without the message stream. */
  get openStreams(): number {
    return this.#others?.size ?? 0;
  }

  /** The most that a datagram may have. */
  get maxDatagramBytes(): number {
    return this.#maxDatagramBytes;
  }

  /** Set by the path: what fits into a packet with 5 bytes for its frame. What waits and is larger is dropped. */
  set maxDatagramBytes(bytes: number) {
    this.#maxDatagramBytes = bytes;
    this.#datagramsOut?.dropLargerThan(bytes);
  }

  // What the application does.

  /**
   * Sends a message of 1 to 65,536 bytes, which are copied. @returns false when more than the high-water mark waits: then
   * `drain` follows. @throws TransportError MESSAGE_SIZE or SEND_BUFFER_FULL; nothing was taken then
   */
  sendMessage(message: Uint8Array): boolean {
    if (message.length === 0 || message.length > transportLimits.messageBytes) {
      throw new TransportError('MESSAGE_SIZE', `a message has 1 to ${String(transportLimits.messageBytes)} bytes`);
    }
    this.#admit(this.#outgoing, framedBytes(message.length));
    this.#outgoing.writeMessage(message);
    return this.#schedule.written(this.#outgoing);
  }

  /** Opens a stream, of which the peer learns by what is written to it. @throws TransportError STREAM_LIMIT */
  open(priority: StreamPriority): number {
    return this.#allOthers.open(streamPriorities.indexOf(priority)).id;
  }

  /**
   * Writes to a stream; the bytes are copied. @returns false when more than the high-water mark waits on the streams of this
   * priority: then `stream-drain` follows. @throws TransportError STREAM_CLOSED or SEND_BUFFER_FULL
   */
  write(id: number, bytes: Uint8Array): boolean {
    const outgoing = this.#others?.get(id)?.outgoing;
    if (outgoing?.state !== 'open')
      throw new TransportError('STREAM_CLOSED', `nothing can be written to stream ${String(id)}`);
    this.#admit(outgoing, bytes.length);
    outgoing.write(bytes);
    return this.#schedule.written(outgoing);
  }

  /** Nothing more will be written to the stream; what comes on it still does. */
  end(id: number): void {
    const outgoing = this.#others?.get(id)?.outgoing;
    if (!outgoing) return;
    outgoing.end();
    this.#schedule.onOutgoingChanged(outgoing);
  }

  /** Gives up what was written to the stream and has not arrived. @param code the application's */
  reset(id: number, code: number): void {
    const stream = this.#others?.get(id);
    if (stream) this.#allOthers.reset(stream, code);
  }

  /** Asks the peer to send no more on the stream; what comes is thrown away. @param code the application's */
  stopSending(id: number, code: number): void {
    const stream = this.#others?.get(id);
    if (stream) this.#allOthers.stopSending(stream, code);
  }

  /** No `stream-data` until `resume`; what comes fills the windows of the stream and of all streams, but not of messages. */
  pause(id: number): void {
    const stream = this.#others?.get(id);
    if (stream) stream.isPaused = true;
  }

  resume(id: number): void {
    const stream = this.#others?.get(id);
    if (!stream) return;
    stream.isPaused = false;
    this.#allOthers.onIncomingChanged(stream);
  }

  /**
   * Sends a datagram that may be lost, from 0 bytes to `maxDatagramBytes`, which are copied. @returns false when 64 waited:
   * then the oldest was dropped. @throws TransportError DATAGRAM_SIZE
   */
  sendDatagram(datagram: Uint8Array): boolean {
    if (datagram.length > this.maxDatagramBytes) {
      throw new TransportError('DATAGRAM_SIZE', `a datagram has at most ${String(this.maxDatagramBytes)} bytes here`);
    }
    this.#datagramsOut ??= new DatagramQueue(streamLimits.datagrams);
    return this.#datagramsOut.push(datagram.slice());
  }

  /** What happened since, messages first; to be asked until there is nothing. */
  pollEvent(): StreamEvent | undefined {
    const bytes = this.#reader.next();
    if (bytes) return { type: 'message', bytes };
    if (this.#isDrained) {
      this.#isDrained = false;
      return { type: 'drain' };
    }
    const datagram = this.#datagramsIn?.shift();
    if (datagram) return { type: 'datagram', bytes: datagram };
    return this.#others?.pollEvent();
  }

  // What packets carry.

  /** Whether there is something to write now that the peer has room for. */
  get hasContent(): boolean {
    return !this.#control.isEmpty || this.#schedule.hasContent || this.#datagramsOut?.isEmpty === false;
  }

  /** Fills the packet. @param contents gets a record of each frame that matters until it has arrived */
  writeInto(writer: ByteWriter, contents: SentContent[]): void {
    const before = writer.length;
    this.#control.writeInto(writer, contents);
    const [chat, control, files] = [0, 1, 2];
    if (!this.#schedule.writeInto(writer, contents, chat)) return;
    if (!this.#schedule.writeInto(writer, contents, control)) return;
    this.#writeDatagrams(writer, writer.length === before);
    this.#schedule.writeInto(writer, contents, files);
  }

  /** @throws Violation */
  onStream(id: number, offset: number, data: Uint8Array, isEnd: boolean): void {
    if (id === messageStreamId) {
      if (isEnd) throw new Violation(closeCodes.streamState, 'the end of the message stream');
      if (!this.#incoming.receive(offset, data, false)) this.#isRefused = true;
      this.#reader.check();
    } else {
      const stream = this.#allOthers.find(id);
      if (!stream) return;
      if (!stream.incoming.receive(offset, data, isEnd)) this.#isRefused = true;
      this.#allOthers.onIncomingChanged(stream);
    }
    if (this.#memory.heldBytes > this.#memory.limitBytes) this.#tighten();
  }

  onMaxData(limit: number): void {
    this.#schedule.onMaxData(limit);
  }

  /** @throws Violation */
  onMaxStreamData(id: number, limit: number): void {
    const outgoing = id === messageStreamId ? this.#outgoing : this.#allOthers.find(id)?.outgoing;
    if (outgoing?.onLimit(limit)) this.#schedule.onOutgoingChanged(outgoing);
  }

  onMaxStreams(limit: number): void {
    this.#allOthers.onMaxStreams(limit);
  }

  /** @throws Violation */
  onResetStream(id: number, code: number, finalSize: number): void {
    const stream = this.#findOther(id);
    if (!stream) return;
    stream.incoming.onReset(code, finalSize);
    this.#allOthers.onIncomingChanged(stream);
  }

  /** @throws Violation */
  onStopSending(id: number, code: number): void {
    const stream = this.#findOther(id);
    if (!stream || (stream.outgoing.state !== 'open' && stream.outgoing.state !== 'ending')) return;
    stream.stoppedWith = code;
    this.#allOthers.reset(stream, code);
    this.#allOthers.onIncomingChanged(stream);
  }

  onDatagram(data: Uint8Array): void {
    this.#datagramsIn ??= new DatagramQueue(streamLimits.datagrams, streamLimits.datagramQueueBytes);
    this.#datagramsIn.push(data.slice());
  }

  /** A frame since the last call made more gaps than are kept: its packet is not to be acknowledged. */
  takeRefusal(): boolean {
    const isRefused = this.#isRefused;
    this.#isRefused = false;
    return isRefused;
  }

  /** The time and the smoothed round trip, for the growth of windows; to be told with each packet that came. */
  onRoundTrip(now: number, roundTripMs: number): void {
    this.#memory.now = now;
    this.#memory.roundTripMs = roundTripMs;
  }

  /** The link has ended: the windows' growth goes back to the pool. What has come can still be read. */
  release(): void {
    this.#memory.release();
  }

  // What the schedule finds.

  onDrain(outgoing: OutgoingStream): void {
    if (outgoing === this.#outgoing) this.#isDrained = true;
    else this.#others?.onDrain(outgoing);
  }

  onOutgoingClosed(outgoing: OutgoingStream): void {
    this.#others?.onOutgoingClosed(outgoing);
  }

  get #allOthers(): OtherStreams {
    return (this.#others ??= new OtherStreams(this.#role, this.#memory, this.#control, this.#schedule));
  }

  #admit(outgoing: OutgoingStream, bytes: number): void {
    if (this.#schedule.admits(outgoing, bytes)) return;
    throw new TransportError('SEND_BUFFER_FULL', 'too much of what was sent before has not left');
  }

  /** @throws Violation for the message stream, which stays as it is */
  #findOther(id: number): Stream | undefined {
    if (id === messageStreamId) throw new Violation(closeCodes.streamState, 'the message stream cannot be given up');
    return this.#allOthers.find(id);
  }

  /** @param isEmpty Nothing of the streams is in the packet yet; an ACK may be. */
  #writeDatagrams(writer: ByteWriter, isEmpty: boolean): void {
    const queue = this.#datagramsOut;
    for (let first = queue?.first; queue && first; first = queue.first) {
      if (1 + varintBytes(first.length) + first.length <= writer.room) {
        isEmpty = false;
        writeDatagram(writer, first);
      } else {
        // One that no packet has room for must not hold up the rest, nor cause empty packets for ever.
        if (isEmpty) this.#passedOver += 1;
        if (this.#passedOver <= streamLimits.datagramPasses) return;
      }
      this.#passedOver = 0;
      queue.shift();
    }
  }

  /** Buffers have room to grow as long as the link has; a peer that makes the most of many of them gets none. */
  #tighten(): void {
    this.#incoming.tighten();
    this.#others?.tighten();
  }
}
