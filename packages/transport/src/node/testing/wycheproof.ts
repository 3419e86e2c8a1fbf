import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '../../../../../../shared/vectors');

/**
 * The vectors of one file of Project Wycheproof, all groups in one; all bytes in hex. Undefined, and said why, where the
 * vectors are not there: they are not a part of the repository.
 */
export function wycheproofVectors(name: string): readonly unknown[] | undefined {
  const path = join(folder, `wycheproof-${name}.json`);
  if (!existsSync(path)) {
    console.warn(`skipped: ../shared/vectors/wycheproof-${name}.json is not there`);
    return undefined;
  }
  const file = JSON.parse(readFileSync(path, 'utf8')) as { testGroups: { tests: unknown[] }[] };
  return file.testGroups.flatMap(({ tests }) => tests);
}
