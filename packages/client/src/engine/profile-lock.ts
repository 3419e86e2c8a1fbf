/** Keeps a profile to one process: a file that names its owner. */
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { readIfThere } from '@parley/files';
import { ParleyError } from '@parley/protocol';

export class ProfileLock {
  readonly #path: string;

  /** @throws ParleyError PROFILE_LOCKED, which names the process that has it */
  constructor(path: string) {
    this.#path = path;
    const mine = `${path}.${String(process.pid)}`;
    // Made whole under another name, then linked: nobody ever sees a lock without its owner.
    writeFileSync(mine, ownerText(process.pid), { mode: 0o600 });
    try {
      while (!tryLink(mine, path)) removeStale(path);
    } finally {
      rmSync(mine, { force: true });
    }
  }

  release(): void {
    rmSync(this.#path, { force: true });
  }
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Removes a lock whose process died without a word; throws when it lives. */
function removeStale(path: string): void {
  const text = readIfThere(path);
  if (text === undefined) return;
  const pid = Number(text.split('\n')[0]);
  if (Number.isInteger(pid) && pid > 0 && ownerText(pid) === text && isAlive(pid)) {
    throw new ParleyError('PROFILE_LOCKED', `the profile is used by process ${String(pid)}`);
  }
  // Moved away before it goes, so that of two who find it stale only one removes it, and nobody a fresh one.
  const grave = `${path}.stale.${String(process.pid)}`;
  try {
    renameSync(path, grave);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  if (readFileSync(grave, 'utf8') === text) rmSync(grave, { force: true });
  else renameSync(grave, path);
}

/** A process number may be given out again; when the process began tells the two apart (Linux, proc(5), field 22). */
function ownerText(pid: number): string {
  const stat = readIfThere(`/proc/${String(pid)}/stat`);
  const startedAt = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  return `${String(pid)}\n${startedAt}\n`;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
