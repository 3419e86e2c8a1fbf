// What takes too long for every test run: `npm run soak [-- --millions 10 --hours 160]`. Packets of strangers in
// millions, and chats of many virtual hours; fails when one of them has an effect, or when memory grows.
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { PacketFlood } from '../packages/transport/dist/testing/packet-flood.js';
import { runScenario } from '../packages/transport/dist/testing/run-scenario.js';
import { longScenarios } from '../packages/transport/dist/testing/scenarios.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc');

const batch = 250_000;
const allowedDriftMiB = 10;

const { values } = parseArgs({
  options: { millions: { type: 'string', default: '10' }, hours: { type: 'string', default: '160' } },
});
const packets = Number(values.millions) * 1_000_000;
let isSteady = true;

for (const kind of ['mutated', 'random']) {
  const flood = new PacketFlood(1);
  inSteadyMemory(`${kind} packets`, packets / batch, 2, () => {
    flood[kind](batch);
    return batch;
  });
}
for (const scenario of longScenarios) {
  let [hours, seed] = [0, 0];
  const wanted = Number(values.hours);
  const one = runScenario(scenario, (seed += 1)).virtualMs / 3_600_000;
  inSteadyMemory(`virtual hours of ${scenario.name}`, Math.ceil(wanted / one), 2, () => {
    hours += one;
    runScenario(scenario, (seed += 1));
    return Math.round(one);
  });
}
process.exit(isSteady ? 0 : 1);

/** Does it `turns` times; after the first few, which warm up, memory may not grow by more than is allowed. */
function inSteadyMemory(what, turns, warmUp, turn) {
  const startedAt = performance.now();
  let [done, floor] = [0, Infinity];
  for (let i = 0; i < turns; i += 1) {
    done += turn();
    if (i === Math.min(warmUp, turns - 1)) floor = residentMiB();
  }
  const driftMiB = residentMiB() - floor;
  const seconds = (performance.now() - startedAt) / 1_000;
  const isFine = driftMiB <= allowedDriftMiB;
  isSteady &&= isFine;
  const drift = `${driftMiB.toFixed(1)} MiB of drift${isFine ? '' : ': TOO MUCH'}`;
  process.stdout.write(`${what}: ${done.toLocaleString('en')} in ${seconds.toFixed(0)} s, without effect, ${drift}\n`);
}

function residentMiB() {
  collectGarbage();
  return process.memoryUsage().rss / 2 ** 20;
}
