import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ByteWriter } from '../wire/byte-writer.js';
import { closeCodes, TransportError, Violation } from '../errors.js';
import { decodeFrames, type StreamFrame } from '../wire/frames.js';
import { transportLimits } from '../limits.js';
import { framedBytes } from './message-framing.js';
import { ReceiveStream } from './receive-stream.js';
import { SendStream } from './send-stream.js';
import { StreamBuffer } from './stream-buffer.js';
import { Streams } from './streams.js';

function frame(offset: number, data: Uint8Array | number, end = false): StreamFrame {
  return { type: 'stream', id: 0, offset, data: typeof data === 'number' ? new Uint8Array(data) : data, end };
}

function codeOf(call: () => void): number | string | undefined {
  try {
    call();
  } catch (error) {
    if (error instanceof Violation || error instanceof TransportError) return error.code;
    throw error;
  }
  return undefined;
}

/** Takes all that may be sent now, as frames of packets of this size. */
function sentFrames(streams: Streams, packetBytes = 1_168): StreamFrame[] {
  const frames: StreamFrame[] = [];
  while (streams.hasPiece) {
    const writer = new ByteWriter(new Uint8Array(packetBytes));
    streams.write(writer);
    for (const decoded of decodeFrames(writer.written())) {
      if (decoded.type === 'stream') frames.push({ ...decoded, data: decoded.data.slice() });
    }
  }
  return frames;
}

function messagesOf(streams: Streams): Uint8Array[] {
  const messages: Uint8Array[] = [];
  for (let next = streams.nextMessage(); next; next = streams.nextMessage()) messages.push(next);
  return messages;
}

describe('StreamBuffer', () => {
  it('holds what was written from its start on, wherever it moves', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(6_000), fc.nat(8_000)), { maxLength: 30 }), (steps) => {
        const buffer = new StreamBuffer();
        let value = 0;
        const model: number[] = [];
        let start = 0;
        let mostHeld = 0;
        for (const [written, discarded] of steps) {
          const data = Uint8Array.from({ length: written }, () => (value += 1) & 0xff);
          buffer.write(buffer.end, data);
          model.push(...data);
          mostHeld = Math.max(mostHeld, model.length - start);
          start = Math.min(start + discarded, model.length);
          buffer.discardTo(start);
          expect(buffer.start).toBe(start);
          expect(buffer.end).toBe(model.length);
          const held = buffer.view(start, model.length - start);
          expect(Buffer.from(model.slice(start)).equals(held)).toBe(true);
          expect(buffer.capacityBytes).toBeLessThanOrEqual(Math.max(4_096, (mostHeld * 8) / 3));
        }
      }),
    );
  });

  it('gives its memory back when it is empty', () => {
    const buffer = new StreamBuffer();
    buffer.write(0, new Uint8Array(100_000));
    buffer.discardTo(100_000);
    expect(buffer.capacityBytes).toBe(0);
    buffer.write(100_000, Uint8Array.of(7));
    expect(buffer.byteAt(100_000)).toBe(7);
  });

  it('refuses what it does not hold', () => {
    const buffer = new StreamBuffer();
    buffer.write(0, new Uint8Array(10));
    buffer.discardTo(5);
    expect(() => buffer.view(4, 1)).toThrow(RangeError);
    expect(() => buffer.view(5, 6)).toThrow(RangeError);
    expect(() => {
      buffer.write(4, new Uint8Array(1));
    }).toThrow(RangeError);
    expect(() => {
      buffer.discardTo(11);
    }).toThrow(RangeError);
  });
});

