import { describe, expect, it } from '@jest/globals';
import { completions } from './admin-prompt.js';
import { readLines } from './read-lines.js';

describe('completion', () => {
  const rooms = () => Promise.resolve(['attic', 'lobby', 'loft']);

  it.each([
    ['l', ['lcu', 'lp', 'lr', 'lru', 'ls', 'lu'], 'l'],
    ['/lr', ['/lr', '/lru'], '/lr'],
    ['sh', ['shutdown'], 'sh'],
    ['lru lo', ['lobby', 'loft'], 'lo'],
    ['/room-users ', ['attic', 'lobby', 'loft'], ''],
    ['help se', ['sessions'], 'se'],
    ['lu ', [], ''],
    ['lru lobby a', [], 'a'],
    ['zzz', [], 'zzz'],
  ])('goes on with %j', async (line, found, replaced) => {
    expect(await completions(line, rooms)).toEqual([found, replaced]);
  });
});

describe('readLines', () => {
  async function read(...chunks: (string | Uint8Array)[]): Promise<string[]> {
    const seen: string[] = [];
    async function* input(): AsyncGenerator<Uint8Array> {
      for (const chunk of chunks) {
        await Promise.resolve();
        yield Buffer.from(chunk);
      }
    }
    await readLines(
      input(),
      async (line) => {
        seen.push(`begin ${line}`);
        await Promise.resolve();
        seen.push(`end ${line}`);
      },
      (problem) => seen.push(problem),
    );
    return seen;
  }

  it('runs one line after the other, also the last without an end', async () => {
    expect(await read('lu\nl', 's\r\n\nlr')).toEqual([
      ...['begin lu', 'end lu', 'begin ls', 'end ls', 'begin ', 'end ', 'begin lr', 'end lr'],
    ]);
  });

  it('tells of lines it cannot read, and goes on', async () => {
    expect(await read('x'.repeat(70_000), '\n', Uint8Array.of(0xff, 0x0a), 'lu\n')).toEqual([
      'the line is too long',
      'the line is not UTF-8',
      'begin lu',
      'end lu',
    ]);
  });
});
