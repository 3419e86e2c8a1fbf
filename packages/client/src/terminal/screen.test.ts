import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { settled } from './fake-client.fixture.js';
import { Keyboard } from './keyboard.js';
import { Screen, type ScreenListener } from './screen.js';
import { TestTerminal } from './test-terminal.fixture.js';

function setUp({
  columns = 40,
  rows = 12,
  ...listener
}: Partial<ScreenListener> & { columns?: number; rows?: number } = {}) {
  const stdin = new PassThrough();
  const terminal = new TestTerminal(columns, rows);
  const lines: string[] = [];
  const keyboard = new Keyboard(stdin, { onPaste: () => undefined });
  const screen = new Screen(keyboard, terminal, ['older line'], {
    onLine: (line) => lines.push(line),
    onInterrupt: () => undefined,
    onClose: () => undefined,
    onHistory: () => undefined,
    complete: () => Promise.resolve([[], '']),
    ...listener,
  });
  screen.setPrompt('alice> ');
  const type = async (keys: string): Promise<void> => {
    stdin.write(keys);
    await settled();
  };
  return { terminal, screen, stdin, lines, type };
}

const left = '\u001b[D';

describe('printing above the prompt', () => {
  it('leaves a half-typed line and its cursor as they were', async () => {
    const { terminal, screen, type } = setUp();
    await type(`hello wrld${left}${left}${left}`);
    screen.print(['bob: hi']);
    expect(await terminal.shown()).toEqual(['bob: hi', 'alice> hello wrld']);
    expect(terminal.cursor).toEqual({ column: 14, row: 1 });
    await type('o');
    expect(await terminal.shown()).toEqual(['bob: hi', 'alice> hello world']);
  });

  it('leaves a line of several rows as it was, with the cursor in the middle', async () => {
    const { terminal, screen, lines, type } = setUp({ columns: 20 });
    const long = 'abcdefghij'.repeat(5);
    await type(long + left.repeat(25));
    const { column, row } = await terminal.position();
    screen.print(['bob: one', 'bob: two']);
    screen.print(['bob: three']);
    const shown = await terminal.shown();
    expect(shown.slice(0, 3)).toEqual(['bob: one', 'bob: two', 'bob: three']);
    expect(shown.slice(3).join('')).toBe(`alice> ${long}`);
    expect(terminal.cursor).toEqual({ column, row: row + 3 });
    await type('X\r');
    expect(lines).toEqual([`${long.slice(0, 25)}X${long.slice(25)}`]);
  });

  it('a line that ends with its row is as good as others', async () => {
    const { terminal, screen, type } = setUp({ columns: 20 });
    await type('x'.repeat(13));
    screen.print(['bob: hi']);
    await type('y');
    expect((await terminal.shown()).slice(0, 3)).toEqual(['bob: hi', `alice> ${'x'.repeat(13)}`, 'y']);
  });

  it('wide characters are measured by the terminal’s width', async () => {
    const { terminal, screen, type } = setUp({ columns: 20 });
    await type('漢字'.repeat(8));
    screen.print(['bob: hi']);
    const shown = await terminal.shown();
    expect(shown[0]).toBe('bob: hi');
    expect(shown.slice(1).join('')).toContain('漢字'.repeat(3));
    expect(shown.filter((line) => line.startsWith('alice>'))).toHaveLength(1);
  });

  it('scrolls when the screen is full', async () => {
    const { terminal, screen, type } = setUp({ rows: 5 });
    await type('half');
    for (let i = 1; i <= 20; i += 1) screen.print([`line ${String(i)}`]);
    expect(await terminal.shown()).toEqual(['line 17', 'line 18', 'line 19', 'line 20', 'alice> half']);
  });

  it('a changed prompt keeps the typed line', async () => {
    const { terminal, screen, type } = setUp();
    await type('half');
    screen.setPrompt('alice@bob> ');
    expect(await terminal.shown()).toEqual(['alice@bob> half']);
    expect(terminal.cursor).toEqual({ column: 15, row: 0 });
  });
});

