// How many lines a second the line service relays, and how long one takes, beside two others in the same run.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { pinned, pinning } from './cores.mjs';
import { servers } from './servers.mjs';
import { cells, print, say, spread } from './table.mjs';

const help = `npm run bench:line -- [options]
  --json <file>     writes the figures there, too
  --only <names>    of ${Object.keys(servers).join(', ')}; apart by commas
  --rounds <n>      default 3: the medians are shown
  --seconds <n>     default 4: of each measurement, after 2 s to warm up
  --profile <dir>   has msa write a CPU profile there
`;

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    json: { type: 'string' },
    only: { type: 'string', default: Object.keys(servers).join(',') },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '4' },
    profile: { type: 'string' },
  },
});
if (values.help) {
  process.stdout.write(help);
  process.exit(0);
}

const load = {
  pairs: 50,
  textBytes: 100,
  warmUpMs: 2_000,
  measureMs: Number(values.seconds) * 1_000,
};
/** At saturation each client has so many messages under way: many, which may be moved together, or one. */
const windows = { deep: 16, shallow: 1 };

/** For the delay: so many messages a second in all. */
const quietRate = 1_000;

const nodeOptions = values.profile === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', values.profile];
// Interrupted at the terminal, the servers are too; what lies in the temporary folder goes with this process.
process.on('SIGINT', () => process.exit(130));

const names = values.only.split(',').filter((name) => name in servers);
const rows = new Map();

for (let round = 1; round <= Number(values.rounds); round += 1) {
  for (const name of names) {
    const server = await servers[name]({ maxClients: 4 * load.pairs, nodeOptions });
    if (!server) continue;
    const row = rows.get(name) ?? { name, title: server.title, deep: [], shallow: [], quiet: [] };
    rows.set(name, row);
    try {
      // Other names each time: a server may need a moment to forget the last ones.
      row.deep.push(await measure(server, { prefix: 'a', window: windows.deep, ratePerSecond: null }));
      row.shallow.push(await measure(server, { prefix: 'b', window: windows.shallow, ratePerSecond: null }));
      row.quiet.push(await measure(server, { prefix: 'c', window: 1, ratePerSecond: quietRate }));
    } finally {
      await server.stop();
    }
    process.stderr.write(`round ${round}: ${server.title} ${Math.round(row.deep.at(-1).messagesPerSecond)}/s\n`);
  }
}

report();

async function measure({ dialect, port, pid }, how) {
  const spec = { ...load, ...how, dialect, port, serverPid: pid };
  const program = fileURLToPath(new URL('./load-client.mjs', import.meta.url));
  const [command, args] = pinned('client', [process.execPath, program, JSON.stringify(spec)]);
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error('the load client failed');
  return JSON.parse(output);
}

function report() {
  const results = [...rows.values()].map(({ name, title, deep, shallow, quiet }) => ({
    ...{ name, title, deep: capacity(deep, 'deep'), shallow: capacity(shallow, 'shallow') },
    quiet: { p50Micros: spread(quiet, 'p50Micros'), p99Micros: spread(quiet, 'p99Micros') },
  }));
  const machine = { cpu: cpus()[0]?.model ?? '', cores: cpus().length, node: process.version, pinning };
  const { pairs, textBytes } = load;
  say(`${pairs} pairs, both sides send, ${textBytes} bytes of text; medians of ${values.rounds} rounds (least - most)`);
  say(`${machine.cpu}, ${machine.cores} cores, Node ${machine.node}; ${pinning}`);
  for (const [depth, window] of Object.entries(windows)) {
    say(`\nAt saturation, ${window} under way for each client:`);
    print([
      ['', 'messages/s', '', 'x bare', 'server CPU us/message', 'client busy'],
      ...results.map(({ title, [depth]: { messagesPerSecond, timesBareRelay, serverCpuMicros, clientBusy } }) => [
        title,
        ...cells(messagesPerSecond),
        timesBareRelay?.median.toFixed(2) ?? '-',
        serverCpuMicros?.median.toFixed(1) ?? '-',
        `${(clientBusy.median * 100).toFixed(0)} %`,
      ]),
    ]);
  }
  say('A client that is busy all the time is the limit itself: that server can do more.');
  say(`\nDelay at ${quietRate} messages a second in all, us:`);
  print([
    ['', 'p50', '', 'p99', ''],
    ...results.map(({ title, quiet }) => [title, ...cells(quiet.p50Micros), ...cells(quiet.p99Micros)]),
  ]);
  if (values.json) writeFileSync(values.json, `${JSON.stringify({ machine, load, quietRate, results }, null, 2)}\n`);
}

function capacity(measurements, depth) {
  const messagesPerSecond = spread(measurements, 'messagesPerSecond');
  const bare = rows.get('bare')?.[depth];
  // Round by round: the machine may have been slower in one.
  const ratios =
    bare &&
    measurements.map((measured, round) => ({
      timesBareRelay: measured.messagesPerSecond / bare[round].messagesPerSecond,
    }));
  return {
    ...{ window: windows[depth], messagesPerSecond },
    timesBareRelay: ratios ? spread(ratios, 'timesBareRelay') : null,
    serverCpuMicros: spread(measurements, 'serverCpuMicros'),
    clientBusy: spread(measurements, 'clientBusy'),
  };
}
