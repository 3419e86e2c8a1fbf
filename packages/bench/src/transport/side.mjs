// One end of the connections under test, a process of its own; told by pair.mjs what to do.
import { performance } from 'node:perf_hooks';
import { open } from './peers/index.mjs';
import { roles } from './workloads/roles.mjs';

const connections = [];
/** What the other end has said and this one has not asked for yet, for each connection, and who waits for more. */
const signals = [];
let role;

const calls = {
  async open({ index, peer, how }) {
    connections[index] = await open(peer, { ...how, signal: signalOf(index) });
  },
  async start({ workload, side, spec }) {
    role = await roles[workload][side](connections, spec);
  },
  snapshot() {
    const { user, system } = process.cpuUsage();
    return { atMs: performance.now(), cpuMicros: user + system, ...role.snapshot() };
  },
};

process.on('message', async ({ id, call, argument, signal }) => {
  if (signal) {
    const { queue, waiting } = mailbox(signal.index);
    const next = waiting.shift();
    if (next) next(signal.message);
    else queue.push(signal.message);
    return;
  }
  try {
    say({ id, result: await calls[call](argument) });
  } catch (error) {
    say({ id, error: error.stack });
  }
});
// The benchmark has what it wanted, or is gone.
process.on('disconnect', () => process.exit(0));
// Interrupted at the terminal, the benchmark is too, and ends this process.
process.on('SIGINT', () => undefined);

function signalOf(index) {
  return {
    send: (message) => say({ signal: { index, message } }),
    receive: () => {
      const { queue, waiting } = mailbox(index);
      if (queue.length > 0) return Promise.resolve(queue.shift());
      return new Promise((resolve) => waiting.push(resolve));
    },
  };
}

/** Nobody is left to tell that nobody listens: this process is about to end. */
function say(message) {
  process.send(message, () => undefined);
}

function mailbox(index) {
  signals[index] ??= { queue: [], waiting: [] };
  return signals[index];
}
