import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { settled } from './fake-client.fixture.js';
import { asOneLine, Keyboard } from './keyboard.js';

const start = '\u001b[200~';
const end = '\u001b[201~';

function setUp() {
  const source = new PassThrough();
  const pastes: (string | null)[] = [];
  const keyboard = new Keyboard(source, { onPaste: (text) => pastes.push(text) });
  let line = '';
  keyboard.lineInput.setEncoding('utf8').on('data', (text: string) => {
    line += text;
  });
  return { source, pastes, keyboard, typed: () => line };
}

describe('Keyboard', () => {
  it('keys go to the line, a paste comes as one', async () => {
    const { source, pastes, typed } = setUp();
    source.write(`a${start}one\rtwo${end}b`);
    await settled();
    expect(pastes).toEqual(['one\rtwo']);
    expect(typed()).toBe('ab');
  });

  it('wherever the bytes are cut, the same comes out', async () => {
    const bytes = Buffer.from(`grüße\r${start}eins\rzwei 😀${end}ok\u001b[A`);
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.nat(bytes.length), { maxLength: 12 }), async (cuts) => {
        const { source, pastes, typed } = setUp();
        const edges = [0, ...cuts.sort((a, b) => a - b), bytes.length];
        // A key may be cut in its first three bytes, where it cannot be told from Escape: no terminal does that.
        const begin = bytes.indexOf(start);
        fc.pre(!edges.some((edge) => edge > begin && edge < begin + 4));
        for (const [i, edge] of edges.entries()) source.write(bytes.subarray(edges[i - 1] ?? 0, edge));
        await settled();
        expect(pastes).toEqual(['eins\rzwei 😀']);
        expect(typed()).toBe('grüße\rok\u001b[A');
      }),
      { numRuns: 50 },
    );
  });

  it('Escape and function keys do not wait for more', async () => {
    const { source, typed } = setUp();
    for (const key of ['\u001b', '\u001b[', '\u001b[2']) {
      source.write(key);
      await settled();
      expect(typed().endsWith(key)).toBe(true);
    }
  });

  it('a paste that is too long is dropped, and what follows is read', async () => {
    const { source, pastes, typed } = setUp();
    source.write(start);
    for (let i = 0; i < 70; i += 1) source.write('x'.repeat(1_000));
    source.write(`${end}${start}${'x'.repeat(17_000)}${end}ok`);
    await settled();
    expect(pastes).toEqual([null, null]);
    expect(typed()).toBe('ok');
  });

  it('Ctrl-C ends a paste that never ends', async () => {
    const { source, pastes, typed } = setUp();
    source.write(`${start}abc`);
    source.write('\u0003');
    source.write('ok');
    await settled();
    expect(pastes).toEqual([]);
    expect(typed()).toBe('ok');
  });

  it('during a question keys and pastes go to the question', async () => {
    const { source, pastes, keyboard, typed } = setUp();
    let gaveUp = 0;
    const { input, restore } = keyboard.divert(() => {
      gaveUp += 1;
    });
    let answer = '';
    input.setEncoding('utf8').on('data', (text: string) => {
      answer += text;
    });
    source.write(`se${start}cr\ret\u0007${end}!`);
    source.write('\u0004');
    await settled();
    expect([answer, gaveUp]).toEqual(['secr et!', 1]);
    restore();
    source.write('line');
    await settled();
    expect(typed()).toBe('line');
    expect(pastes).toEqual([]);
  });

  it('the end of the input ends the question and the line', async () => {
    const { source, keyboard } = setUp();
    let gaveUp = false;
    keyboard.divert(() => {
      gaveUp = true;
    });
    source.end();
    await settled();
    expect([gaveUp, keyboard.lineInput.readableEnded]).toEqual([true, true]);
  });

  it('passes the raw mode on to the terminal', () => {
    const modes: boolean[] = [];
    const source = Object.assign(new PassThrough(), { setRawMode: (mode: boolean) => modes.push(mode) });
    new Keyboard(source, { onPaste: () => undefined }).lineInput.setRawMode(true);
    expect(modes).toEqual([true]);
  });
});

describe('asOneLine', () => {
  it('leaves nothing that acts as a key', () => {
    expect(asOneLine('a\r\nb\tc\u001b[31md\u0003\u009be')).toBe('a b c[31mde');
  });
});
