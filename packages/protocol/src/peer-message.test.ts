import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MalformedError } from './byte-codec.js';
import {
  decodePeerFrame,
  encodeMessageRecord,
  encodeReceiptFrame,
  encodeTextFrame,
  textProblem,
  type MessageRecord,
} from './peer-message.js';

const bytesOf = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });

const message: fc.Arbitrary<MessageRecord & { text: string }> = fc.record({
  id: bytesOf(16),
  conversation: bytesOf(16),
  sender: fc.stringMatching(/^[a-z0-9][a-z0-9_-]{1,31}$/),
  chain: bytesOf(8),
  seq: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  at: fc.nat(8.64e15),
  previous: bytesOf(32),
  text: fc.string({ unit: 'binary', minLength: 1, maxLength: 50 }).filter((text) => textProblem(text) === undefined),
});

function decodes(bytes: Uint8Array): boolean {
  try {
    return decodePeerFrame(bytes) !== undefined;
  } catch (error) {
    if (error instanceof MalformedError) return false;
    throw error;
  }
}

describe('peer frames', () => {
  it('look as the specification says', () => {
    const record = encodeMessageRecord({
      id: new Uint8Array(16).fill(0x11),
      conversation: new Uint8Array(16).fill(0x22),
      sender: 'alice',
      chain: new Uint8Array(8).fill(0x44),
      seq: 1,
      at: 1_700_000_000_000,
      previous: new Uint8Array(32),
      text: 'hé',
    });
    expect(Buffer.from(encodeTextFrame(record)).toString('hex')).toBe(
      `01${'11'.repeat(16)}${'22'.repeat(16)}05616c696365${'44'.repeat(8)}01c000018bcfe56800${'00'.repeat(32)}0168c3a9`,
    );
    expect(Buffer.from(encodeReceiptFrame(new Uint8Array(16).fill(0x33))).toString('hex')).toBe(`02${'33'.repeat(16)}`);
  });

  it('come back as they went', () => {
    fc.assert(
      fc.property(message, (value) => {
        const record = encodeMessageRecord(value);
        expect(decodePeerFrame(encodeTextFrame(record))).toEqual({ type: 'text', record, message: value });
      }),
    );
  });

  it('cut anywhere before the text are refused', () => {
    fc.assert(
      fc.property(message, (value) => {
        const frame = encodeTextFrame(encodeMessageRecord(value));
        const textBytes = new TextEncoder().encode(value.text).length;
        for (let length = 0; length <= frame.length - textBytes; length += 1) {
          expect(decodes(frame.subarray(0, length))).toBe(false);
        }
      }),
    );
  });

  it('with bytes behind a receipt are refused', () => {
    expect(decodes(Uint8Array.of(...encodeReceiptFrame(new Uint8Array(16)), 0))).toBe(false);
  });

  it('survive noise', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        decodes(bytes);
      }),
    );
  });

  it('with a kind of body that is not known have no text, and still count', () => {
    const frame = Buffer.from(`01${'11'.repeat(32)}03626f62${'44'.repeat(8)}0700${'55'.repeat(32)}7f0102`, 'hex');
    const decoded = decodePeerFrame(frame);
    expect(decoded).toMatchObject({ type: 'text', message: { sender: 'bob', seq: 7, text: undefined } });
  });

  it('of unknown types are passed over', () => {
    expect(decodePeerFrame(Uint8Array.of(0x7f, 1, 2, 3))).toBeUndefined();
  });

  it('with the text of another encoding, a bad name or a number 0 are refused', () => {
    const good = {
      id: new Uint8Array(16),
      conversation: new Uint8Array(16),
      sender: 'alice',
      chain: new Uint8Array(8),
      seq: 1,
      at: 0,
      previous: new Uint8Array(32),
      text: 'x',
    };
    expect(decodes(encodeTextFrame(encodeMessageRecord(good)))).toBe(true);
    for (const bad of [
      { sender: 'Alice' },
      { seq: 0 },
      { at: Number.MAX_SAFE_INTEGER },
      { text: '\u001b[2J' },
      { text: '' },
    ]) {
      expect(decodes(encodeTextFrame(encodeMessageRecord({ ...good, ...bad })))).toBe(false);
    }
    const frame = encodeTextFrame(encodeMessageRecord(good));
    frame[frame.length - 1] = 0xff;
    expect(decodes(frame)).toBe(false);
  });
});

describe('a text', () => {
  it('is at most 16 KiB of UTF-8', () => {
    expect(textProblem('x'.repeat(16_384))).toBeUndefined();
    expect(textProblem('x'.repeat(16_385))).toContain('longer');
    expect(textProblem('é'.repeat(8192))).toBeUndefined();
    expect(textProblem('é'.repeat(8193))).toContain('longer');
    expect(textProblem('😀'.repeat(4096))).toBeUndefined();
    expect(textProblem('😀'.repeat(4097))).toContain('longer');
  });

  it('may hold tabs, line feeds and any script', () => {
    expect(textProblem('a\tb\nc שלום 你好 👩‍👩‍👧')).toBeUndefined();
  });

  it.each(['', '\0', 'a\u001b[31m', 'a\r', '\u007f', '\u009b', '\ud800', 'x\udc00'])('%j is refused', (text) => {
    expect(textProblem(text)).toBeDefined();
  });
});
