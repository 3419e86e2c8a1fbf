/** Two devices behind any two routers, with the true transport, in virtual time; more seeds by `npm run sim -- --paths`. */
import { describe, expect, it } from '@jest/globals';
import { directLimitMs } from './cell.js';
import { cells } from './grid.js';
import { runSeeds } from './run-seeds.js';

const timeLimitMs = 120_000;

describe('two devices', () => {
  it.each(cells.map((cell) => [cell.name, cell] as const))(
    '%s',
    (_name, cell) => {
      const { failures, figures } = runSeeds(cell, 1, cell.suiteSeeds);
      expect(failures).toEqual([]);
      expect(figures.firstInTime).toBeGreaterThanOrEqual(0.85);
      if (cell.expected === 'relayed') expect(figures.direct).toBe(0);
      if (cell.expected === 'direct') expect(figures.direct).toBe(1);
      if (cell.expected === 'birthday') expect(figures.direct).toBeGreaterThanOrEqual(0.8);
      expect(figures.directMs.p95).toBeLessThanOrEqual(directLimitMs[cell.expected]);
    },
    timeLimitMs,
  );
});
