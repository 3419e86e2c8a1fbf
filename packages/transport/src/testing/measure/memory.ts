/** Memory that is in use once all garbage is gone; the process has to be started with `--expose-gc`. */
export interface Memory {
  /** What JavaScript holds: its heap, and the arrays outside of it. */
  readonly heldBytes: number;
  /** What the process has from the system. */
  readonly residentBytes: number;
}

export function settledMemory(): Memory {
  const { gc } = globalThis;
  if (!gc) throw new Error('memory cannot be measured without --expose-gc');
  // What one collection finds garbage may have held more.
  for (let turns = 4; turns > 0; turns -= 1) gc();
  const { heapUsed, external, rss } = process.memoryUsage();
  return { heldBytes: heapUsed + external, residentBytes: rss };
}
