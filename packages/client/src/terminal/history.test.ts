import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { HistoryFile, historyLines, isSecret } from './history.js';

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mca-'));
  path = join(directory, 'new', 'history');
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

const noProblem = (error: Error): never => {
  throw error;
};

function add(file: HistoryFile, ...lines: string[]): string[] {
  const history: string[] = [];
  for (const line of lines) {
    history.unshift(line);
    file.added(history);
  }
  return history;
}

describe('HistoryFile', () => {
  it('keeps lines for the next run, newest first, for its owner only', () => {
    expect(new HistoryFile(path, noProblem).load()).toEqual([]);
    add(new HistoryFile(path, noProblem), 'c localhost', 'o bob', 'hello wörld');
    expect(new HistoryFile(path, noProblem).load()).toEqual(['hello wörld', 'o bob', 'c localhost']);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(directory, 'new')).mode & 0o777).toBe(0o700);
  });

  it('never holds a line with a password, not even for the arrow keys', () => {
    const file = new HistoryFile(path, noProblem);
    file.load();
    const secrets = ['login alice s3cret', '/login alice s3cret', '  register alice s3cret', 'LOGIN alice s3cret'];
    const history = add(file, 'lu', ...secrets, 'logni alice s3cret', 'regsiter alice s3cret', 'lr');
    expect(history).toEqual(['lr', 'lu']);
    expect(readFileSync(path, 'utf8')).toBe('lu\nlr\n');
  });

  it('passes over such lines, should the file hold any', () => {
    const file = new HistoryFile(path, noProblem);
    file.load();
    writeFileSync(path, 'lu\nlogin alice s3cret\nx\u001b[2J\n');
    expect(file.load()).toEqual(['lu']);
  });

  it('forgets the oldest of more than a thousand', () => {
    const file = new HistoryFile(path, noProblem);
    file.load();
    const lines = Array.from({ length: historyLines + 10 }, (_, i) => `line ${String(i)}`);
    writeFileSync(path, `${lines.join('\n')}\n`);
    const loaded = file.load();
    expect(loaded).toHaveLength(historyLines);
    expect(loaded[0]).toBe(`line ${String(historyLines + 9)}`);
    expect(readFileSync(path, 'utf8').split('\n')).toHaveLength(historyLines + 1);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('does without when it cannot be used, and says so once', () => {
    writeFileSync(join(directory, 'new'), 'a file where the folder should be');
    const problems: Error[] = [];
    const file = new HistoryFile(path, (error) => problems.push(error));
    expect(file.load()).toEqual([]);
    expect(add(file, 'lu', 'lr')).toEqual(['lr', 'lu']);
    expect(problems).toHaveLength(1);
  });
});

describe('isSecret', () => {
  it.each([
    ['login alice x', true],
    ['/register alice x', true],
    ['s login alice x', false],
    ['lu', false],
    ['', false],
  ])('%j: %s', (line, secret) => {
    expect(isSecret(line)).toBe(secret);
  });
});
