import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readFrameLog, writeFrameLog, type LoggedFrame } from '../testing/frame-log.js';
import { MalformedError } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import { readFrames, type FrameSink } from './frame-reader.js';
import { frameTypes, type AckRange } from './frame-types.js';
import { controlFrameBytes, cryptoFrameOverhead, streamFrameOverhead, writeAck } from './frame-writer.js';

const number = fc.oneof(fc.nat({ max: 100 }), fc.maxSafeNat());
const data = fc.uint8Array({ maxLength: 80 });
const pathData = fc.uint8Array({ minLength: 8, maxLength: 8 });
/** Data ends at 2^53 - 1 at the latest. */
const offset = fc.oneof(fc.nat({ max: 100 }), fc.nat({ max: Number.MAX_SAFE_INTEGER - 80 }));

/** From the smallest up: how far from the range before, and how long. */
const ranges = fc
  .array(fc.tuple(fc.nat({ max: 100_000 }), fc.nat({ max: 100_000 })), { minLength: 1, maxLength: 64 })
  .map((steps) => {
    let at = -2;
    return steps.map(([gap, length]) => {
      const smallest = at + 2 + gap;
      at = smallest + length;
      return { smallest, largest: at };
    });
  })
  .map((ascending) => ascending.reverse());

const frames: Record<LoggedFrame['type'], fc.Arbitrary<LoggedFrame>> = {
  ping: fc.constant({ type: 'ping' }),
  ack: fc.record({ type: fc.constant('ack'), ranges, delayUs: number }),
  crypto: fc.record({ type: fc.constant('crypto'), offset, data }),
  stream: fc.record({ type: fc.constant('stream'), id: number, offset, data, isEnd: fc.boolean() }),
  'max-data': fc.record({ type: fc.constant('max-data'), limit: number }),
  'max-stream-data': fc.record({ type: fc.constant('max-stream-data'), id: number, limit: number }),
  'max-streams': fc.record({ type: fc.constant('max-streams'), limit: number }),
  'reset-stream': fc.record({ type: fc.constant('reset-stream'), id: number, code: number, finalSize: number }),
  'stop-sending': fc.record({ type: fc.constant('stop-sending'), id: number, code: number }),
  datagram: fc.record({ type: fc.constant('datagram'), data }),
  'path-challenge': fc.record({ type: fc.constant('path-challenge'), data: pathData }),
  'path-response': fc.record({ type: fc.constant('path-response'), data: pathData }),
  close: fc.record({ type: fc.constant('close'), code: number, reason: fc.string({ unit: 'grapheme', maxLength: 8 }) }),
};
const anyFrame = fc.oneof(...Object.values(frames));

function written(...log: LoggedFrame[]): Uint8Array {
  const writer = new ByteWriter(new Uint8Array(20_000));
  writeFrameLog(writer, log);
  return writer.written().slice();
}

function bytes(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
}

const nothing = (): void => undefined;
const deafSink: FrameSink = {
  onPing: nothing,
  onAck: nothing,
  onCrypto: nothing,
  onStream: nothing,
  onMaxData: nothing,
  onMaxStreamData: nothing,
  onMaxStreams: nothing,
  onResetStream: nothing,
  onStopSending: nothing,
  onDatagram: nothing,
  onPathChallenge: nothing,
  onPathResponse: nothing,
  onClose: nothing,
};

