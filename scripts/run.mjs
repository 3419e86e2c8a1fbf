// Sets up what is missing, then runs one of the programs in this process: `node scripts/run.mjs msa --port 7000`.
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { root, setup } from './setup.mjs';

const programs = {
  msa: 'packages/server/bin/msa.js',
  mca: 'packages/client/dist/main.js',
  demo: 'scripts/demo.mjs',
  smoke: 'scripts/smoke/smoke.mjs',
  sim: 'scripts/sim.mjs',
  soak: 'scripts/soak.mjs',
  'bench-line': 'packages/bench/src/line-relay.mjs',
  'bench-transport': 'packages/bench/src/transport/run.mjs',
  'bench-reach': 'packages/bench/src/reach/run.mjs',
  'test-nat': 'test/dist/nat/run.js',
  docs: 'scripts/generate-control-docs.mjs',
  picture: 'scripts/picture.mjs',
};

const [name = '', ...args] = process.argv.slice(2);
const program = programs[name];
if (!program) {
  process.stderr.write(`usage: node scripts/run.mjs ${Object.keys(programs).join('|')} [options]\n`);
  process.exit(1);
}
// These are msa's own: the set-up takes its time, and meanwhile neither may open Node's debugger or end this process.
if (name === 'msa') for (const signal of ['SIGUSR1', 'SIGUSR2']) process.on(signal, () => undefined);
setup();
const path = join(root, program);
process.argv = [process.argv[0], path, ...args];
await import(pathToFileURL(path).href);
