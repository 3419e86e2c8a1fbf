// Through the user-space link: first the link itself, then who gets how much through it, and how late.
import { setTimeout as sleep } from 'node:timers/promises';
import { begin, measure, measureEachSecond, observe, rate } from './window.mjs';

const oneWayMs = 25;
const roundTripSeconds = (2 * oneWayMs) / 1_000;

/** A queue of one bandwidth-delay product. */
function bottleneck(rateBps) {
  return { delayMs: oneWayMs, rateBps, queueBytes: (rateBps / 8) * roundTripSeconds };
}

const profiles = {
  loss1: { delayMs: oneWayMs, loss: 0.01 },
  loss5: { delayMs: oneWayMs, loss: 0.05 },
  bottleneck: bottleneck(100e6),
  'bottleneck-loss1': { ...bottleneck(100e6), loss: 0.01 },
};

const rivals = ['tcp-cubic', 'tcp-bbr', 'udx', 'datachannel', 'parley'];
/** Where congestion control is what counts. */
const controls = [...rivals, 'parley-cubic'];
const blastBps = { loss1: 80e6, loss5: 80e6, bottleneck: 150e6, 'bottleneck-loss1': 150e6 };

/** The link before anyone's congestion control is asked: pings and a blast of plain datagrams. */
const linkItself = Object.entries(profiles).map(([name, profile]) => ({
  name: `link-${name}`,
  title: `The link itself, ${describe(profile)}: pings, and ${blastBps[name] / 1e6} Mbit/s of plain datagrams`,
  needsLink: true,
  peers: ['raw'],
  columns: [
    { key: 'p50', title: 'ping p50 ms', digits: 2 },
    { key: 'p99', title: 'p99 ms', digits: 2 },
    { key: 'pingLoss', title: 'lost there or back %', digits: 1 },
    { key: 'megabitsPerSecond', title: 'blast Mbit/s', digits: 1 },
    { key: 'blastLoss', title: 'lost %', digits: 1 },
    { key: 'lateShare', title: 'carried over 1 ms late %', digits: 2 },
  ],
  async measure(peer, context) {
    await context.link.shape(profile, context.seed);
    const spec = { everyMs: 5 };
    const ping = await measure(peer, { ...context, workload: 'ping', spec });
    const { directions } = await context.link.stats();
    await context.link.shape(profile, context.seed);
    const blast = await measure(peer, { ...context, workload: 'blast', spec: { bitsPerSecond: blastBps[name] } });
    const sent = rate(blast, 'dialer', 'sent');
    const received = rate(blast, 'listener', 'received');
    const { p50, p99, count } = ping.after.dialer;
    const asked = ping.after.dialer.sent - ping.before.dialer.sent;
    return {
      p50,
      p99,
      pingLoss: (1 - count / asked) * 100,
      megabitsPerSecond: (received * 8) / 1e6,
      blastLoss: (1 - received / sent) * 100,
      lateShare: (sum(directions, 'late') / sum(directions, 'packets')) * 100,
    };
  },
}));

const goodput = Object.entries(profiles).map(([name, profile]) => ({
  name,
  title: `Goodput through ${describe(profile)}`,
  needsLink: true,
  // Startup and what follows it are to be seen, not only startup.
  timesSeconds: 2,
  peers: controls,
  columns: [{ key: 'megabytesPerSecond', title: 'MB/s', digits: 2 }],
  async measure(peer, context) {
    await context.link.shape(profile, context.seed);
    const seen = await measureEachSecond(peer, { ...context, workload: 'bulk' });
    const goodputOf = (window) => rate(window, 'listener', 'received') / 1e6;
    const { directions } = await context.link.stats();
    return { megabytesPerSecond: goodputOf(seen), eachSecond: seen.eachSecond.map(goodputOf), link: directions };
  },
}));

const delay = [0.01, 0.05].map((loss) => ({
  name: `delay${loss * 100}`,
  title: `One-way delay of a 100-byte message every 20 ms, ${describe({ delayMs: oneWayMs, loss })}`,
  needsLink: true,
  timesSeconds: 4,
  peers: ['raw', 'tcp-bbr', 'udx', 'datachannel', 'parley'],
  columns: ageColumns(),
  async measure(peer, context) {
    await context.link.shape({ delayMs: oneWayMs, loss }, context.seed);
    const { after } = await measure(peer, { ...context, workload: 'delay', spec: { everyMs: 20 } });
    return ages(after);
  },
}));

const chatLink = bottleneck(10e6);
const chat = {
  name: 'chat',
  title: `One-way delay of a message every 100 ms while a file fills ${describe(chatLink)}`,
  needsLink: true,
  timesSeconds: 4,
  peers: rivals,
  columns: [...ageColumns(), { key: 'fileMegabitsPerSecond', title: 'file Mbit/s', digits: 2 }],
  async measure(peer, context) {
    await context.link.shape(chatLink, context.seed);
    const seen = await measure(peer, {
      ...context,
      workload: 'chat-beside-file',
      spec: { everyMs: 100 },
      connections: context.hasPriorities ? 1 : 2,
    });
    return { ...ages(seen.after), fileMegabitsPerSecond: (rate(seen, 'listener', 'received') * 8) / 1e6 };
  },
};

const sharedLink = bottleneck(50e6);
/** What two flows make of each other takes a while to settle. */
const settleMs = 5_000;
const shares = ['tcp-cubic', 'tcp-bbr'].map((rival) => ({
  name: `share-${rival.slice('tcp-'.length)}`,
  title: `One flow and one of ${rival} together through ${describe(sharedLink)}`,
  needsLink: true,
  timesSeconds: 4,
  peers: controls,
  columns: [
    { key: 'share', title: 'share %', digits: 1 },
    { key: 'together', title: 'both Mbit/s', digits: 1 },
  ],
  baseline: null,
  async measure(peer, context) {
    await context.link.shape(sharedLink, context.seed);
    const pairs = [];
    try {
      for (const name of [peer, rival]) pairs.push(await begin(name, { ...context, workload: 'bulk' }));
      await sleep(settleMs);
      const seen = await Promise.all(pairs.map((pair) => observe(pair, context.seconds)));
      const [own, other] = seen.map((one) => (rate(one, 'listener', 'received') * 8) / 1e6);
      return { share: (own / (own + other)) * 100, together: own + other };
    } finally {
      await Promise.all(pairs.map((pair) => pair.close()));
    }
  },
}));

export const linkCases = [...linkItself, ...goodput, ...delay, chat, ...shares];

function sum(directions, counter) {
  return directions.reduce((total, direction) => total + direction[counter], 0);
}

function ageColumns() {
  return [
    { key: 'p50', title: 'p50 ms', digits: 1 },
    { key: 'p99', title: 'p99 ms', digits: 1 },
    { key: 'max', title: 'max ms', digits: 1 },
  ];
}

function ages({ listener }) {
  const { p50, p99, max } = listener;
  return { p50, p99, max };
}

function describe({ delayMs, loss, rateBps, queueBytes }) {
  const parts = [`${delayMs} ms each way`];
  if (rateBps) parts.push(`${rateBps / 1e6} Mbit/s with a queue of ${(queueBytes / 1_000).toLocaleString('en')} KB`);
  if (loss) parts.push(`${loss * 100} % loss`);
  return parts.join(', ');
}
