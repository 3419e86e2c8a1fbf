import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MalformedError } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import { decodeFrames, encodeFrame, isAckEliciting, streamFrameOverhead, type AckRange, type Frame } from './frames.js';

function encoded(...frames: Frame[]): Uint8Array {
  const writer = new ByteWriter(new Uint8Array(4_096));
  for (const frame of frames) encodeFrame(writer, frame);
  return writer.written();
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function fromHex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'));
}

const golden: [string, Frame, string][] = [
  ['PADDING', { type: 'padding', length: 3 }, '000000'],
  ['PING', { type: 'ping' }, '01'],
  ['ACK of one packet', { type: 'ack', ranges: [{ smallest: 0, largest: 0 }], delayUs: 0 }, '0200000000'],
  [
    'ACK with a gap',
    {
      type: 'ack',
      ranges: [
        { smallest: 90, largest: 100 },
        { smallest: 80, largest: 85 },
      ],
      delayUs: 25_000,
    },
    '024064800061a8010a0305',
  ],
  ['STREAM', { type: 'stream', id: 0, offset: 1_000, data: Uint8Array.of(0xaa, 0xbb), end: false }, '080043e802aabb'],
  ['STREAM with the end', { type: 'stream', id: 0, offset: 0, data: Uint8Array.of(0xcc), end: true }, '09000001cc'],
  ['CLOSE', { type: 'close', code: 0x4002, reason: 'ok' }, '1c80004002026f6b'],
];

const ranges = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 1_000 }), fc.integer({ min: 2, max: 1_000 })), {
    minLength: 1,
    maxLength: 40,
  })
  .map((pairs) => {
    const result: AckRange[] = [];
    let next = 0;
    for (const [length, gap] of pairs) {
      result.unshift({ smallest: next, largest: next + length });
      next += length + gap;
    }
    return result;
  });

const frame: fc.Arbitrary<Frame> = fc.oneof(
  fc.constant<Frame>({ type: 'ping' }),
  fc.record({ type: fc.constant('ack' as const), ranges, delayUs: fc.maxSafeNat() }),
  fc.record({
    type: fc.constant('stream' as const),
    id: fc.maxSafeNat(),
    offset: fc.integer({ min: 0, max: 2 ** 52 }),
    data: fc.uint8Array({ maxLength: 50 }),
    end: fc.boolean(),
  }),
  fc.record({
    type: fc.constant('close' as const),
    code: fc.maxSafeNat(),
    reason: fc.string({ maxLength: 60, unit: 'grapheme' }).filter((text) => Buffer.byteLength(text) <= 256),
  }),
);

describe('frames', () => {
  it.each(golden)('%s has its bytes', (_, value, bytes) => {
    expect(hex(encoded(value))).toBe(bytes);
    expect(decodeFrames(fromHex(bytes))).toEqual([value]);
  });

  it('come back as they were, one behind another', () => {
    fc.assert(
      fc.property(fc.array(frame, { minLength: 1, maxLength: 5 }), (frames) => {
        expect(decodeFrames(encoded(...frames))).toEqual(frames);
      }),
    );
  });

  it('are refused when cut anywhere', () => {
    fc.assert(
      fc.property(frame, (value) => {
        const bytes = encoded(value);
        for (let length = 0; length < bytes.length; length += 1) {
          expect(() => decodeFrames(bytes.subarray(0, length))).toThrow(MalformedError);
        }
      }),
    );
  });

  it('may be followed by padding and by nothing unknown', () => {
    fc.assert(
      fc.property(frame, fc.integer({ min: 1, max: 9 }), (value, length) => {
        expect(decodeFrames(encoded(value, { type: 'padding', length }))).toEqual([value, { type: 'padding', length }]);
        expect(() => decodeFrames(Uint8Array.of(...encoded(value), 0xff))).toThrow(MalformedError);
      }),
    );
  });

  it('never make anything but frames or a MalformedError of noise, and what they make has one form only', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (noise) => {
        let frames: Frame[];
        try {
          frames = decodeFrames(noise);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedError);
          return;
        }
        expect(encoded(...frames)).toEqual(noise);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    ['an unknown type', '03'],
    ['a reserved type', '10'],
    ['an ACK range below zero', '0205000006'],
    ['an ACK gap below zero', '02050001000500'],
    ['an ACK with fewer ranges than it says', '0205000500'],
    ['a stream that ends beyond 2^53', '0800' + 'c01fffffffffffff' + '01aa'],
    ['a close reason that is no UTF-8', '1c0001ff'],
    ['a close reason over 256 bytes', '1c004101' + '61'.repeat(257)],
    ['nothing at all', ''],
  ])('refuse %s', (_, bytes) => {
    expect(() => decodeFrames(fromHex(bytes))).toThrow(MalformedError);
  });

  it('ask for an acknowledgement when they matter', () => {
    expect(golden.filter(([, value]) => isAckEliciting(value)).map(([name]) => name)).toEqual([
      'PING',
      'STREAM',
      'STREAM with the end',
    ]);
  });

  it('take no more room than was planned for', () => {
    fc.assert(
      fc.property(fc.nat(5), fc.maxSafeNat(), fc.nat(1_168), (id, at, length) => {
        const offset = Math.min(at, 2 ** 53 - 1 - length);
        const bytes = encoded({ type: 'stream', id, offset, data: new Uint8Array(length), end: false });
        expect(bytes.length).toBe(length + streamFrameOverhead(id, offset, length));
      }),
    );
  });
});
