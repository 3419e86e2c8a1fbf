/** `npm run sim -- --paths [--seeds 200] [--from 1] [--scenario CELL]`: the grid with many seeds, as a table. */
import { parseArgs } from 'node:util';
import { directLimitMs, type Cell } from './cell.js';
import { cells } from './grid.js';
import { runSeeds, type CellOutcome } from './run-seeds.js';

/** One in a thousand birthdays finds no port; of lossy seeds some take longer. */
const leastBirthdays = 0.97;
const leastInTime = 0.9;
const shownFailures = 3;

const { values } = parseArgs({
  options: {
    paths: { type: 'boolean', default: true },
    seeds: { type: 'string', default: '200' },
    from: { type: 'string', default: '1' },
    scenario: { type: 'string', default: '' },
  },
});
const [count, first] = [Number(values.seeds), Number(values.from)];
const chosen = cells.filter(({ name }) => values.scenario === '' || values.scenario === name);
if (![count, first].every(Number.isSafeInteger) || count < 1 || chosen.length === 0) {
  process.stderr.write('usage: npm run sim -- --paths --seeds N --from N [--scenario CELL]\n');
  process.exit(2);
}

const startedMs = performance.now();
let bad = 0;
process.stdout.write(`${row('cell', 'first p50', 'p95', 'most', 'direct', 'p50', 'p95', 'most')}\n`);
for (const cell of chosen) {
  const outcome = runSeeds(cell, first, count);
  const problems = problemsOf(cell, outcome);
  bad += problems.length;
  process.stdout.write(`${rowOf(cell, outcome)}\n`);
  for (const problem of problems) process.stdout.write(`${problem}\n\n`);
}
const tookS = ((performance.now() - startedMs) / 1_000).toFixed(1);
process.stdout.write(
  `${String(chosen.length)} cells, ${String(count)} seeds each, ${tookS} s, ${String(bad)} problems\n`,
);
process.exit(bad === 0 ? 0 : 1);

function problemsOf({ expected }: Cell, { failures, failedSeeds, figures }: CellOutcome): string[] {
  const problems = failures.slice(0, shownFailures);
  if (failures.length > 0) problems.push(`FAILED: ${failedSeeds.join(' ')}`);
  // A few seeds say nothing of shares.
  if (count < 50) return problems;
  if (figures.firstInTime < leastInTime) problems.push(`first messages late: ${share(1 - figures.firstInTime)}`);
  if (expected === 'relayed' || expected === 'any') return problems;
  const least = expected === 'birthday' ? leastBirthdays : 1;
  if (figures.direct < least) problems.push(`direct only ${share(figures.direct)}`);
  if (figures.directMs.p95 > directLimitMs[expected]) problems.push('direct late');
  return problems;
}

function rowOf({ name }: Cell, { figures: { firstMs, direct, directMs } }: CellOutcome): string {
  const texts = [firstMs, directMs].map(({ p50, p95, most }) => [p50, p95, most].map((ms) => ms.toFixed(0)));
  const [firsts = [], directs = []] = texts;
  return row(name, ...firsts, share(direct), ...(direct > 0 ? directs : ['-', '-', '-']));
}

function row(name: string, ...texts: readonly string[]): string {
  return name.padEnd(44) + texts.map((text) => text.padStart(10)).join('');
}

function share(value: number): string {
  return `${(100 * value).toFixed(1)} %`;
}
