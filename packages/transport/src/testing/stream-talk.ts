/**
 * The streams of one conversation: what each side does with them, and whether the other hears of exactly that. Every
 * byte once and in order, and ends, resets and stops with their codes.
 */
import type { StreamEvent } from '../streams/stream-event.js';
import type { StreamSet } from '../streams/stream-set.js';
import type { StreamPriority } from '../streams/stream-id.js';
import { streamLimits } from '../streams/stream-limits.js';
import { otherSide, type SideName } from './side-name.js';
import { streamBytes } from './said-bytes.js';
import { unlessRefused } from './unless-refused.js';

/** One direction of a stream. */
class Flow {
  writtenBytes = 0;
  receivedBytes = 0;
  /** What the sender has said last: nothing more, or that it gives up. */
  isEnded = false;
  resetCode: number | undefined;
  /** The receiver wants no more, and the sender has been told so. */
  stopCode: number | undefined;
  isStopTold = false;
  isPaused = false;
  /** `write` has said that more has to wait, and nobody has said since that it need not. */
  waitsForDrain = false;
  /** What the receiver has heard last. */
  outcome: 'end' | 'reset' | undefined;

  /** The sender can say nothing more. */
  get isConcluded(): boolean {
    return this.isEnded || this.resetCode !== undefined || this.isStopTold;
  }

  /** The receiver may still hear something. */
  get isAudible(): boolean {
    return this.outcome === undefined && this.stopCode === undefined;
  }

  /** Each side knows all that the other has said. */
  get isSettled(): boolean {
    if (this.stopCode !== undefined) return this.isConcluded;
    if (this.resetCode !== undefined) return this.outcome !== undefined;
    if (this.isEnded) return this.outcome === 'end';
    return this.receivedBytes === this.writtenBytes && !this.waitsForDrain;
  }
}

class Stream {
  readonly id: number;
  readonly opener: SideName;
  readonly priority: StreamPriority;
  /** The side that did not open it knows of it. */
  isAnnounced = false;
  /** By sender. */
  readonly flows: Readonly<Record<SideName, Flow>> = { a: new Flow(), b: new Flow() };

  constructor(id: number, opener: SideName, priority: StreamPriority) {
    this.id = id;
    this.opener = opener;
    this.priority = priority;
  }

  isKnownTo(side: SideName): boolean {
    return side === this.opener || this.isAnnounced;
  }

  get isSettled(): boolean {
    return this.flows.a.isSettled && this.flows.b.isSettled;
  }

  get isConcluded(): boolean {
    return this.flows.a.isConcluded && this.flows.b.isConcluded;
  }
}

const bufferFull = ['SEND_BUFFER_FULL'] as const;
const bufferFullOrClosed = [...bufferFull, 'STREAM_CLOSED'] as const;

export type StreamTalkEvent = Exclude<StreamEvent, { type: 'message' | 'datagram' | 'drain' }>;

export class StreamTalk {
  /** For what is in a stream: each stream adds its id. */
  readonly #flow: number;
  readonly #streams = new Map<number, Stream>();
  /** Who could open no more, and has not heard since that it can. */
  readonly #refused = new Set<SideName>();

  constructor(flow: number) {
    this.#flow = flow;
  }

