/**
 * `npm run test:nat`: real servers and clients in network namespaces, behind NATs of nftables. Prints a table, and with
 * `--json FILE` writes what was measured. Exit code 1 when a cell fails; 0, with a reason, where there can be no laboratory.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { removeRunFolder, type Cell, type CellFindings } from './cell.js';
import { conversations } from './grid.js';
import { idleCells } from './idle-cell.js';
import { removeAllNow, removeLeftovers, whatIsMissing } from './namespaces.js';
import { roaming } from './roaming.js';
import { selfTests } from './self-test.js';
import { cellLine, headLine } from './table.js';
import { Turns } from './turns.js';

const usage = `usage: npm run test:nat -- [options]

  --only NAME   only the cells whose names contain this; may be given more than once. The laboratory tests itself
                first in any case
  --json FILE   writes what was measured
  --list        names the cells`;

const cells: readonly Cell[] = [...conversations, ...roaming, ...idleCells];
/** Each holds three programs. */
const cellsAtOnce = 8;

interface Finished extends CellFindings {
  readonly name: string;
}

async function runAll(chosen: readonly Cell[]): Promise<Finished[]> {
  const alone = new Turns();
  // Who mostly waits begins first, so that the others go on meanwhile.
  const waiting = [...chosen].sort((a, b) => Number(b.isLong ?? false) - Number(a.isLong ?? false));
  const finished = new Map<Cell, Finished>();
  const work = async (): Promise<void> => {
    for (let cell = waiting.shift(); cell; cell = waiting.shift()) {
      const found = { name: cell.name, ...(await run(cell, alone)) };
      finished.set(cell, found);
      process.stdout.write(`${cellLine(found.name, found)}\n`);
    }
  };
  await Promise.all(Array.from({ length: cellsAtOnce }, work));
  return chosen.flatMap((cell) => finished.get(cell) ?? []);
}

/** What only passed a limit is measured once more, with nothing beside it. */
async function runAgain(finished: readonly Finished[]): Promise<Finished[]> {
  const settled: Finished[] = [];
  for (const first of finished) {
    const cell = cells.find(({ name }) => name === first.name);
    const { excesses = [] } = first;
    if (!cell || excesses.length === 0 || first.problems.length > excesses.length) {
      settled.push(first);
      continue;
    }
    const again = await run(cell, new Turns());
    const note = [again.note, `measured again: ${excesses.join('; ')}`].filter((part) => part !== undefined).join('; ');
    settled.push({ ...again, name: first.name, note });
    process.stdout.write(`${cellLine(first.name, { ...again, note })}\n`);
  }
  return settled;
}

/** All that is not as it must be is a problem. */
async function run(cell: Cell, alone: Turns): Promise<CellFindings> {
  try {
    const found = await cell.run(alone);
    return { ...found, problems: [...found.problems, ...(found.excesses ?? [])] };
  } catch (error) {
    return { problems: [error instanceof Error ? error.message : String(error)] };
  }
}

function isFailed({ problems }: CellFindings): boolean {
  return problems.length > 0;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', multiple: true },
      json: { type: 'string' },
      list: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) {
    process.stdout.write(`${usage}\n`);
    return 0;
  }
  const { only } = values;
  const chosen = only ? cells.filter(({ name }) => only.some((part) => name.includes(part))) : cells;
  if (values.list) {
    for (const { name } of chosen) process.stdout.write(`${name}\n`);
    return 0;
  }
  const startedMs = performance.now();
  const skipped = await whatIsMissing();
  let finished: Finished[] = [];
  if (skipped === undefined) {
    await removeLeftovers();
    process.stdout.write(`${headLine}\n`);
    finished = await runAll(selfTests);
    // Behind a NAT that is not what it is called, a cell tells nothing.
    if (!finished.some(isFailed)) finished.push(...(await runAgain(await runAll(chosen))));
  } else {
    process.stdout.write(`skipped: ${skipped}\n`);
  }
  const failed = finished.filter(isFailed).length;
  const passed = finished.length - failed;
  const seconds = Math.round((performance.now() - startedMs) / 1000);
  if (values.json !== undefined) {
    const report = { skipped: skipped ?? null, passed, failed, seconds, cells: finished };
    writeFileSync(values.json, `${JSON.stringify(report, undefined, 2)}\n`);
  }
  process.stdout.write(`cells: ${String(passed)} passed, ${String(failed)} failed, in ${String(seconds)} s\n`);
  return failed === 0 ? 0 : 1;
}

process.on('exit', () => {
  removeAllNow();
  removeRunFolder();
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130));
try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${usage}\n`);
  process.exitCode = 2;
}
