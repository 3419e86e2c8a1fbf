import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { jsonLine, plainLine, printable } from './printable.js';

describe('printable', () => {
  it('keeps ordinary text of any language, also beyond the basic plane', () => {
    const text = 'Grüße, 你好, שלום, 👩‍👩‍👧 ~!@#\\';
    expect(printable(text)).toBe(text);
  });

  it.each([
    ['\u001b[31mred', '\\u{1b}[31mred'],
    ['\u001b]0;title\u0007', '\\u{1b}]0;title\\u{7}'],
    ['a\r\nb\tc\0', 'a\\u{d}\\u{a}b\\u{9}c\\u{0}'],
    ['\u007f\u0080\u009b\u009f', '\\u{7f}\\u{80}\\u{9b}\\u{9f}'],
    ['\u061c\u200e\u200f', '\\u{61c}\\u{200e}\\u{200f}'],
    ['\u202a\u202b\u202c\u202d\u202e', '\\u{202a}\\u{202b}\\u{202c}\\u{202d}\\u{202e}'],
    ['\u2066\u2067\u2068\u2069', '\\u{2066}\\u{2067}\\u{2068}\\u{2069}'],
    ['a\u200bb\u2060c\ufeff', 'a\\u{200b}b\\u{2060}c\\u{feff}'],
    ['\u2028\u2029', '\\u{2028}\\u{2029}'],
    ['\u00ad\u034f\u115f\u180b\u3164\uffa0', '\\u{ad}\\u{34f}\\u{115f}\\u{180b}\\u{3164}\\u{ffa0}'],
    ['\ufff9\u{e0001}\u{1d173}', '\\u{fff9}\\u{e0001}\\u{1d173}'],
    ['\ud800x\udfff', '\\u{d800}x\\u{dfff}'],
  ])('shows %j as %s', (text, shown) => {
    expect(printable(text)).toBe(shown);
  });

  it('leaves what stands beside such characters, and what letters, emoji and flags are made of', () => {
    const text = ' ~\u00a0\u061b\u200c\u200d\u2010\u2027\u202f\u2070\ufe0f\ufffc\u{e0100}\u{1f3f4}\u{e0067}\u{e007f}';
    expect(printable(text)).toBe(text);
  });

  it('gives well-formed text without any such character, whatever comes in, and changes it only once', () => {
    const hostile = fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) });
    fc.assert(
      fc.property(hostile, (text) => {
        const shown = printable(text);
        expect(shown.isWellFormed()).toBe(true);
        expect(shown).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/);
        expect(printable(shown)).toBe(shown);
      }),
    );
  });
});

describe('plainLine', () => {
  it('puts one mark for each character that printable escapes', () => {
    expect(plainLine('Grüße\tan \u001b[31mred\u0007\u202e\r\n')).toBe('Grüße an ?[31mred????');
  });

  it('leaves nothing to escape, and no text longer than it was', () => {
    const hostile = fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) });
    fc.assert(
      fc.property(hostile, (text) => {
        const shown = plainLine(text);
        expect(printable(shown)).toBe(shown);
        expect(shown.length).toBeLessThanOrEqual(text.length);
      }),
    );
  });
});

describe('jsonLine', () => {
  it('keeps a text as it is, and yet writes nothing that a terminal obeys', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const line = jsonLine({ text: `${text}\u009b\u202e\u007f\n` });
        expect(printable(line)).toBe(line);
        expect(JSON.parse(line)).toEqual({ text: `${text}\u009b\u202e\u007f\n` });
      }),
    );
  });

  it('escapes what is not seen beyond the basic plane, too', () => {
    expect(jsonLine({ text: '\u{e0080}\ud800' })).toBe('{"text":"\\udb40\\udc80\\ud800"}');
  });
});