describe('SendStream', () => {
  it('sends what is new once, and what was lost again before it', () => {
    const stream = new SendStream();
    stream.write(new Uint8Array(30));
    expect(stream.take(10)).toEqual({ offset: 0, length: 10 });
    expect(stream.take(10)).toEqual({ offset: 10, length: 10 });
    stream.onLost({ offset: 0, length: 10 });
    expect(stream.nextOffset).toBe(0);
    expect(stream.take(4)).toEqual({ offset: 0, length: 4 });
    expect(stream.take(100)).toEqual({ offset: 4, length: 6 });
    expect(stream.take(100)).toEqual({ offset: 20, length: 10 });
    expect(stream.take(100)).toBeUndefined();
    expect(stream.hasPiece).toBe(false);
  });

  it('does not send again what was acknowledged in the meantime', () => {
    const stream = new SendStream();
    stream.write(new Uint8Array(30));
    stream.take(30);
    stream.onAcknowledged({ offset: 10, length: 10 });
    stream.onLost({ offset: 0, length: 30 });
    expect(stream.take(100)).toEqual({ offset: 0, length: 10 });
    expect(stream.take(100)).toEqual({ offset: 20, length: 10 });
    stream.onLost({ offset: 0, length: 10 });
    stream.onAcknowledged({ offset: 0, length: 10 });
    expect(stream.hasPiece).toBe(false);
    expect(stream.bufferedBytes).toBe(10);
  });

  it('keeps within the window of the peer', () => {
    const stream = new SendStream();
    stream.write(new Uint8Array(transportLimits.receiveWindowBytes + 100));
    expect(stream.take(Infinity)).toEqual({ offset: 0, length: transportLimits.receiveWindowBytes });
    expect(stream.hasPiece).toBe(false);
    // Beyond a gap it opens nothing.
    stream.onAcknowledged({ offset: 50, length: 50 });
    expect(stream.hasPiece).toBe(false);
    stream.onAcknowledged({ offset: 0, length: 50 });
    expect(stream.take(Infinity)).toEqual({ offset: transportLimits.receiveWindowBytes, length: 100 });
  });

  it('counts what is not acknowledged', () => {
    const stream = new SendStream();
    stream.write(new Uint8Array(30));
    stream.take(20);
    expect([stream.bufferedBytes, stream.unacknowledgedBytes]).toEqual([30, 20]);
    stream.onAcknowledged({ offset: 0, length: 5 });
    expect([stream.bufferedBytes, stream.unacknowledgedBytes]).toEqual([25, 15]);
    stream.onAcknowledged({ offset: 0, length: 5 });
    expect(stream.bufferedBytes).toBe(25);
  });
});

describe('ReceiveStream', () => {
  const { receiveWindowBytes } = transportLimits;

  it('takes data up to the edge of the window and not beyond', () => {
    const stream = new ReceiveStream();
    expect(
      codeOf(() => {
        stream.receive(frame(receiveWindowBytes - 1, 1));
      }),
    ).toBeUndefined();
    expect(
      codeOf(() => {
        stream.receive(frame(receiveWindowBytes, 1));
      }),
    ).toBe(closeCodes.flowControl);
    stream.receive(frame(0, 1));
    expect(
      codeOf(() => {
        stream.receive(frame(receiveWindowBytes, 1));
      }),
    ).toBeUndefined();
  });

  it('counts a gap for what touches nothing', () => {
    const stream = new ReceiveStream();
    stream.receive(frame(10, 5));
    expect(stream.gaps).toBe(1);
    expect([0, 2, 5, 12, 15, 16].map((offset) => stream.wouldAddGap(frame(offset, 1)))).toEqual([
      false,
      true,
      true,
      false,
      false,
      true,
    ]);
    expect(stream.wouldAddGap(frame(9, 1))).toBe(false);
    expect(stream.wouldAddGap(frame(20, 0))).toBe(false);
  });

  it('has one end', () => {
    const ended = () => {
      const stream = new ReceiveStream();
      stream.receive(frame(0, 10, true));
      return stream;
    };
    expect(
      codeOf(() => {
        ended().receive(frame(5, 5, true));
      }),
    ).toBeUndefined();
    expect(
      codeOf(() => {
        ended().receive(frame(5, 5));
      }),
    ).toBeUndefined();
    expect(
      codeOf(() => {
        ended().receive(frame(5, 6));
      }),
    ).toBe(closeCodes.streamState);
    expect(
      codeOf(() => {
        ended().receive(frame(0, 9, true));
      }),
    ).toBe(closeCodes.streamState);
    const open = new ReceiveStream();
    open.receive(frame(20, 5));
    expect(
      codeOf(() => {
        open.receive(frame(0, 10, true));
      }),
    ).toBe(closeCodes.streamState);
  });
});

