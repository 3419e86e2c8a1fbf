import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';

/** The whole text of a file; undefined when there is no such file. */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Writes a file that is there whole or not at all, whatever crashes; for its owner only (0600). */
export function writePrivateFile(path: string, content: string): void {
  const unfinished = `${path}.new`;
  rmSync(unfinished, { force: true });
  const file = openSync(unfinished, 'wx', 0o600);
  try {
    writeSync(file, content);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(unfinished, path);
  // The new name is durable once the directory is.
  const directory = openSync(dirname(path), 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

/**
 * Makes a directory and those above it, where they are missing; for their owner only (0700). Each level is made by
 * itself: `mkdirSync` with `recursive` never returns below /proc in Node 20.
 */
export function makePrivateDirectory(path: string): void {
  const directory = resolve(path);
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory()) return;
  makePrivateDirectory(dirname(directory));
  mkdirSync(directory, { mode: 0o700 });
}
