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
      // The listener has nothing to do here.
      const pair = new Pair({ nodeOptions });
      try {
        await pair.start('handshakes', { peer });
        await sleep(warmUpMs);
        return figures(await observe(pair, seconds));
      } finally {
        await pair.close();
      }
    },
  },
];

function figures({ before, after }) {
  const grown = (counter) => after.dialer[counter] - before.dialer[counter];
  const perSecond = (ms) => (grown('handshakes') / ms) * 1_000;
  const own = perSecond(grown('handshakeMs'));
  if (after.dialer.agreementsAndHashesMs === undefined) return { perSecond: own };
  const floor = perSecond(grown('agreementsAndHashesMs'));
  const whole = perSecond(grown('wholeMs'));
  const wholeFloor = perSecond(grown('allCallsMs'));
  return {
    perSecond: own,
    floorPerSecond: floor,
    shareOfFloor: own / floor,
    wholePerSecond: whole,
    wholeFloorPerSecond: wholeFloor,
    shareOfWholeFloor: whole / wholeFloor,
  };
}