describe('rewriting', () => {
  it('changes a block in place, with what stands below it', async () => {
    const { terminal, screen, type } = setUp({ columns: 20 });
    screen.print(['before']);
    const block = screen.print(['mine: short']);
    screen.print(['bob:_a_line_of_more_than_one_row_of_this_screen']);
    await type('half');
    expect(screen.rewrite(block, ['mine: done', '  second'])).toBe(true);
    const shown = await terminal.shown();
    expect(shown.slice(0, 3)).toEqual(['before', 'mine: done', '  second']);
    expect(shown.slice(3, -1).join('')).toBe('bob:_a_line_of_more_than_one_row_of_this_screen');
    expect(shown.at(-1)).toBe('alice> half');
  });

  it('changes the line as it was typed', async () => {
    const { terminal, screen, type } = setUp({
      onLine: (line, echo) => screenOf().rewrite(echo, [`-> ${line}`]),
    });
    const screenOf = (): Screen => screen;
    await type('a long line that needs two rows on this narrow screen\r');
    expect((await terminal.shown()).join('')).toBe('-> a long line that needs two rows on this narrow screenalice>');
  });

  it('tells when the block is too far up, and changes nothing', async () => {
    const { terminal, screen } = setUp({ rows: 6 });
    const block = screen.print(['mine']);
    for (let i = 1; i <= 6; i += 1) screen.print([String(i)]);
    expect(screen.rewrite(block, ['changed'])).toBe(false);
    expect(await terminal.shown()).toEqual(['2', '3', '4', '5', '6', 'alice>']);
  });

  it('tells when the terminal was resized or cleared since', async () => {
    const { terminal, screen, type } = setUp();
    const block = screen.print(['mine']);
    terminal.emit('resize');
    expect(screen.rewrite(block, ['changed'])).toBe(false);
    const next = screen.print(['mine']);
    await type('\u000c');
    expect(screen.rewrite(next, ['changed'])).toBe(false);
  });
});

describe('a question', () => {
  it('takes the line off, keeps what comes in for later, and puts the line back', async () => {
    const { terminal, screen, type } = setUp();
    const row = '0123456789'.repeat(4);
    await type(`${row}half typed${left.repeat(5)}`);
    let answer: (text: string) => void = () => undefined;
    const asked = screen.ask(
      ({ output }) =>
        new Promise<string>((resolve) => {
          output.write('really?\r\n');
          answer = resolve;
        }),
      new AbortController().signal,
    );
    await settled();
    const block = screen.print(['bob: hi']);
    screen.rewrite(block, ['bob: hello']);
    screen.setPrompt('alice@bob> ');
    expect(await terminal.shown()).toEqual(['really?']);
    answer('yes');
    expect(await asked).toBe('yes');
    const shown = await terminal.shown();
    expect(shown.slice(0, 2)).toEqual(['really?', 'bob: hello']);
    expect(shown.slice(2).join('')).toBe(`alice@bob> ${row}half typed`);
    await type('_');
    expect((await terminal.shown()).slice(2).join('')).toBe(`alice@bob> ${row}half _typed`);
  });

  it('keys typed meanwhile go to the question; Ctrl-D and the signal end it', async () => {
    const { screen, lines, type } = setUp();
    let got = '';
    const question = ({ input, signal }: { input: NodeJS.ReadableStream; signal: AbortSignal }) =>
      new Promise<never>((_resolve, reject) => {
        input.on('data', (bytes: Buffer) => {
          got += bytes.toString();
        });
        signal.addEventListener('abort', () => {
          reject(new Error('given up'));
        });
      });
    const first = expect(screen.ask(question, new AbortController().signal)).rejects.toThrow('given up');
    await settled();
    await type('secret\r');
    await type('\u0004');
    await first;
    expect([got, lines]).toEqual(['secret\r', []]);
    const abort = new AbortController();
    const second = expect(screen.ask(question, abort.signal)).rejects.toThrow('given up');
    await settled();
    abort.abort();
    await second;
    await expect(screen.ask(question, abort.signal)).rejects.toThrow();
    await type('line\r');
    expect(lines).toEqual(['line']);
  });

  it('one after the other', async () => {
    const { screen } = setUp();
    const order: string[] = [];
    const ask = (name: string) =>
      screen.ask(async () => {
        order.push(`${name} begins`);
        await settled();
        order.push(`${name} ends`);
      }, new AbortController().signal);
    await Promise.all([ask('a'), ask('b')]);
    expect(order).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
  });
});

describe('keys', () => {
  it('the arrow up brings back lines of earlier runs', async () => {
    const { terminal, type } = setUp();
    await type('\u001b[A');
    expect(await terminal.shown()).toEqual(['alice> older line']);
  });

  it('Tab completes', async () => {
    const { terminal, type } = setUp({ complete: () => Promise.resolve([['carol '], 'ca']) });
    await type('o ca\t');
    expect(await terminal.shown()).toEqual(['alice> o carol']);
  });

  it('Ctrl-D ends, and what comes then is still shown', async () => {
    let closed = false;
    const { terminal, screen, type } = setUp({
      onClose: () => {
        closed = true;
      },
    });
    await type('\u0004');
    expect(closed).toBe(true);
    screen.print(['not delivered to bob']);
    screen.setPrompt('x> ');
    expect(await terminal.shown()).toEqual(['not delivered to bob']);
  });

  it('asks the terminal for bracketed paste, and takes that back', async () => {
    const { terminal, screen } = setUp();
    await settled();
    expect(terminal.raw.startsWith('\u001b[?2004h')).toBe(true);
    screen.close();
    await terminal.shown();
    expect(terminal.raw.endsWith('\u001b[?2004l')).toBe(true);
  });
});
