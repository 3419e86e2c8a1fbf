// What takes too long for every test run: `npm run soak [-- --millions 10 --hours 160]`. Packets of strangers in
// millions, and chats of many virtual hours; fails when one of them has an effect, or when memory grows.
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { floodInMemory } from '../packages/transport/dist/testing/measure/flood.js';
import { settledMemory } from '../packages/transport/dist/testing/measure/memory.js';
import { runScenario } from '../packages/transport/dist/testing/run-scenario.js';
import { longScenarios } from '../packages/transport/dist/testing/scenarios.js';

setFlagsFromString('--expose-gc');
globalThis.gc = runInNewContext('gc');

const mebibyte = 2 ** 20;
const allowedDriftBytes = 10 * mebibyte;
/** Chats that warm the process up, before memory counts. */
const warmUpChats = 3;

const { values } = parseArgs({
  options: { millions: { type: 'string', default: '10' }, hours: { type: 'string', default: '160' } },
});
const [millions, hours] = [Number(values.millions), Number(values.hours)];
if (!(millions >= 0) || !(hours >= 0)) {
  process.stderr.write('usage: npm run soak -- --millions N --hours N\n');
  process.exit(2);
}
let isSteady = true;

for (const kind of ['mutated', 'random']) {
  timed(`packets of strangers, ${kind}`, () => {
    const { packets, driftBytes } = floodInMemory(kind, millions);
    return { done: packets, driftBytes };
  });
}
for (const scenario of longScenarios) timed(`virtual hours of ${scenario.name}`, () => chat(scenario));
process.exit(isSteady ? 0 : 1);

function chat(scenario) {
  let [done, seed, floor] = [0, 0, 0];
  while (done < hours || seed < warmUpChats) {
    done += runScenario(scenario, (seed += 1)).virtualMs / 3_600_000;
    if (seed === warmUpChats) floor = settledMemory().residentBytes;
  }
  return { done: Math.round(done), driftBytes: settledMemory().residentBytes - floor };
}

function timed(what, run) {
  const startedAt = performance.now();
  const { done, driftBytes } = run();
  const seconds = (performance.now() - startedAt) / 1_000;
  const isFine = driftBytes <= allowedDriftBytes;
  isSteady &&= isFine;
  const drift = `${(driftBytes / mebibyte).toFixed(1)} MiB of drift${isFine ? '' : ': TOO MUCH'}`;
  process.stdout.write(`${what}: ${done.toLocaleString('en')} in ${seconds.toFixed(0)} s, as it should be, ${drift}\n`);
}