describe('the frames of a packet', () => {
  it.each(Object.entries(frames))('come back as they were: %s', (_, frame) => {
    fc.assert(
      fc.property(frame, (one) => {
        expect(readFrameLog(written(one))).toEqual([one]);
      }),
    );
  });

  it('come back in their order, with padding between them', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(anyFrame, fc.nat({ max: 3 })), { minLength: 1, maxLength: 10 }), (parts) => {
        const packet = parts.flatMap(([frame, padding]) => [...written(frame), ...new Uint8Array(padding)]);
        expect(readFrameLog(Uint8Array.from(packet))).toEqual(parts.map(([frame]) => frame));
      }),
    );
  });

  it('are refused when they are cut, at every byte', () => {
    fc.assert(
      fc.property(anyFrame, (frame) => {
        const whole = written(frame);
        for (let length = 0; length < whole.length; length += 1) {
          expect(() => readFrameLog(whole.subarray(0, length))).toThrow(MalformedError);
        }
      }),
    );
  });

  it('are refused when there is none', () => {
    expect(() => readFrameLog(new Uint8Array(0))).toThrow(MalformedError);
    expect(readFrameLog(new Uint8Array(1))).toEqual([]);
  });

  it('of noise are frames, or malformed, and nothing else', () => {
    const types = Object.values(frameTypes);
    const noise = fc.oneof(
      fc.uint8Array({ maxLength: 100 }),
      fc
        .tuple(fc.constantFrom(...types), fc.uint8Array({ maxLength: 60 }))
        .map(([type, rest]) => Uint8Array.of(type, ...rest)),
    );
    fc.assert(
      fc.property(noise, (packet) => {
        try {
          readFrames(packet, deafSink);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedError);
        }
      }),
      { numRuns: 5_000 },
    );
  });

  it('that are read are written the same way again: equal frames have equal bytes', () => {
    let read = 0;
    const types = Object.values(frameTypes).filter((type) => type !== frameTypes.padding);
    const noise = fc.tuple(fc.constantFrom(...types), fc.array(fc.nat({ max: 0x4f }), { maxLength: 12 }));
    fc.assert(
      fc.property(noise, ([type, rest]) => {
        const packet = Uint8Array.of(type, ...rest);
        let log: LoggedFrame[];
        try {
          log = readFrameLog(packet);
        } catch {
          return;
        }
        // Padding is the one thing that the log does not tell.
        const length = written(...log).length;
        if (length < packet.length) return;
        read += 1;
        expect(written(...log)).toEqual(packet);
      }),
      { numRuns: 3_000 },
    );
    expect(read).toBeGreaterThan(100);
  });

  it('ask for an acknowledgement, unless they only pad, acknowledge or close', () => {
    for (const [type, frame] of Object.entries(frames)) {
      const [one] = fc.sample(frame, 1);
      const asks = type !== 'ack' && type !== 'close';
      expect([type, readFrames(written(one!), deafSink)]).toEqual([type, asks]);
    }
    expect(readFrames(new Uint8Array(3), deafSink)).toBe(false);
    expect(readFrames(Uint8Array.of(0, ...written({ type: 'ping' }), 0), deafSink)).toBe(true);
  });

  it.each([
    ['03', 'an unknown type'],
    ['0a 00 00 00', 'an unknown type next to STREAM'],
    ['3f', 'an unknown type'],
    ['40 01', 'a type in two bytes'],
    ['10 40 3f', 'a number of 6 bits in two bytes'],
    ['10 80 00 3f ff', 'a number of 14 bits in four bytes'],
    ['10 c0 00 00 00 3f ff ff ff', 'a number of 30 bits in eight bytes'],
    ['10 c0 20 00 00 00 00 00 00', 'a number of 2^53'],
    ['10 ff ff ff ff ff ff ff ff', 'the largest number of RFC 9000'],
    ['08 00 c0 1f ff ff ff ff ff ff 01 00', 'stream data beyond 2^53'],
    ['06 c0 1f ff ff ff ff ff ff 01 00', 'CRYPTO data beyond 2^53'],
    ['02 05 00 00 06', 'an ACK range that begins below zero'],
    ['02 05 00 01 00 04 00', 'a second ACK range below zero'],
    ['02 05 00 01 00', 'an ACK with fewer ranges than it says'],
    ['02 05 00 c0 1f ff ff ff ff ff ff 00', 'an ACK that claims 2^53 ranges'],
    ['18 05 01', 'a datagram that ends early'],
    ['1c 00 41 01', 'a reason of 257 bytes'],
    ['1c 00 02 c3 28', 'a reason that is no UTF-8'],
  ])('are refused: %s, %s', (hex) => {
    expect(() => readFrameLog(bytes(hex))).toThrow(MalformedError);
  });

  it('have the bytes of the specification', () => {
    const data = Uint8Array.of(0xaa, 0xbb);
    const eight = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
    const specified: [LoggedFrame, string][] = [
      [{ type: 'ping' }, '01'],
      [
        {
          type: 'ack',
          ranges: [
            { smallest: 20, largest: 22 },
            { smallest: 17, largest: 18 },
            { smallest: 3, largest: 3 },
          ],
          delayUs: 25_000,
        },
        // largest · delay · count · first length · gap 20 - 18 - 2 · length · gap 17 - 3 - 2 · length
        '02 16 800061a8 02 02 00 01 0c 00',
      ],
      [{ type: 'crypto', offset: 64, data }, '06 4040 02 aabb'],
      [{ type: 'stream', id: 10, offset: 16_384, data, isEnd: false }, '08 0a 80004000 02 aabb'],
      [{ type: 'stream', id: 10, offset: 0, data: new Uint8Array(0), isEnd: true }, '09 0a 00 00'],
      [{ type: 'max-data', limit: 2 ** 53 - 1 }, '10 c01fffffffffffff'],
      [{ type: 'max-stream-data', id: 9, limit: 2 ** 30 }, '11 09 c000000040000000'],
      [{ type: 'max-streams', limit: 128 }, '12 4080'],
      [{ type: 'reset-stream', id: 9, code: 7, finalSize: 63 }, '14 09 07 3f'],
      [{ type: 'stop-sending', id: 9, code: 7 }, '15 09 07'],
      [{ type: 'datagram', data }, '18 02 aabb'],
      [{ type: 'path-challenge', data: eight }, '1a 0102030405060708'],
      [{ type: 'path-response', data: eight }, '1b 0102030405060708'],
      [{ type: 'close', code: 0x4001, reason: 'né' }, '1c 80004001 03 6ec3a9'],
    ];
    for (const [frame, hex] of specified) {
      expect(written(frame)).toEqual(bytes(hex));
      expect(readFrameLog(bytes(hex))).toEqual([frame]);
    }
    expect(new Set(specified.map(([{ type }]) => type)).size).toBe(Object.keys(frames).length);
  });
});

