/** What the QUIC interop runner asks of a transport, and the way down a ladder of worse and worse paths. */
import { describe, it } from '@jest/globals';
import { runScenario } from './testing/run-scenario.js';
import { scenarios } from './testing/scenarios.js';

const seeds = 100;
// Ten megabytes take a tenth of a second of one idle core, and the machine may have others to serve.
const timeLimitMs = 300_000;

describe('all arrives once and in order, in time, with nothing left behind:', () => {
  it.each(scenarios)(
    '$name',
    (scenario) => {
      for (let seed = 1; seed <= seeds; seed += 1) runScenario(scenario, seed);
    },
    timeLimitMs,
  );
});