describe('messages on a stream', () => {
  const bufferBytes = 4 * 1024 * 1024;
  const message = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 100 }),
    fc.integer({ min: 1, max: 20_000 }).map((length) => new Uint8Array(length).fill(length & 0xff)),
  );

  it('arrive whole, once and in order, however their frames are cut, shuffled and repeated', () => {
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 12 }),
        fc.integer({ min: 60, max: 1_168 }),
        fc.infiniteStream(fc.nat()),
        (messages, packetBytes, choices) => {
          const sender = new Streams(bufferBytes);
          const receiver = new Streams(bufferBytes);
          for (const bytes of messages) sender.sendMessage(bytes);
          const frames = sentFrames(sender, packetBytes);
          const pool = [...frames, ...frames.slice(0, 5)];
          const got: Uint8Array[] = [];
          while (pool.length > 0) {
            const [picked] = pool.splice(choices.next().value % pool.length, 1);
            if (picked) receiver.receive(picked);
            got.push(...messagesOf(receiver));
          }
          expect(got.map((bytes) => bytes.length)).toEqual(messages.map((bytes) => bytes.length));
          expect(Buffer.concat(got).equals(Buffer.concat(messages))).toBe(true);
          expect(receiver.receiveCapacityBytes).toBeLessThanOrEqual(512 * 1024);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('share a packet when they are small', () => {
    const streams = new Streams(bufferBytes);
    for (let i = 0; i < 10; i += 1) streams.sendMessage(new Uint8Array(100));
    expect(sentFrames(streams).length).toBe(1);
  });

  it.each([0, transportLimits.messageBytes + 1])('of %i bytes are not taken', (length) => {
    const streams = new Streams(bufferBytes);
    expect(
      codeOf(() => {
        streams.sendMessage(new Uint8Array(length));
      }),
    ).toBe('MESSAGE_SIZE');
    expect(streams.bufferedBytes).toBe(0);
  });

  it('are not taken beyond the send buffer, which frees itself as they are acknowledged', () => {
    const streams = new Streams(1_000);
    streams.sendMessage(new Uint8Array(600));
    streams.sendMessage(new Uint8Array(1_000 - framedBytes(600) - 2));
    expect(streams.bufferedBytes).toBe(1_000);
    expect(
      codeOf(() => {
        streams.sendMessage(new Uint8Array(1));
      }),
    ).toBe('SEND_BUFFER_FULL');
    expect(streams.bufferedBytes).toBe(1_000);
    const writer = new ByteWriter(new Uint8Array(1_168));
    for (const piece of streams.write(writer)) streams.onAcknowledged(piece);
    expect(streams.bufferedBytes).toBe(0);
    streams.sendMessage(new Uint8Array(1));
  });

  it.each([
    ['empty', '00', closeCodes.messageSize],
    ['one byte too long', '80010001', closeCodes.messageSize],
    ['of 2^62 bytes', 'ffffffffffffffff', closeCodes.messageSize],
    ['with a length in too many bytes', '4005', closeCodes.frameEncoding],
  ])('%s are a violation as soon as their length is known', (_, hex, code) => {
    const streams = new Streams(bufferBytes);
    const bytes = new Uint8Array(Buffer.from(hex, 'hex'));
    bytes.forEach((byte, i) => {
      const receive = (): void => {
        streams.receive(frame(i, Uint8Array.of(byte)));
      };
      expect(codeOf(receive)).toBe(i === bytes.length - 1 ? code : undefined);
    });
  });

  it('of the greatest length are taken', () => {
    const sender = new Streams(bufferBytes);
    const receiver = new Streams(bufferBytes);
    sender.sendMessage(new Uint8Array(transportLimits.messageBytes).fill(9));
    for (const sent of sentFrames(sender)) receiver.receive(sent);
    expect(messagesOf(receiver)).toEqual([new Uint8Array(transportLimits.messageBytes).fill(9)]);
  });

  it('on a stream that cannot exist are a violation', () => {
    const streams = new Streams(bufferBytes);
    expect(
      codeOf(() => {
        streams.receive({ ...frame(0, 1), id: 1 });
      }),
    ).toBe(closeCodes.streamState);
  });

  it('that nobody reads stop what comes after them, until they are read', () => {
    const streams = new Streams(bufferBytes);
    const sender = new Streams(bufferBytes);
    for (let i = 0; i < 3; i += 1) sender.sendMessage(new Uint8Array(50_000));
    for (const sent of sentFrames(sender)) streams.receive(sent);
    expect(streams.isFull).toBe(true);
    expect(streams.hasRoomFor([frame(150_009, 1)])).toBe(false);
    expect(streams.hasRoomFor([])).toBe(true);
    expect(streams.nextMessage()?.length).toBe(50_000);
    expect(streams.hasRoomFor([frame(150_009, 1)])).toBe(true);
  });

  it('with more gaps than honest senders make are not taken, but what fills a gap is', () => {
    const streams = new Streams(bufferBytes);
    let made = 0;
    for (let offset = 2; streams.hasRoomFor([frame(offset, 1)]); offset += 2) {
      streams.receive(frame(offset, 1));
      made += 1;
    }
    expect(made).toBe(transportLimits.streamGaps);
    expect(streams.hasRoomFor([frame(0, 2)])).toBe(true);
    expect(streams.hasRoomFor([frame(3, 1)])).toBe(true);
    expect(streams.hasRoomFor([frame(100_000, 1)])).toBe(false);
  });
});
