// Our transport beside others, in one run: `npm run bench:transport -- --help`.
import { parseArgs } from 'node:util';
import { install } from './install-peers.mjs';
import { openLink } from './link/namespaces.mjs';
import { killAll } from './pair.mjs';
import { peers, peersFolder } from './peers/index.mjs';
import { report } from './report.mjs';
import { handshakeCases } from './workloads/handshakes.mjs';
import { loopbackCases } from './workloads/loopback.mjs';
import { linkCases } from './workloads/through-link.mjs';

const cases = [...loopbackCases, ...linkCases, ...handshakeCases];

const help = `npm run bench:transport -- [options]
  --workloads <names>  of ${cases.map(({ name }) => name).join(', ')};
                       apart by commas; a name that ends in * stands for all that begin so
  --only <names>       of ${Object.keys(peers).join(', ')}
  --rounds <n>         default 5: the medians are shown
  --seconds <n>        default 5: of each measurement, after 1 s to warm up; some take two or four times as long
  --seed <n>           default 1: of the losses of the link
  --json <file>        writes all figures there, too
  --profile <dir>      has both processes write CPU profiles there
`;

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    workloads: { type: 'string', default: '*' },
    only: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '5' },
    seed: { type: 'string', default: '1' },
    json: { type: 'string' },
    profile: { type: 'string' },
  },
});
if (values.help) {
  process.stdout.write(help);
  process.exit(0);
}

const options = {
  ...{ rounds: Number(values.rounds), seconds: Number(values.seconds), seed: Number(values.seed), json: values.json },
  nodeOptions: values.profile === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', values.profile],
};
const chosen = cases.filter(({ name }) => values.workloads.split(',').some((pattern) => fits(name, pattern)));
const only = values.only?.split(',') ?? Object.keys(peers);
const unknown = only.filter((name) => !(name in peers));
if (chosen.length === 0 || unknown.length > 0 || !(options.rounds >= 1) || !(options.seconds > 0)) {
  process.stderr.write(help);
  process.exit(1);
}

let link;
const notes = [];
// However this ends, nothing is left behind.
process.on('exit', () => {
  killAll();
  link?.close();
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(130));

const usable = new Set(only.filter(isUsable));
if (chosen.some(({ needsLink }) => needsLink)) {
  const opened = await openLink(peersFolder);
  link = opened.link;
  if (!link) notes.push(`everything through the link: ${opened.reason}`);
}

const results = chosen
  .filter(({ needsLink }) => link || !needsLink)
  .map((one) => ({ case: one, rows: new Map(one.peers.filter((peer) => usable.has(peer)).map((peer) => [peer, []])) }))
  .filter(({ rows }) => rows.size > 0);

for (let round = 1; round <= options.rounds; round += 1) {
  for (const { case: one, rows } of results) {
    for (const [peer, rounds] of rows) rounds.push(await measure(one, peer, round));
  }
}

report({ results, notes, options, link });
process.exit(0);

/** @returns the figures, or undefined when the measurement failed: the others go on */
async function measure(one, peer, round) {
  const context = {
    nodeOptions: options.nodeOptions,
    seconds: options.seconds * (one.timesSeconds ?? 1),
    // The same for all in one round, and others in the next.
    seed: options.seed * 1_000 + round,
    hasPriorities: peers[peer].hasPriorities ?? false,
    ...(one.needsLink ? { link } : {}),
  };
  try {
    const figures = await one.measure(peer, context);
    const shown = one.columns.map(({ key, title, digits }) => `${title} ${figures[key]?.toFixed(digits) ?? '-'}`);
    const seconds = figures.eachSecond?.map((value) => value.toFixed(1)).join(' ');
    if (seconds !== undefined) shown.push(`each second from the first: ${seconds}`);
    process.stderr.write(`round ${round}: ${one.name}, ${peers[peer].title}: ${shown.join(', ')}\n`);
    return figures;
  } catch (error) {
    process.stderr.write(`round ${round}: ${one.name}, ${peers[peer].title} FAILED: ${error.message}\n`);
    return undefined;
  }
}

function isUsable(name) {
  const { packages, title } = peers[name];
  if (!packages || !chosen.some(({ peers: taking }) => taking.includes(name))) return true;
  const reason = install(packages);
  if (reason !== undefined) notes.push(`${title}: ${reason}`);
  return reason === undefined;
}

function fits(name, pattern) {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}
