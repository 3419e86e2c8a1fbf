import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ByteReader, ByteWriter, MalformedError } from './byte-codec.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('varints', () => {
  // The examples of RFC 9000, appendix A.1
  it.each([
    [37, '25'],
    [15_293, '7bbd'],
    [494_878_333, '9d7f3e7d'],
    [Number.MAX_SAFE_INTEGER, 'c01fffffffffffff'],
  ])('%d is %s', (value, bytes) => {
    expect(hex(new ByteWriter().varint(value).finish())).toBe(bytes);
    expect(new ByteReader(Buffer.from(bytes, 'hex')).varint()).toBe(value);
  });

  it('come back as they went', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        expect(new ByteReader(new ByteWriter().varint(value).finish()).varint()).toBe(value);
      }),
    );
  });

  it.each(['4025', '80000025', 'c000000000000025', 'c151f2e8ffffffff', 'ffffffffffffffff', '40', ''])(
    '%s is refused: longer than needed, too large, or cut',
    (bytes) => {
      expect(() => new ByteReader(Buffer.from(bytes, 'hex')).varint()).toThrow(MalformedError);
    },
  );

  it('cannot be written from what is no whole number', () => {
    for (const value of [-1, 0.5, NaN, Infinity, 2 ** 53]) {
      expect(() => new ByteWriter().varint(value)).toThrow(RangeError);
    }
  });
});

describe('a writer', () => {
  it('grows', () => {
    const piece = new Uint8Array(1000).fill(9);
    const written = new ByteWriter().u8(1).bytes(piece).u8(2).bytes(piece).finish();
    expect(written).toHaveLength(2002);
    expect(written[1001]).toBe(2);
  });
});
