// One measurement: two processes, a role each, time to warm up, and what both have counted in the window after it.
import { setTimeout as sleep } from 'node:timers/promises';
import { Pair } from '../pair.mjs';
import { peers } from '../peers/index.mjs';

const messageBytes = 100;
const warmUpMs = 1_000;

/**
 * @param how `workload`, `seconds`, `cores` or `link`, and perhaps `spec` for the roles, `options` for the transport, and
 *   `connections`: how many the two have
 * @returns what was counted before the window and after it, by both sides
 */
export async function measure(name, how) {
  const pair = await begin(name, how);
  try {
    await sleep(warmUpMs);
    return await observe(pair, how.seconds);
  } finally {
    await pair.close();
  }
}

/** For measurements of several pairs at once: connects one and starts it. The caller closes it. */
export async function begin(name, { workload, cores, link, spec, options, connections = 1, nodeOptions }) {
  const { options: own } = peers[name];
  if (own?.congestionControl) link?.useCongestionControl(own.congestionControl);
  const pair = new Pair({ link, cores, nodeOptions });
  try {
    for (let index = 0; index < connections; index += 1) {
      await pair.open(index, name, { messageBytes, ...options });
    }
    await pair.start(workload, { messageBytes, ...spec });
    return pair;
  } catch (error) {
    await pair.close();
    throw error;
  }
}

export async function observe(pair, seconds) {
  const before = await pair.snapshot();
  await sleep(seconds * 1_000);
  return { before, after: await pair.snapshot() };
}

/**
 * The same for counters that only grow, and with `eachSecond`: what was counted in each second, the one to warm up
 * included.
 */
export async function measureEachSecond(name, how) {
  const pair = await begin(name, how);
  try {
    const snapshots = [await pair.snapshot()];
    while (snapshots.length <= how.seconds + 1) {
      await sleep(1_000);
      snapshots.push(await pair.snapshot());
    }
    const eachSecond = snapshots.slice(1).map((after, second) => ({ before: snapshots[second], after }));
    return { before: snapshots[1], after: snapshots.at(-1), eachSecond };
  } finally {
    await pair.close();
  }
}

/** How much a second a counter of one side has grown. */
export function rate({ before, after }, side, counter) {
  return growth(before, after, side, counter) / (growth(before, after, side, 'atMs') / 1_000);
}

/** CPU time of both sides for one of what the listener has received, in us. */
export function cpuMicrosEach({ before, after }) {
  const seconds = (side) => growth(before, after, side, 'atMs') / 1_000;
  const cpuASecond = (side) => growth(before, after, side, 'cpuMicros') / seconds(side);
  const receivedASecond = growth(before, after, 'listener', 'received') / seconds('listener');
  return (cpuASecond('listener') + cpuASecond('dialer')) / receivedASecond;
}

function growth(before, after, side, counter) {
  return after[side][counter] - before[side][counter];
}
