import Database from 'better-sqlite3';
import { makePrivateFile } from './private-file.js';

/** How long another process (a backup, say) may hold the database before a write fails. */
const busyTimeoutMs = 5_000;

/** SQLite's own check found something. */
export class DamagedDatabase extends Error {
  override readonly name = 'DamagedDatabase';
}

/** Opens a database file, or makes it, with the settings that our promises need. */
export function openDatabase(path: string): Database.Database {
  // SQLite's other files take the mode from this one.
  makePrivateFile(path);
  const database = new Database(path, { timeout: busyTimeoutMs });
  try {
    database.pragma('journal_mode = WAL');
    // The library's default for WAL, NORMAL, may lose what was acknowledged when the power fails.
    database.pragma('synchronous = FULL');
    database.pragma('foreign_keys = ON');
    // Not quick_check, which leaves the indexes unread: a wrong one hides an account and gives its name away.
    const found = database.pragma('integrity_check(1)', { simple: true });
    if (found !== 'ok') throw new DamagedDatabase(String(found));
  } catch (error) {
    database.close();
    throw error;
  }
  return database;
}