describe('an ACK', () => {
  it('with more ranges than there is room for keeps the newest, and as many as fit', () => {
    fc.assert(
      fc.property(ranges, number, fc.nat({ max: 600 }), (all, delayUs, room) => {
        const writer = new ByteWriter(new Uint8Array(room));
        if (!writeAck(writer, { ranges: all, delayUs })) {
          expect(writer.length).toBe(0);
          expect(room).toBeLessThan(1 + 8 + 8 + 1 + 8);
          return;
        }
        const [frame] = readFrameLog(writer.written());
        const told: readonly AckRange[] = frame?.type === 'ack' ? frame.ranges : [];
        expect(told.length).toBeGreaterThan(0);
        expect(told).toEqual(all.slice(0, told.length));
        // One more would take four bytes for its gap and four for its length at most here.
        if (told.length < all.length) expect(writer.room).toBeLessThan(4 + 4);
      }),
    );
  });

  it('of nothing is a defect', () => {
    expect(() => writeAck(new ByteWriter(new Uint8Array(100)), { ranges: [], delayUs: 0 })).toThrow(RangeError);
  });
});

describe('the room that a frame asks for', () => {
  it('is what it takes beside its data', () => {
    fc.assert(
      fc.property(number, offset, data, (id, at, bytes) => {
        const stream = written({ type: 'stream', id, offset: at, data: bytes, isEnd: false });
        expect(stream.length).toBe(streamFrameOverhead(id, at, bytes.length) + bytes.length);
        const crypto = written({ type: 'crypto', offset: at, data: bytes });
        expect(crypto.length).toBe(cryptoFrameOverhead(at, bytes.length) + bytes.length);
      }),
    );
  });

  it('is enough for any frame of numbers, and when it is not there the frame is not begun', () => {
    const most = Number.MAX_SAFE_INTEGER;
    const reset: LoggedFrame = { type: 'reset-stream', id: most, code: most, finalSize: most };
    expect(written(reset).length).toBe(controlFrameBytes);
    expect(() => {
      writeFrameLog(new ByteWriter(new Uint8Array(controlFrameBytes - 1)), [reset]);
    }).toThrow(RangeError);
  });
});
