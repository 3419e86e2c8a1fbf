import { describe, expect, it } from '@jest/globals';
import { SeededRandom } from '@parley/simulator';
import { Birthday, birthdayProbes, birthdaySide, birthdaySockets } from './birthday.js';
import { unknownNat, type NatKind } from './path-offer.js';
import type { Address } from './stun-message.js';

const target = { address: '203.0.113.5', port: 4_000 };
const sockets = Array.from({ length: birthdaySockets }, (_, i) => i + 1);

function made(seed = 1): Birthday {
  const random = new SeededRandom(seed);
  return new Birthday((length) => random.bytes(length));
}

/** Lets it run until it has nothing more to do. @returns what it did, and when */
function run(birthday: Birthday, untilMs = Infinity): { at: number; type: string; to?: Address }[] {
  const steps: { at: number; type: string; to?: Address }[] = [];
  for (let at = birthday.nextTimeout(); at !== undefined && at <= untilMs; at = birthday.nextTimeout()) {
    for (let step = birthday.step(at); step; step = birthday.step(at)) steps.push({ at, ...step });
  }
  return steps;
}

const nat = (mapping: NatKind['mapping']): NatKind => ({ ...unknownNat, mapping });

describe('the sides of birthday punching', () => {
  it.each([
    ['endpoint-dependent', 'endpoint-independent', 'hard'],
    ['endpoint-dependent', 'none', 'hard'],
    ['none', 'endpoint-dependent', 'easy'],
    ['endpoint-independent', 'endpoint-dependent', 'easy'],
    ['endpoint-dependent', 'endpoint-dependent', undefined],
    ['endpoint-independent', 'none', undefined],
    ['endpoint-dependent', undefined, undefined],
    [undefined, 'endpoint-dependent', undefined],
  ] as const)('%s here, %s there: %s', (own, peer, side) => {
    expect(birthdaySide(nat(own), nat(peer))).toBe(side);
  });
});

describe('birthday punching', () => {
  it('of the hard side sends from each socket at once, again before a NAT forgets, and ends after 40 s', () => {
    const birthday = made();
    expect(birthday.ask(0, 'hard')).toBe(true);
    birthday.begin(0, target, sockets);
    expect(birthday.spareSockets).toBe(256);
    const steps = run(birthday);
    const probes = steps.filter(({ type }) => type === 'probe');
    const first = probes.slice(0, 256);
    expect(new Set(first.map(({ to }) => to?.address)).size).toBe(256);
    expect(first[0]?.to).toEqual({ address: 'via-1 203.0.113.5', port: 4_000 });
    expect(first.at(-1)?.at).toBeLessThan(2_000);
    for (const socket of sockets) {
      const times = probes.filter(({ to }) => to?.address === `via-${String(socket)} 203.0.113.5`).map(({ at }) => at);
      expect(Math.max(...times.map((at, i) => at - (times[i - 1] ?? 0)))).toBeLessThan(15_000);
      expect(times.length).toBeLessThanOrEqual(4);
    }
    expect(steps.at(-1)).toEqual({ at: 40_000, type: 'end' });
    expect(birthday.hasFailed).toBe(true);
    expect(birthday.spareSockets).toBe(0);
  });

  it('of the easy side tries 1,750 ports at random, all over the range, at 20 ms', () => {
    const birthday = made();
    birthday.ask(0, 'easy');
    birthday.begin(0, target, []);
    const probes = run(birthday).filter(({ type }) => type === 'probe');
    expect(probes).toHaveLength(birthdayProbes);
    expect(probes.at(-1)?.at).toBe((birthdayProbes - 1) * 20);
    const tried = probes.map(({ to }) => to?.port ?? 0);
    expect(Math.min(...tried)).toBeGreaterThanOrEqual(1_024);
    expect(Math.min(...tried)).toBeLessThan(2_000);
    expect(Math.max(...tried)).toBeGreaterThan(64_500);
    expect(new Set(tried).size).toBeGreaterThan(1_650);
    expect(probes.every(({ to }) => to?.address === target.address)).toBe(true);
  });

  it('stops when something met: the easy side at once, the hard side when the path has settled', () => {
    for (const [side, endAt] of [
      ['easy', 1_000],
      ['hard', 2_000],
    ] as const) {
      const birthday = made();
      birthday.ask(0, side);
      birthday.begin(0, target, sockets);
      run(birthday, 999);
      birthday.handleMet(1_000);
      expect(run(birthday)).toEqual([{ at: endAt, type: 'end' }]);
      expect(birthday.hasFailed).toBe(false);
    }
  });

  it('is not done again for ten minutes, unless the network is another', () => {
    const birthday = made();
    birthday.ask(0, 'easy');
    expect(birthday.ask(0, 'easy')).toBe(false);
    birthday.begin(0, target, []);
    run(birthday);
    expect(birthday.ask(600_000, 'easy')).toBe(false);
    birthday.handleAddressChange();
    expect(birthday.ask(600_000, 'easy')).toBe(true);
    birthday.end(600_000);
    expect(birthday.ask(1_199_999, 'easy')).toBe(false);
    expect(birthday.ask(1_200_000, 'easy')).toBe(true);
  });

  it('gives its turn back when there are no sockets', () => {
    const birthday = made();
    birthday.ask(0, 'hard');
    birthday.begin(0, target, []);
    expect(run(birthday)).toEqual([{ at: 0, type: 'end' }]);
  });

  it('knows which answers can be its own', () => {
    const easy = made();
    expect(easy.covers(target)).toBe(false);
    easy.ask(0, 'easy');
    easy.begin(0, target, []);
    expect(easy.covers({ ...target, port: 9_999 })).toBe(true);
    expect(easy.covers({ address: '203.0.113.6', port: 9_999 })).toBe(false);
    const hard = made();
    hard.ask(0, 'hard');
    hard.begin(0, target, [1, 2]);
    expect(hard.covers({ address: 'via-2 203.0.113.5', port: 4_000 })).toBe(true);
    expect(hard.covers({ address: 'via-3 203.0.113.5', port: 4_000 })).toBe(false);
    expect(hard.covers(target)).toBe(false);
  });
});
