// What was measured, as tables and as JSON.
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { cells, print, say, spread } from '../table.mjs';
import { baseline, peers } from './peers/index.mjs';

/**
 * @param results for each case `{ case, rows }`, with for each peer the figures of its rounds: undefined for one that failed
 * @param notes what was left out, and why
 */
export function report({ results, notes, options, link }) {
  const machine = { cpu: cpus()[0]?.model ?? '', cores: cpus().length, node: process.version };
  say(`medians of ${options.rounds} rounds (least - most), ${options.seconds} s each`);
  say(`${machine.cpu}, ${machine.cores} cores, Node ${machine.node}`);
  if (link) {
    const settings = Object.entries(link.settings).map(([key, value]) => `${key} = ${value}`);
    say(`at both ends of the link: ${settings.join('; ')}`);
  }
  const summed = results.map(({ case: measured, rows }) => summedUp(measured, rows));
  for (const one of summed) table(one);
  if (notes.length > 0) say('\nLeft out:');
  for (const note of notes) say(`  ${note}`);
  if (options.json) {
    const cases = summed.map(({ name, title, rows }) => ({ name, title, rows }));
    const content = { machine, options, linkSettings: link?.settings, notes, cases };
    writeFileSync(options.json, `${JSON.stringify(content, null, 2)}\n`);
  }
}

function summedUp({ name, title, columns, baseline: own }, rows) {
  const against = own === undefined ? baseline : own;
  return {
    ...{ name, title, columns, against },
    rows: [...rows].map(([peer, rounds]) => {
      const done = rounds.filter((figures) => figures !== undefined);
      const figures = Object.fromEntries(columns.map(({ key }) => [key, spread(done, key)]));
      const ratio = ratioTo(rows.get(against), rounds, columns[0].key);
      return { peer, title: peers[peer].title, failedRounds: rounds.length - done.length, figures, ratio, rounds };
    }),
  };
}

/** Of the first figure, round by round: the machine may have been slower in one. */
function ratioTo(against, rounds, key) {
  if (!against) return null;
  const both = rounds.map((figures, round) => [figures?.[key], against[round]?.[key]]);
  const ratios = both.filter(([own, other]) => own !== undefined && other !== undefined);
  return spread(
    ratios.map(([own, other]) => ({ ratio: own / other })),
    'ratio',
  );
}

function table({ name, title, columns, against, rows }) {
  say(`\n${title} [${name}]:`);
  const hasRatio = rows.some(({ ratio }) => ratio !== null);
  const head = ['', ...columns.flatMap((column) => [column.title, '']), ...(hasRatio ? [`x ${against}`] : []), ''];
  const body = rows.map(({ title: peer, figures, ratio, failedRounds }) => [
    peer,
    ...columns.flatMap(({ key, digits }) => cells(figures[key], digits)),
    ...(hasRatio ? [cells(ratio, 2)[0]] : []),
    failedRounds > 0 ? `${failedRounds} rounds failed` : '',
  ]);
  print([head, ...body]);
}
