/** Anything that two devices and their path may do, by seeds; those that once failed first. */
import { describe, expect, it } from '@jest/globals';
import { runRandom } from './testing/random-run.js';
import { regressionSeeds } from './testing/regressions.js';

const seeds = 2_000;
const timeLimitMs = 300_000;

describe('a random run', () => {
  it('that once failed does so no more', () => {
    for (const seed of regressionSeeds) runRandom(seed);
  });

  it(
    `keeps every rule, with ${String(seeds)} seeds`,
    () => {
      for (let seed = 1; seed <= seeds; seed += 1) runRandom(seed);
    },
    timeLimitMs,
  );

  it('is the same for the same seed, to the byte', () => {
    const first = runRandom(1);
    expect(runRandom(1)).toEqual(first);
    expect(runRandom(2).digest).not.toBe(first.digest);
  });
});
