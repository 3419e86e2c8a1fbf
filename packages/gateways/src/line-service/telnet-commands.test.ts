import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { TelnetCommands } from './telnet-commands.js';

interface Stripped {
  text: number[];
  answers: number[];
}

function strip(pieces: readonly Uint8Array[]): Stripped {
  const telnet = new TelnetCommands();
  const stripped: Stripped = { text: [], answers: [] };
  for (const piece of pieces) {
    stripped.text.push(...telnet.strip(piece));
    stripped.answers.push(...(telnet.takeAnswers() ?? []));
  }
  return stripped;
}

function bytewise(bytes: Uint8Array): Uint8Array[] {
  return Array.from(bytes, (byte) => Uint8Array.of(byte));
}

const a = 0x61;
const b = 0x62;

describe('telnet commands', () => {
  it.each([
    ['text', [a, b], [a, b], []],
    ['a doubled IAC', [a, 0xff, 0xff, b], [a, 0xff, b], []],
    ['NOP and AYT', [a, 0xff, 0xf1, 0xff, 0xf6, b], [a, b], []],
    ['WILL', [a, 0xff, 0xfb, 1, b], [a, b], [0xff, 0xfe, 1]],
    ['DO', [a, 0xff, 0xfd, 3, b], [a, b], [0xff, 0xfc, 3]],
    ['an option of the number 255', [0xff, 0xfd, 0xff, b], [b], [0xff, 0xfc, 0xff]],
    ['WONT and DONT', [0xff, 0xfc, 1, 0xff, 0xfe, 3, b], [b], []],
    ['parameters', [a, 0xff, 0xfa, 24, 0, 0x78, 0xff, 0xff, 0xf0, 0xff, 0xf0, b], [a, b], []],
    ['a stray SE', [a, 0xff, 0xf0, b], [a, b], []],
  ])('%s', (_what, bytes, text, answers) => {
    const input = Uint8Array.from(bytes);
    expect(strip([input])).toEqual({ text, answers });
    expect(strip(bytewise(input))).toEqual({ text, answers });
  });

  it('cost nothing where there are none', () => {
    const bytes = Uint8Array.of(a, b, 0xfe);
    const telnet = new TelnetCommands();
    expect(telnet.strip(bytes)).toBe(bytes);
    expect(telnet.takeAnswers()).toBeUndefined();
  });

  it('are the same however the bytes are cut', () => {
    const telnetish = fc.oneof({ weight: 2, arbitrary: fc.constantFrom(0xff, 0xf0, 0xfa, 0xfb, 0xfd) }, fc.nat(255));
    fc.assert(
      fc.property(fc.array(telnetish, { maxLength: 60 }), fc.nat(60), (list, cut) => {
        const bytes = Uint8Array.from(list);
        const whole = strip([bytes]);
        expect(strip(bytewise(bytes))).toEqual(whole);
        expect(strip([bytes.subarray(0, cut), bytes.subarray(cut)])).toEqual(whole);
        // One answer for at most one command, as long as it.
        expect(whole.text.length + whole.answers.length).toBeLessThanOrEqual(bytes.length);
      }),
    );
  });

  it('give text back that was escaped', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const escaped = Array.from(bytes, (byte) => (byte === 0xff ? [0xff, 0xff] : [byte])).flat();
        expect(strip([Uint8Array.from(escaped)])).toEqual({ text: Array.from(bytes), answers: [] });
      }),
    );
  });

  it('are broken by parameters that do not end', () => {
    const telnet = new TelnetCommands();
    telnet.strip(Uint8Array.of(0xff, 0xfa, 24));
    for (let n = 0; n < 4; n += 1) {
      expect(telnet.isBroken).toBe(false);
      telnet.strip(new Uint8Array(1024));
    }
    expect(telnet.isBroken).toBe(true);
  });
});
