import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { LineDecoder, type DecodedLine } from './line-decoder.js';

const encoder = new TextEncoder();

function decodeAll(chunks: readonly Uint8Array[], maxBytes = 100): DecodedLine[] {
  const decoder = new LineDecoder(maxBytes);
  return [...chunks.flatMap((chunk) => [...decoder.push(chunk)]), ...decoder.end()];
}

function bytewise(bytes: Uint8Array): Uint8Array[] {
  return Array.from(bytes, (byte) => Uint8Array.of(byte));
}

describe('lines', () => {
  const lines = fc.array(
    fc.string({ unit: 'binary', maxLength: 20 }).map((text) => text.replace(/[\r\n]/g, '').toWellFormed()),
    { maxLength: 8 },
  );

  it('are the same however the bytes are cut, with LF and with CRLF', () => {
    fc.assert(
      fc.property(lines, fc.constantFrom('\n', '\r\n'), (texts, end) => {
        const bytes = encoder.encode(texts.map((text) => text + end).join(''));
        const expected = texts.map((line) => ({ line }));
        expect(decodeAll([bytes])).toEqual(expected);
        expect(decodeAll(bytewise(bytes))).toEqual(expected);
      }),
    );
  });

  it('may lack the last end', () => {
    expect(decodeAll([encoder.encode('a\nb')])).toEqual([{ line: 'a' }, { line: 'b' }]);
  });

  it('do not share memory with the reused buffer they came in', () => {
    const decoder = new LineDecoder(100);
    const buffer = encoder.encode('first ');
    expect([...decoder.push(buffer)]).toEqual([]);
    buffer.fill(0x78);
    expect([...decoder.push(encoder.encode('half\n'))]).toEqual([{ line: 'first half' }]);
  });

  it('that are too long are reported once, their rest is skipped, and the next is read', () => {
    const bytes = encoder.encode(`${'x'.repeat(101)}\nok\n`);
    const expected = [{ problem: 'too-long' }, { line: 'ok' }];
    expect(decodeAll([bytes])).toEqual(expected);
    expect(decodeAll(bytewise(bytes))).toEqual(expected);
    const endless = encoder.encode(`${'x'.repeat(5000)}\nok\n`);
    expect(decodeAll([endless])).toEqual(expected);
    expect(decodeAll(bytewise(endless))).toEqual(expected);
  });

  it('of exactly the limit are taken, also with CRLF', () => {
    const line = 'x'.repeat(100);
    expect(decodeAll([encoder.encode(`${line}\r\n`)])).toEqual([{ line }]);
    expect(decodeAll(bytewise(encoder.encode(`${line}\r\n`)))).toEqual([{ line }]);
  });

  it('that are no UTF-8 are reported in their place', () => {
    const bytes = Uint8Array.of(0x61, 0x0a, 0xc3, 0x0a, 0xff, 0x0a, 0x62, 0x0a);
    const expected = [{ line: 'a' }, { problem: 'not-utf8' }, { problem: 'not-utf8' }, { line: 'b' }];
    expect(decodeAll([bytes])).toEqual(expected);
    expect(decodeAll(bytewise(bytes))).toEqual(expected);
  });

  it('never hold more than one line of memory', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 })), (chunks) => {
        for (const piece of decodeAll(chunks))
          if ('line' in piece) expect(encoder.encode(piece.line).length).toBeLessThanOrEqual(100);
      }),
    );
  });
});

describe('older peers', () => {
  it('may send what is no UTF-8, where that is asked for', () => {
    const decoder = new LineDecoder(10, { lossy: true });
    expect([...decoder.push(Uint8Array.of(0x61, 0xe9, 0x62, 0x0a))]).toEqual([{ line: 'a\ufffdb' }]);
    expect([...decoder.push(new Uint8Array(12))]).toEqual([{ problem: 'too-long' }]);
  });

  it('are answered with the line end they use', () => {
    const decoder = new LineDecoder(10);
    expect(decoder.ending).toBe('\n');
    for (const [text, ending] of [
      ['a\r\n', '\r\n'],
      ['b\n', '\n'],
      ['\r\n', '\r\n'],
    ] as const) {
      for (const byte of bytewise(encoder.encode(text))) [...decoder.push(byte)].forEach(() => undefined);
      expect(decoder.ending).toBe(ending);
    }
  });
});
