import { ParleyError } from './errors.js';

const unitsMs = { ms: 1, s: 1_000, m: 60_000 } as const;

/** A script waits a day at most, so that a wrong number cannot make it hang for ever. */
const maxDurationMs = 24 * 3_600_000;

const pattern = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m)$/;

export function isDuration(word: string): boolean {
  return pattern.test(word);
}

/** `200ms`, `1.5s`, `2m` in milliseconds. @throws ParleyError USAGE */
export function parseDuration(word: string): number {
  const found = pattern.exec(word);
  if (!found) throw new ParleyError('USAGE', 'a time is a number with ms, s or m behind it, like 200ms');
  const ms = Math.round(Number(found[1]) * unitsMs[found[2] as keyof typeof unitsMs]);
  if (ms > maxDurationMs) throw new ParleyError('USAGE', 'a time is at most 1440m');
  return ms;
}

/** Milliseconds in the largest unit that needs no fraction: `5s`, `1500ms`. */
export function showDuration(ms: number): string {
  if (ms >= unitsMs.m && ms % unitsMs.m === 0) return `${String(ms / unitsMs.m)}m`;
  return ms >= unitsMs.s && ms % unitsMs.s === 0 ? `${String(ms / unitsMs.s)}s` : `${String(ms)}ms`;
}
