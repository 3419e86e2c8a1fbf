import { makePrivateFile } from './private-file.js';
import { UncollectedDatabase } from './uncollected.js';

/** How long another process (a backup, say) may hold the database before a write fails. */
const busyTimeoutMs = 5_000;

/** SQLite's own check found something. */
export class DamagedDatabase extends Error {
  override readonly name = 'DamagedDatabase';
}

/** Opens a database file, or makes it, with the settings that our promises need. */
export function openDatabase(path: string): UncollectedDatabase {
  // SQLite's other files take the mode from this one.
  makePrivateFile(path);
  const database = new UncollectedDatabase(path, busyTimeoutMs);
  try {
    // synchronous: the library's default for WAL, NORMAL, may lose what was acknowledged when the power fails.
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON');
    // Not quick_check, which leaves the indexes unread: a wrong one hides an account and gives its name away.
    const found = database.prepare('PRAGMA integrity_check(1)').get() as { integrity_check: string };
    if (found.integrity_check !== 'ok') throw new DamagedDatabase(found.integrity_check);
  } catch (error) {
    database.close();
    throw error;
  }
  return database;
}
