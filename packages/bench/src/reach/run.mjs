// Our relay beside coturn, and beside none: `npm run bench:reach -- --help`.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { pinning } from '../cores.mjs';
import { cells, print, say, spread } from '../table.mjs';
import { relays, usageOf } from './relays.mjs';
import { compile, UdpLoad } from './udp-load.mjs';

const help = `npm run bench:reach -- [options]
  --only <names>    of ${Object.keys(relays).join(', ')}
  --rounds <n>      default 3: the medians are shown
  --seconds <n>     default 3: of each of the two measurements in a round
  --pairs <n>       default 50
  --bytes <n>       default 1200: the payload of a datagram
  --window <n>      default 64: datagrams under way in all, for the packets a second
  --rate <n>        default 2000: datagrams a second, for the delay
  --json <file>     writes all figures there, too
  --profile <dir>   has msa write a CPU profile there
`;

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    only: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    pairs: { type: 'string', default: '50' },
    bytes: { type: 'string', default: '1200' },
    window: { type: 'string', default: '64' },
    rate: { type: 'string', default: '2000' },
    json: { type: 'string' },
    profile: { type: 'string' },
  },
});
const [rounds, seconds, pairs, bytes, window, rate] = ['rounds', 'seconds', 'pairs', 'bytes', 'window', 'rate'].map(
  (name) => Number(values[name]),
);
const names = values.only?.split(',') ?? Object.keys(relays);
const isWrong =
  ![rounds, seconds, pairs, bytes, window, rate].every((value) => value > 0) || pairs > 1_024 || bytes > 1_500;
if (values.help || isWrong || names.some((name) => !(name in relays))) {
  (values.help ? process.stdout : process.stderr).write(help);
  process.exit(values.help ? 0 : 1);
}
const nodeOptions = values.profile === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', values.profile];
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(130));

const reason = compile();
if (reason !== undefined) {
  process.stderr.write(`${reason}\n`);
  process.exit(1);
}
const notes = [];
const usable = names.filter((name) => {
  const missing = relays[name].missing?.();
  if (missing !== undefined) notes.push(`${relays[name].title} is not installed and left out: ${missing}`);
  return missing === undefined;
});

const results = new Map(usable.map((name) => [name, []]));
for (let round = 1; round <= rounds; round += 1) {
  for (const name of usable) results.get(name).push(await measure(name));
}
const memoryBytes = spawnSync(
  process.execPath,
  ['--expose-gc', fileURLToPath(new URL('./memory-per-pair.mjs', import.meta.url))],
  { encoding: 'utf8' },
);
report();
process.exit(0);

async function measure(name) {
  const load = await UdpLoad.open(pairs);
  try {
    const relay = await relays[name].open(load, { nodeOptions });
    await relay.prepare?.(bytes);
    // To warm up.
    await load.window(window, bytes, relay.skip, 1_000);
    const before = relay.pid === undefined ? undefined : usageOf(relay.pid);
    const full = await load.window(window, bytes, relay.skip, seconds * 1_000);
    const after = relay.pid === undefined ? undefined : usageOf(relay.pid);
    const calm = await load.rate(rate, bytes, relay.skip, seconds * 1_000);
    await relay.stop();
    const cpuSeconds = before && after ? after.cpuSeconds - before.cpuSeconds : NaN;
    const figures = {
      ...{ perSecond: full.perSecond, lossPercent: full.lossPercent, p50Us: calm.p50Us, p99Us: calm.p99Us },
      ...{ perCpuSecond: full.received / cpuSeconds, residentMib: (after?.residentKib ?? NaN) / 1_024 },
    };
    const shown = Object.entries(figures).map(([key, value]) => `${key} ${value.toFixed(1)}`);
    process.stderr.write(`${relays[name].title}: ${shown.join(', ')}\n`);
    return figures;
  } finally {
    load.close();
  }
}

function report() {
  const direct = results.get('none');
  const rows = usable.map((name) => {
    const measured = results.get(name).map((figures, round) => ({
      ...figures,
      // Round by round: the machine may have been slower in one.
      addedP50Us: figures.p50Us - (direct?.[round]?.p50Us ?? NaN),
      addedP99Us: figures.p99Us - (direct?.[round]?.p99Us ?? NaN),
    }));
    const keys = [
      'perSecond',
      'perCpuSecond',
      'lossPercent',
      'p50Us',
      'addedP50Us',
      'p99Us',
      'addedP99Us',
      'residentMib',
    ];
    return {
      name,
      title: relays[name].title,
      figures: Object.fromEntries(keys.map((key) => [key, spread(measured, key)])),
      measured,
    };
  });
  const machine = { cpu: cpus()[0]?.model ?? '', cores: cpus().length, node: process.version, pinning };
  say(`${machine.cpu}, ${machine.cores} cores, Node ${machine.node}; ${pinning.replace('server', 'relay')}`);
  say(`${pairs} pairs, ${bytes} bytes of payload, medians of ${rounds} rounds of ${seconds} s (least - most)\n`);
  print([
    [`${window} under way`, 'datagrams/s', '', 'a CPU second', '', 'lost %', ''],
    ...rows.map(({ title, figures }) => [
      title,
      ...[...cells(figures.perSecond), ...cells(figures.perCpuSecond), ...cells(figures.lossPercent, 2)],
    ]),
  ]);
  say('');
  print([
    [`${rate} a second`, 'p50 us', '', 'added', '', 'p99 us', '', 'added', '', 'RSS MiB', ''],
    ...rows.map(({ title, figures }) => [
      title,
      ...[...cells(figures.p50Us), ...cells(figures.addedP50Us), ...cells(figures.p99Us), ...cells(figures.addedP99Us)],
      ...cells(figures.residentMib),
    ]),
  ]);
  const memory = Number(memoryBytes.stdout);
  if (memoryBytes.status === 0)
    say(`\nmsa keeps ${memory.toLocaleString('en')} bytes for a pair that has bound and talked`);
  else notes.push(`memory for a pair could not be measured: ${memoryBytes.stderr}`);
  for (const note of notes) say(note);
  if (!values.json) return;
  const options = { rounds, seconds, pairs, bytes, window, rate };
  writeFileSync(values.json, `${JSON.stringify({ machine, options, notes, bytesPerPair: memory, rows }, null, 2)}\n`);
}