  /** Whether everything that was done has come to the other side's ears. */
  get isSettled(): boolean {
    for (const stream of this.#streams.values()) if (!stream.isSettled) return false;
    for (const side of this.#refused) if (this.#openedBy(side) < streamLimits.openStreams) return false;
    return true;
  }

  get isEmpty(): boolean {
    return this.#streams.size === 0;
  }

  /** The streams that a side should have open when all is settled. */
  openFor(side: SideName): number {
    let open = 0;
    for (const stream of this.#streams.values()) if (stream.isKnownTo(side) && !stream.isConcluded) open += 1;
    return open;
  }

  /** Ids of streams that the side may write to, or hear something from. */
  usableBy(side: SideName): number[] {
    const ids: number[] = [];
    for (const { id, flows, opener, isAnnounced } of this.#streams.values()) {
      if (side !== opener && !isAnnounced) continue;
      if (!flows[side].isConcluded || flows[otherSide(side)].isAudible) ids.push(id);
    }
    return ids;
  }

  /** @returns the id, or undefined when as many are open as there may be */
  open(side: SideName, link: StreamSet, priority: StreamPriority): number | undefined {
    const id = unlessRefused(['STREAM_LIMIT'], () => link.open(priority));
    if (id === undefined) {
      this.#refused.add(side);
      return undefined;
    }
    if (this.#streams.has(id)) throw new Error(`${side} opens stream ${String(id)} twice`);
    this.#streams.set(id, new Stream(id, side, priority));
    return id;
  }

  /** @param length up to 64 KiB */
  write(side: SideName, link: StreamSet, id: number, length: number): void {
    const stream = this.#known(side, id);
    const flow = stream.flows[side];
    if (flow.isConcluded) return;
    const bytes = streamBytes(this.#flowOf(stream, side), flow.writtenBytes, length);
    // The peer may have stopped it, and the application not have heard of that yet.
    const codes = flow.stopCode === undefined ? bufferFull : bufferFullOrClosed;
    const mayGoOn = unlessRefused(codes, () => link.write(id, bytes));
    if (mayGoOn === undefined) return;
    flow.writtenBytes += length;
    if (!mayGoOn) flow.waitsForDrain = true;
  }

  end(side: SideName, link: StreamSet, id: number): void {
    const flow = this.#known(side, id).flows[side];
    if (flow.isConcluded) return;
    link.end(id);
    flow.isEnded = true;
  }

  /** Also after the end: it may not have arrived. */
  reset(side: SideName, link: StreamSet, id: number, code: number): void {
    const flow = this.#known(side, id).flows[side];
    if (flow.resetCode !== undefined) return;
    link.reset(id, code);
    flow.resetCode = code;
  }

  stopSending(side: SideName, link: StreamSet, id: number, code: number): void {
    const flow = this.#known(side, id).flows[otherSide(side)];
    if (!flow.isAudible) return;
    link.stopSending(id, code);
    flow.stopCode = code;
  }

  setPaused(side: SideName, link: StreamSet, id: number, isPaused: boolean): void {
    const flow = this.#known(side, id).flows[otherSide(side)];
    if (flow.isPaused === isPaused) return;
    flow.isPaused = isPaused;
    if (isPaused) link.pause(id);
    else link.resume(id);
  }

  resumeAll(side: SideName, link: StreamSet): void {
    for (const stream of this.#streams.values()) {
      if (stream.isKnownTo(side)) this.setPaused(side, link, stream.id, false);
    }
  }

  /** @throws Error when it is not what the other side has done, or out of its turn */
  receive(to: SideName, event: StreamTalkEvent): void {
    if (event.type === 'streams-available') {
      this.#refused.delete(to);
      return;
    }
    const stream = this.#streams.get(event.id);
    const wrong = (what: string): never => {
      throw new Error(`${to} hears ${what} on stream ${String(event.id)}`);
    };
    if (!stream) return wrong('something');
    const [incoming, outgoing] = [stream.flows[otherSide(to)], stream.flows[to]];
    if (event.type === 'stream') {
      if (stream.isAnnounced || stream.opener === to) wrong('that it was opened, again');
      if (event.priority !== stream.priority) wrong(`of priority ${event.priority}, not ${stream.priority}`);
      stream.isAnnounced = true;
      return;
    }
    if (!stream.isKnownTo(to)) wrong('something before it was opened');
    switch (event.type) {
      case 'stream-data': {
        if (!incoming.isAudible || incoming.isPaused) wrong('data that it does not want, or that comes late');
        const { receivedBytes, writtenBytes } = incoming;
        const { length } = event.bytes;
        if (length === 0 || receivedBytes + length > writtenBytes) wrong('more than was said');
        const said = streamBytes(this.#flowOf(stream, otherSide(to)), receivedBytes, length);
        if (Buffer.compare(event.bytes, said) !== 0) wrong(`something else than was said at ${String(receivedBytes)}`);
        incoming.receivedBytes += length;
        return;
      }
      case 'stream-end':
        if (!incoming.isAudible || incoming.isPaused || !incoming.isEnded) wrong('an end that is none');
        if (incoming.receivedBytes !== incoming.writtenBytes) wrong('an end before the end');
        incoming.outcome = 'end';
        return;
      case 'stream-reset':
        if (!incoming.isAudible) wrong('a reset that comes late');
        if (incoming.resetCode !== event.code) wrong(`a reset with code ${String(event.code)}`);
        incoming.outcome = 'reset';
        return;
      case 'stream-stopped':
        if (outgoing.stopCode !== event.code) wrong(`a stop with code ${String(event.code)}`);
        if (outgoing.isStopTold) wrong('a second stop');
        outgoing.isStopTold = true;
        return;
      case 'stream-drain':
        if (outgoing.isConcluded) wrong('that there is room for what cannot be said');
        outgoing.waitsForDrain = false;
        return;
    }
  }

  /** Of the streams that a side has opened, those that count as open. */
  #openedBy(side: SideName): number {
    let open = 0;
    for (const stream of this.#streams.values()) if (stream.opener === side && !stream.isConcluded) open += 1;
    return open;
  }

  #known(side: SideName, id: number): Stream {
    const stream = this.#streams.get(id);
    if (!stream?.isKnownTo(side)) throw new Error(`${side} does not know of stream ${String(id)}`);
    return stream;
  }

  #flowOf({ id }: Stream, sender: SideName): number {
    return this.#flow + 2 * id + (sender === 'a' ? 0 : 1);
  }
}
