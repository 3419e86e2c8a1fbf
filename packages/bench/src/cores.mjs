// The server on one core and the load client on another, where the system can do that: else its scheduler is measured.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

const cores = usableCores();
const canPin = cores.length >= 2 && spawnSync('taskset', ['--version']).status === 0;

/** For the report. */
export const pinning = canPin ? `server on core ${cores[0]}, load client on core ${cores[1]}` : 'not pinned to cores';

/** @returns the arguments of spawn() for a command of the given side */
export function pinned(side, command) {
  return onCore(side === 'server' ? 0 : 1, command);
}

/** @param index of one of the cores that this process may use */
export function onCore(index, [command, ...args]) {
  if (!canPin) return [command, args];
  return ['taskset', ['-c', String(cores[index]), command, ...args]];
}

/** Linux tells on which cores this process may run: `0-3,8`. */
function usableCores() {
  const path = '/proc/self/status';
  const list = existsSync(path) ? /Cpus_allowed_list:\s*(\S+)/.exec(readFileSync(path, 'utf8'))?.[1] : undefined;
  return (list ?? '').split(',').flatMap((range) => {
    if (range === '') return [];
    const [first, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}
