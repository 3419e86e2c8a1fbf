// Runs simulations of the transport by seeds: `npm run sim -- --seeds 100000 [--from 1] [--scenario NAME]`, or, with
// `--paths`, those of two devices behind all kinds of routers (test/paths), where a scenario is a cell. Else a scenario is
// one by its name, `random` for random runs, or `all` but those. When none is named there are random runs with all
// seeds, and then each scenario with one in a hundred of them, as a scenario takes so much longer.
import { parseArgs } from 'node:util';
import { randomRunName, runRandom } from '../packages/transport/dist/testing/random-run.js';
import { runScenario } from '../packages/transport/dist/testing/run-scenario.js';
import { longScenarios, scenarios } from '../packages/transport/dist/testing/scenarios.js';

if (process.argv.includes('--paths')) await import('../test/dist/paths/run.js');

const shownFailures = 10;
const randomRunsPerScenario = 100;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    scenario: { type: 'string' },
  },
});
const [count, first] = [Number(values.seeds), Number(values.from)];
const known = new Map([...scenarios, ...longScenarios].map((one) => [one.name, (seed) => runScenario(one, seed)]));
known.set(randomRunName, runRandom);
const plan = planOf(values.scenario);
if (![count, first].every(Number.isSafeInteger) || plan.some(([name]) => !known.has(name))) {
  process.stderr.write(`usage: npm run sim -- --seeds N --from N --scenario all|${[...known.keys()].join('|')}\n`);
  process.exit(2);
}

let failed = 0;
for (const [name, seeds] of plan) failed += runSeeds(name, known.get(name), seeds);
process.exit(failed === 0 ? 0 : 1);

/** What is run, with how many seeds each. */
function planOf(scenario) {
  const all = (seeds) => scenarios.map(({ name }) => [name, seeds]);
  if (scenario === undefined) return [[randomRunName, count], ...all(Math.ceil(count / randomRunsPerScenario))];
  return scenario === 'all' ? all(count) : [[scenario, count]];
}

function runSeeds(name, run, seeds) {
  const startedAt = performance.now();
  const failures = [];
  let [virtualMs, datagrams, reportedAt] = [0, 0, startedAt];
  const summary = (done) => {
    const seconds = (performance.now() - startedAt) / 1_000;
    const rate = (value) => Math.round(value / seconds).toLocaleString('en');
    const failing = failures.length === 0 ? 'none failed' : `${failures.length} FAILED: ${failures.join(' ')}`;
    return `${name}: ${done} seeds in ${seconds.toFixed(1)} s (${rate(virtualMs / 1_000)} virtual s/s, ${rate(datagrams)} datagrams/s), ${failing}\n`;
  };
  for (let seed = first; seed < first + seeds; seed += 1) {
    try {
      const report = run(seed);
      virtualMs += report.virtualMs;
      datagrams += report.datagrams;
    } catch (error) {
      failures.push(seed);
      if (failures.length <= shownFailures) process.stdout.write(`${error.message}\n\n`);
    }
    if (performance.now() - reportedAt > 10_000) {
      reportedAt = performance.now();
      process.stdout.write(summary(seed - first + 1));
    }
  }
  process.stdout.write(summary(seeds));
  if (failures.length > 0) {
    process.stdout.write(`each again: npm run sim -- --scenario ${name} --seeds 1 --from SEED\n`);
    if (name === randomRunName) process.stdout.write('to be kept in packages/transport/src/testing/regressions.ts\n');
  }
  return failures.length;
}
