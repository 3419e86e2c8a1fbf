import { join } from 'node:path';
import { makePrivateFile } from './private-file.js';
import { isSqliteError, StoreError } from './store-error.js';
import { UncollectedDatabase } from './uncollected.js';

/**
 * Makes sure that one process at a time uses the directory, by an exclusive transaction on a small database of its own:
 * the kernel frees such a lock however the process ends, so a killed one leaves nothing to clear up.
 * @returns a function that frees it.
 */
export function lockDirectory(directory: string): () => void {
  const path = join(directory, 'lock.db');
  makePrivateFile(path);
  const database = new UncollectedDatabase(path, 0);
  try {
    database.exec('BEGIN EXCLUSIVE');
  } catch (cause) {
    database.close();
    if (isSqliteError(cause, 'SQLITE_BUSY')) {
      throw new StoreError('DATA_IN_USE', `another running server uses ${directory}`, { cause });
    }
    throw cause;
  }
  return () => {
    database.close();
  };
}
