// What takes too long for every test run: `npm run soak [-- --millions 10 --hours 160]`. Packets of strangers in
// millions, and chats of many virtual hours; fails when one of them has an effect, or when memory grows.
import { parseArgs } from 'node:util';
import { measured } from '../packages/transport/dist/testing/measure/measured.js';

const mebibyte = 2 ** 20;
const allowedDriftBytes = 10 * mebibyte;

const { values } = parseArgs({
  options: { millions: { type: 'string', default: '10' }, hours: { type: 'string', default: '160' } },
});
const [millions, hours] = [Number(values.millions), Number(values.hours)];
if (!(millions >= 0) || !(hours >= 0)) {
  process.stderr.write('usage: npm run soak -- --millions N --hours N\n');
  process.exit(2);
}

const floods = ['mutated', 'random'].map((kind) => soak(kind, millions, 'packets', 'packets of strangers'));
const chats = soak('long-chats', hours, 'virtualHours', 'virtual hours');
process.exit([...floods, chats].every(Boolean) ? 0 : 1);

/** @returns whether memory was steady; throws when anything else is not as it should be */
function soak(name, number, field, unit) {
  const startedAt = performance.now();
  const report = measured(name, number);
  const seconds = (performance.now() - startedAt) / 1_000;
  const isSteady = report.driftBytes <= allowedDriftBytes;
  const drift = `${(report.driftBytes / mebibyte).toFixed(1)} MiB of drift${isSteady ? '' : ': TOO MUCH'}`;
  const done = Math.round(report[field]).toLocaleString('en');
  process.stdout.write(`${name}: ${done} ${unit} in ${seconds.toFixed(0)} s, as it should be, ${drift}\n`);
  return isSteady;
}
