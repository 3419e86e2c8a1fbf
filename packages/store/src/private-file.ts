import { closeSync, openSync } from 'node:fs';

/**
 * Makes an empty file that its owner alone may read; SQLite would make it with the process's umask. One that exists is
 * not even opened: closing it would free the locks that this process holds on it by another descriptor
 * (https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_).
 */
export function makePrivateFile(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
