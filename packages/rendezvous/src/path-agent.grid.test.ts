import { describe, expect, it } from '@jest/globals';
import { describeVerdict } from './describe-path.js';
import { natKinds, NatScene, type NatName } from './testing/nat-scene.js';

const seeds = Array.from({ length: 20 }, (_, i) => i + 1);

/** Where theory allows a direct path by plain means, by birthday punching, or not at all. */
function expected(a: NatName, b: NatName): 'direct' | 'birthday' | 'relayed' {
  const pair = [a, b];
  if (!pair.includes('endpoint-dependent')) return 'direct';
  if (a === b) return 'relayed';
  return pair.includes('port-restricted') ? 'birthday' : 'direct';
}

describe('two devices behind', () => {
  for (const a of natKinds) {
    for (const b of natKinds) {
      const way = expected(a, b);
      it(`${a} and ${b}: ${way}`, () => {
        const times = seeds.map((seed) => {
          const scene = new NatScene({ seed, a: { nat: a }, b: { nat: b } });
          scene.begin();
          const ms = scene.untilDirect(way === 'birthday' ? 45_000 : way === 'direct' ? 2_000 : 20_000);
          scene.network.run(2_000);
          const reports = [scene.a, scene.b].map(({ agent }) => describeVerdict(agent.report(scene.network.now)));
          if (way === 'relayed') {
            expect(reports).toEqual(Array(2).fill(expect.stringContaining('both routers give each destination')));
          } else if (ms !== undefined) {
            expect(reports).toEqual(['direct over the internet', 'direct over the internet']);
          }
          // No spare socket stays open but the one that is the path. (The port of the first socket may be met as well.)
          for (const { link } of [scene.a, scene.b]) {
            expect(link.spareCount).toBe(link.path?.address.startsWith('via-') === true ? 1 : 0);
          }
          expect(scene.a.birthdays + scene.b.birthdays).toBe(way === 'birthday' ? 2 : 0);
          return ms;
        });
        const direct = times.filter((ms) => ms !== undefined);
        if (way === 'relayed') expect(direct).toEqual([]);
        // One in a thousand may find no port.
        else expect(direct.length).toBeGreaterThanOrEqual(way === 'birthday' ? 19 : 20);
      });
    }
  }
});
