import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { readIfThere, writePrivateFile } from '@parley/files';
import { StartFailure } from '../start-failure.js';

const pepperBytes = 32;

/**
 * The secret that goes into every password hash and lies beside the database, not in it: who has only a copy of the
 * database cannot even begin to guess. Made at the first start.
 * @throws StartFailure DATA_CORRUPT when it is damaged, or either of the two is there without the other.
 */
export function loadPepper(directory: string, database: { isNew: boolean; hasAccounts: boolean }): Uint8Array {
  const path = join(directory, 'pepper');
  const stored = readIfThere(path);
  if (stored === undefined) {
    if (database.hasAccounts) {
      throw new StartFailure('DATA_CORRUPT', `${path} is missing; without it no password can be checked`);
    }
    const pepper = randomBytes(pepperBytes);
    writePrivateFile(path, `${pepper.toString('hex')}\n`);
    return pepper;
  }
  if (database.isNew) {
    const what = `${path} is there, but the database that it belongs to is missing or empty`;
    throw new StartFailure('DATA_CORRUPT', `${what} (to begin anew, remove ${path})`);
  }
  if (!/^[0-9a-f]{64}\n?$/.test(stored)) throw new StartFailure('DATA_CORRUPT', `${path} is damaged`);
  return Buffer.from(stored.trim(), 'hex');
}
