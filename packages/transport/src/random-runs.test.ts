/** Anything that two devices and their path may do, by seeds; those that once failed first. */
import { describe, expect, it } from '@jest/globals';
import { allChecks } from './testing/checkers.js';
import { runRandom } from './testing/random-run.js';
import { regressionSeeds } from './testing/regressions.js';

const seeds = 100;
// Version 1 follows a peer to its newest address without asking for a proof, so it sends there what it likes.
const checks = allChecks.filter((check) => check !== 'amplification');

describe('a random run', () => {
  it('that once failed does so no more', () => {
    for (const seed of regressionSeeds) runRandom(seed, { checks });
  });

  it(`keeps every rule, with ${String(seeds)} seeds`, () => {
    for (let seed = 1; seed <= seeds; seed += 1) runRandom(seed, { checks });
  });

  it('is the same for the same seed, to the byte', () => {
    const first = runRandom(1, { checks });
    expect(runRandom(1, { checks })).toEqual(first);
    expect(runRandom(2, { checks }).digest).not.toBe(first.digest);
  });
});
