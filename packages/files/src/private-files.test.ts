import { mkdtempSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { makePrivateDirectory, readIfThere, writePrivateFile } from './private-files.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'parley-files-'));
});

describe('a private file', () => {
  it('is written whole, for its owner only, and over the one before', () => {
    const path = join(folder, 'secret');
    expect(readIfThere(path)).toBeUndefined();
    writePrivateFile(path, 'one');
    writePrivateFile(path, 'two');
    expect(readIfThere(path)).toBe('two');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['secret']);
  });

  it('does not take over the mode, or follow the link, that a crash or somebody else left in its way', () => {
    const elsewhere = join(folder, 'elsewhere');
    writeFileSync(elsewhere, 'untouched');
    symlinkSync(elsewhere, join(folder, 'secret.new'));
    writePrivateFile(join(folder, 'secret'), 'text');
    expect(readFileSync(elsewhere, 'utf8')).toBe('untouched');
    expect(statSync(join(folder, 'secret')).mode & 0o777).toBe(0o600);
  });

  it('that cannot be read is no missing one', () => {
    expect(() => readIfThere(folder)).toThrow(expect.objectContaining({ code: 'EISDIR' }));
  });
});

describe('a private directory', () => {
  it('is made with those above it, for its owner only, and left alone when it is there', () => {
    const path = join(folder, 'a', 'b');
    makePrivateDirectory(path);
    makePrivateDirectory(path);
    for (const made of [path, join(folder, 'a')]) expect(statSync(made).mode & 0o777).toBe(0o700);
  });

  it('that cannot be made is an error, below /proc too', () => {
    writeFileSync(join(folder, 'file'), '');
    for (const path of [join(folder, 'file'), join(folder, 'file', 'a'), '/proc/nope/a']) {
      expect(() => {
        makePrivateDirectory(path);
      }).toThrow();
    }
  });
});
