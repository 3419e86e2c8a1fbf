/** What the QUIC interop runner asks of a transport, and the way down a ladder of worse and worse paths. */
import { describe, it } from '@jest/globals';
import { allChecks } from './testing/checkers.js';
import { runScenario } from './testing/run-scenario.js';
import { scenarios } from './testing/scenarios.js';

const seeds = 5;
// Version 1 follows a peer to its newest address without asking for a proof, so it sends there what it likes.
const checks = allChecks.filter((check) => check !== 'amplification');

describe('all arrives once and in order, in time, with nothing left behind:', () => {
  it.each(scenarios)('$name', (scenario) => {
    for (let seed = 1; seed <= seeds; seed += 1) runScenario(scenario, seed, { checks });
  });
});
