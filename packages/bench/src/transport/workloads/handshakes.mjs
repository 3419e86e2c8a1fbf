// How many handshakes a second one core makes, both sides of each.
import { setTimeout as sleep } from 'node:timers/promises';
import { Pair } from '../pair.mjs';
import { observe } from './window.mjs';

/** There are few in a second, and all that they run must be compiled. */
const warmUpMs = 3_000;

export const handshakeCases = [
  {
    name: 'handshakes',
    title: 'Handshakes a second, both sides in one process, no sockets',
    peers: ['udx', 'parley'],
    columns: [
      { key: 'perSecond', title: 'classic/s', digits: 0 },
      { key: 'floorPerSecond', title: 'DH and hash calls alone', digits: 0 },
      { key: 'shareOfFloor', title: 'x of that', digits: 2 },
      { key: 'wholePerSecond', title: 'with ML-KEM/s', digits: 0 },
      { key: 'wholeFloorPerSecond', title: 'all these calls alone', digits: 0 },
      { key: 'shareOfWholeFloor', title: 'x of that', digits: 2 },
    ],
    async measure(peer, { seconds, nodeOptions }) {
      const run = (kind) => measureLoop(kind, seconds, nodeOptions);
      if (peer !== 'parley') return { perSecond: perSecond(await run('secret-stream'), 'handshakeMs') };
      const [classic, whole] = [await run('classic'), await run('whole')];
      return {
        ...figures(classic, ['perSecond', 'floorPerSecond', 'shareOfFloor']),
        ...figures(whole, ['wholePerSecond', 'wholeFloorPerSecond', 'shareOfWholeFloor']),
      };
    },
  },
];

async function measureLoop(kind, seconds, nodeOptions) {
  // The listener has nothing to do here.
  const pair = new Pair({ nodeOptions });
  try {
    await pair.start('handshakes', { kind });
    await sleep(warmUpMs);
    return await observe(pair, seconds);
  } finally {
    await pair.close();
  }
}

function figures(observed, [ownKey, floorKey, shareKey]) {
  const [own, floor] = [perSecond(observed, 'handshakeMs'), perSecond(observed, 'callsMs')];
  return { [ownKey]: own, [floorKey]: floor, [shareKey]: own / floor };
}

function perSecond({ before, after }, counter) {
  const grown = (name) => after.dialer[name] - before.dialer[name];
  return (grown('handshakes') / grown(counter)) * 1_000;
}
