/** The streams of a link beside the message stream; made when there is the first, as most links never have one. */
import type { ByteWriter } from '../wire/byte-writer.js';
import { writeMaxData, writeMaxStreams } from '../wire/frame-writer.js';
import { ControlFrame, type ControlQueue } from './control-frames.js';
import { ReceiveWindow, type ReceiveMemory } from './flow-control.js';
import { IncomingStream } from './incoming-stream.js';
import type { OutgoingSchedule } from './outgoing-schedule.js';
import { OutgoingStream } from './outgoing-stream.js';
import type { StreamEvent } from './stream-event.js';
import { priorityOf, type StreamRole } from './stream-id.js';
import { streamLimits } from './stream-limits.js';
import { StreamTable } from './stream-table.js';
import { MaxStreamDataFrame, ResetStreamFrame, StopSendingFrame, Stream } from './stream.js';

export class OtherStreams {
  readonly #memory: ReceiveMemory;
  readonly #control: ControlQueue;
  readonly #schedule: OutgoingSchedule;
  readonly #table: StreamTable;
  readonly #window: ReceiveWindow;
  readonly #maxStreams: MaxStreamsFrame;
  /** Streams that have events, or may have. */
  readonly #ready: Stream[] = [];

  constructor(role: StreamRole, memory: ReceiveMemory, control: ControlQueue, schedule: OutgoingSchedule) {
    this.#memory = memory;
    this.#control = control;
    this.#schedule = schedule;
    this.#table = new StreamTable(role, (id, isOurs) => this.#makeStream(id, isOurs));
    this.#window = new ReceiveWindow(streamLimits.linkWindowBytes, memory);
    this.#window.limitFrame = new MaxDataFrame(control, this.#window);
    this.#maxStreams = new MaxStreamsFrame(control, this.#table);
  }

  /** How many are open. */
  get size(): number {
    return this.#table.size;
  }

  /** The peer knows of each how it ended, and whether we want no more of it. */
  get isAllDelivered(): boolean {
    for (const stream of this.#table.all()) if (!stream.isDelivered) return false;
    return true;
  }

  /** For the application. */
  get(id: number): Stream | undefined {
    return this.#table.get(id);
  }

  /** @throws TransportError STREAM_LIMIT */
  open(priority: number): Stream {
    return this.#table.open(priority);
  }

  /** For a frame of the peer. @returns undefined when the frame is late. @throws Violation */
  find(id: number): Stream | undefined {
    const stream = this.#table.find(id);
    if (stream) this.onIncomingChanged(stream);
    return stream;
  }

  onMaxStreams(limit: number): void {
    this.#table.onMaxStreams(limit);
  }

  reset(stream: Stream, code: number): void {
    if (!stream.outgoing.reset(code)) return;
    this.#schedule.onOutgoingChanged(stream.outgoing);
    new ResetStreamFrame(this.#control, stream.outgoing).queue();
  }

  stopSending(stream: Stream, code: number): void {
    if (stream.incoming.stop()) new StopSendingFrame(this.#control, stream, code).queue();
    this.onIncomingChanged(stream);
  }

  /** Asks for what it has to tell, and forgets it when that was all. */
  onIncomingChanged(stream: Stream): void {
    if (!stream.isReady && stream.hasEvent) {
      stream.isReady = true;
      this.#ready.push(stream);
    }
    this.#forgetIfFinished(stream);
  }

  onDrain(outgoing: OutgoingStream): void {
    const stream = this.#table.get(outgoing.id);
    if (!stream) return;
    stream.isDrained = true;
    this.onIncomingChanged(stream);
  }

  onOutgoingClosed(outgoing: OutgoingStream): void {
    const stream = this.#table.get(outgoing.id);
    if (stream) this.#forgetIfFinished(stream);
  }

  pollEvent(): StreamEvent | undefined {
    if (this.#table.takeOpenPossible()) return { type: 'streams-available' };
    for (let stream = this.#ready[0]; stream; stream = this.#ready[0]) {
      const event = stream.nextEvent();
      if (event) return event;
      this.#ready.shift();
      stream.isReady = false;
      this.#forgetIfFinished(stream);
    }
    return undefined;
  }

  tighten(): void {
    for (const stream of this.#table.all()) stream.incoming.tighten();
  }

  #makeStream(id: number, isOurs: boolean): Stream {
    const window = new ReceiveWindow(streamLimits.streamWindowBytes, this.#memory, this.#window);
    const incoming = new IncomingStream(this.#memory, window, this.#window);
    window.limitFrame = new MaxStreamDataFrame(this.#control, id, incoming);
    const limit = streamLimits.streamWindowBytes;
    const outgoing = new OutgoingStream(id, priorityOf(id), limit, this.#memory.buffers, this.#schedule);
    if (!isOurs) this.#offerStreams();
    return new Stream(outgoing, incoming, isOurs);
  }

  #forgetIfFinished(stream: Stream): void {
    if (stream.isReady || !stream.isFinished) return;
    this.#table.forget(stream);
    this.#offerStreams();
  }

  /** Moves the peer's limit with the streams that finish. */
  #offerStreams(): void {
    if (this.#table.isLimitDue) this.#maxStreams.queue();
  }
}

class MaxDataFrame extends ControlFrame {
  readonly #window: ReceiveWindow;

  constructor(queue: ControlQueue, window: ReceiveWindow) {
    super(queue);
    this.#window = window;
  }

  write(writer: ByteWriter): void {
    writeMaxData(writer, this.#window.moveLimit());
  }

  isNeeded(): boolean {
    return true;
  }
}

class MaxStreamsFrame extends ControlFrame {
  readonly #table: StreamTable;

  constructor(queue: ControlQueue, table: StreamTable) {
    super(queue);
    this.#table = table;
  }

  write(writer: ByteWriter): void {
    writeMaxStreams(writer, this.#table.moveLimit());
  }

  isNeeded(): boolean {
    return true;
  }
}
