/** Two stream sets, and the packets between them, which go where and when a test wants. */
import { TransportError } from '../errors.js';
import type { SentContent } from '../recovery/sent-packet.js';
import { WindowPool } from '../streams/flow-control.js';
import type { StreamEvent } from '../streams/stream-event.js';
import type { StreamRole } from '../streams/stream-id.js';
import { StreamSet } from '../streams/stream-set.js';
import { ByteWriter } from '../wire/byte-writer.js';
import { readFrames, type FrameSink } from '../wire/frame-reader.js';

function unexpected(): never {
  throw new Error('not a frame about streams');
}

function sinkOf(set: StreamSet): FrameSink {
  return {
    onPing: unexpected,
    onAck: unexpected,
    onCrypto: unexpected,
    onStream: (id, offset, data, isEnd) => {
      set.onStream(id, offset, data, isEnd);
    },
    onMaxData: (limit) => {
      set.onMaxData(limit);
    },
    onMaxStreamData: (id, limit) => {
      set.onMaxStreamData(id, limit);
    },
    onMaxStreams: (limit) => {
      set.onMaxStreams(limit);
    },
    onResetStream: (id, code, finalSize) => {
      set.onResetStream(id, code, finalSize);
    },
    onStopSending: (id, code) => {
      set.onStopSending(id, code);
    },
    onDatagram: (data) => {
      set.onDatagram(data);
    },
    onPathChallenge: unexpected,
    onPathResponse: unexpected,
    onClose: unexpected,
  };
}

export function newSet(
  role: StreamRole,
  { sendBufferBytes = 4 * 1024 * 1024, windowPool = new WindowPool() } = {},
): StreamSet {
  return new StreamSet({ role, sendBufferBytes, windowPool });
}

export function eventsOf(set: StreamSet): StreamEvent[] {
  const events: StreamEvent[] = [];
  for (let event = set.pollEvent(); event; event = set.pollEvent()) events.push(event);
  return events;
}

/** A packet on its way, or believed to be. */
export class FlyingPacket {
  readonly bytes: Uint8Array;
  readonly contents: readonly SentContent[];
  readonly #to: StreamSet;
  isDelivered = false;
  isLost = false;
  isAcknowledged = false;

  constructor(bytes: Uint8Array, contents: readonly SentContent[], to: StreamSet) {
    this.bytes = bytes;
    this.contents = contents;
    this.#to = to;
  }

  /** @returns whether the receiver would acknowledge it */
  deliver(): boolean {
    readFrames(this.bytes, sinkOf(this.#to));
    const isTaken = !this.#to.takeRefusal();
    this.isDelivered ||= isTaken;
    return isTaken;
  }

  acknowledge(): void {
    this.isAcknowledged = true;
    for (const content of this.contents) content.onAcknowledged();
  }

  lose(): void {
    this.isLost = true;
    for (const content of this.contents) content.onLost();
  }

  /** What may be repeated, in a packet of its own. */
  repeat(room: number): FlyingPacket | undefined {
    const writer = new ByteWriter(new Uint8Array(room));
    const contents: SentContent[] = [];
    for (const content of this.contents) {
      const repeated = content.repeat(writer);
      if (repeated) contents.push(repeated);
    }
    return contents.length > 0 ? new FlyingPacket(writer.written(), contents, this.#to) : undefined;
  }
}

/** The next packet from one to the other. */
export function packetFrom(from: StreamSet, to: StreamSet, room = 1_168): FlyingPacket {
  const writer = new ByteWriter(new Uint8Array(room));
  const contents: SentContent[] = [];
  from.writeInto(writer, contents);
  return new FlyingPacket(writer.written(), contents, to);
}

/** Delivers and acknowledges all that can be sent, both ways; windows move as `onEvent` reads. */
export function exchange(
  a: StreamSet,
  b: StreamSet,
  onEvent: (of: StreamSet, event: StreamEvent) => void = () => undefined,
): void {
  while (a.hasContent || b.hasContent) {
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      while (from.hasContent) {
        const packet = packetFrom(from, to);
        if (packet.bytes.length === 0) throw new Error('there was content, and nothing was written');
        if (packet.deliver()) packet.acknowledge();
        else packet.lose();
      }
    }
    for (const set of [a, b]) for (const event of eventsOf(set)) onEvent(set, event);
  }
}

export function pair(options: Parameters<typeof newSet>[1] = {}): readonly [StreamSet, StreamSet] {
  return [newSet('initiator', options), newSet('responder', options)];
}

export function codeOf(call: () => unknown): string | undefined {
  try {
    call();
  } catch (error) {
    if (error instanceof TransportError) return error.code;
    throw error;
  }
  return undefined;
}

/** The frames of a packet, in words. */
export function framesOf({ bytes }: FlyingPacket): string[] {
  const seen: string[] = [];
  const note = (text: string): void => {
    seen.push(text);
  };
  const sink: Partial<FrameSink> = {
    onStream: (id, offset, data, isEnd) => {
      note(`stream ${String(id)} at ${String(offset)}, ${String(data.length)}${isEnd ? ', end' : ''}`);
    },
    onMaxData: (limit) => {
      note(`max-data ${String(limit)}`);
    },
    onMaxStreamData: (id, limit) => {
      note(`max-stream-data ${String(id)} ${String(limit)}`);
    },
    onMaxStreams: (limit) => {
      note(`max-streams ${String(limit)}`);
    },
    onResetStream: (id, code, size) => {
      note(`reset ${String(id)} ${String(code)} ${String(size)}`);
    },
    onStopSending: (id, code) => {
      note(`stop ${String(id)} ${String(code)}`);
    },
    onDatagram: (data) => {
      note(`datagram ${String(data.length)}`);
    },
  };
  readFrames(bytes, sink as FrameSink);
  return seen;
}

/** Sends all that may leave now, and delivers it. */
export function flush(from: StreamSet, to: StreamSet, room?: number): FlyingPacket[] {
  const packets: FlyingPacket[] = [];
  while (from.hasContent) {
    const packet = packetFrom(from, to, room);
    packet.deliver();
    packets.push(packet);
  }
  return packets;
}

export function typesOf(events: readonly StreamEvent[]): string[] {
  return events.map(({ type }) => type);
}
