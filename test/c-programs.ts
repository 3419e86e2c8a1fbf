/** C programs of the tests, which speak an older system's protocol with nothing of ours, compiled where there is a `cc`. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll } from '@jest/globals';
import { root } from './programs.js';

const compiled = new Map<string, string>();
let folder: string | undefined;

// Each test file has its own: the programs take a tenth of a second to compile.
afterAll(() => {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

/**
 * Compiles a program of test/c/ once.
 * @param source its file name there
 * @returns where the program is, or undefined, with the reason printed, on a machine without a compiler: such tests are
 *   to be skipped (`const program = compileC('x.c'); (program === undefined ? describe.skip : describe)(…)`)
 * @throws when it does not compile
 */
export function compileC(source: string): string | undefined {
  const known = compiled.get(source);
  if (known !== undefined) return known;
  folder ??= mkdtempSync(join(tmpdir(), 'parley-c-'));
  const program = join(folder, basename(source, '.c'));
  const options = ['-std=gnu11', '-O1', '-Wall', '-Wextra', '-Wno-unused-result'];
  const { error, status, stderr } = spawnSync('cc', [...options, '-o', program, join(root, 'test/c', source)], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') {
    process.stderr.write(`tests with ${source} are skipped: there is no C compiler (cc) here\n`);
    return undefined;
  }
  if (error) throw error;
  if (status !== 0) throw new Error(`${source} does not compile:\n${stderr}`);
  compiled.set(source, program);
  return program;
}
