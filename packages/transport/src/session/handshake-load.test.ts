import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { HandshakeLoad, handshakeLoadLimits } from './handshake-load.js';

const home = '192.0.2.1';

function admittedOf(load: HandshakeLoad, now: number, address: string, attempts: number): number {
  let admitted = 0;
  for (let i = 0; i < attempts; i += 1) if (load.admits(now, address)) admitted += 1;
  return admitted;
}

describe('HandshakeLoad', () => {
  it('is load when more than so many came in the last second', () => {
    const load = new HandshakeLoad(3);
    expect([0, 300, 600].map((now) => load.onInitiation(now))).toEqual([false, false, false]);
    expect(load.onInitiation(999.9)).toBe(true);
    expect(load.isUnderLoad(999.95)).toBe(true);
    expect(load.isUnderLoad(1_000)).toBe(false);
    expect(load.onInitiation(1_299)).toBe(true);
    expect(load.onInitiation(1_600)).toBe(false);
  });

  it('agrees with a count of the last second', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.array(fc.double({ min: 0, max: 300, noNaN: true }), { maxLength: 100 }),
        (limit, gaps) => {
          const load = new HandshakeLoad(limit);
          const arrivals: number[] = [];
          let now = 1.7e12;
          for (const gap of gaps) {
            now += gap;
            arrivals.push(now);
            const recent = arrivals.filter((at) => now - at < 1_000).length;
            expect(load.onInitiation(now)).toBe(recent > limit);
          }
        },
      ),
    );
  });

  it('takes a hundred a second by default', () => {
    const load = new HandshakeLoad();
    for (let i = 0; i < 100; i += 1) expect(load.onInitiation(1_000)).toBe(false);
    expect(load.onInitiation(1_000)).toBe(true);
  });

  it('gives a source five at once, and twenty a second', () => {
    const load = new HandshakeLoad();
    expect(admittedOf(load, 0, home, 10)).toBe(5);
    expect(admittedOf(load, 49, home, 10)).toBe(0);
    expect(admittedOf(load, 50, home, 10)).toBe(1);
    let admitted = 0;
    for (let now = 51; now <= 10_050; now += 1) admitted += admittedOf(load, now, home, 3);
    expect(admitted).toBe(200);
    expect(admittedOf(load, 1_000_000, home, 10)).toBe(5);
  });

  it.each([
    ['192.0.2.2', false],
    ['::ffff:192.0.2.1', true],
    ['::FFFF:192.0.2.1', true],
  ])('counts %s with 192.0.2.1: %s', (address, isSame) => {
    const load = new HandshakeLoad();
    admittedOf(load, 0, home, 5);
    expect(load.admits(0, address)).toBe(!isSame);
  });

  it.each([
    ['2001:db8:0:1::1', '2001:db8:0:1:ffff:ffff:ffff:ffff', true],
    ['2001:db8:0:1::1', '2001:0DB8:0000:0001:0:0:0:2', true],
    ['2001:db8::1:2:3:4', '2001:db8::9', true],
    ['2001:db8::1:2:3:4:5', '2001:db8:0:1::', true],
    ['2001:db8:0:1::1', '2001:db8:0:2::1', false],
    ['::1', '::2', true],
    ['::1', '1::', false],
    ['::1:0:0:0:0', '0:0:0:1::', true],
    ['fe80::1%eth0', 'fe80::2%eth0', true],
    ['64:ff9b::192.0.2.1', '64:ff9b::c000:202', true],
    ['::1:2:3:4:192.0.2.1', '0:0:1:2::', true],
  ])('counts %s and %s as one: %s', (a, b, isSame) => {
    const load = new HandshakeLoad();
    admittedOf(load, 0, a, 5);
    expect(load.admits(0, b)).toBe(!isSame);
  });

  it('remembers so many sources and no more, and forgets the stalest', () => {
    const load = new HandshakeLoad();
    const { sources } = handshakeLoadLimits;
    const name = (i: number): string => `10.${String(i >> 16)}.${String((i >> 8) & 255)}.${String(i & 255)}`;
    for (let i = 0; i < sources; i += 1) admittedOf(load, 0, name(i), 5);
    expect(load.sourceCount).toBe(sources);
    // The first is heard again, so the second is the stalest now.
    expect(load.admits(0, name(0))).toBe(false);
    expect(load.admits(0, name(sources))).toBe(true);
    expect(load.sourceCount).toBe(sources);
    expect(load.admits(0, name(0))).toBe(false);
    expect(load.admits(0, name(2))).toBe(false);
    expect(load.admits(0, name(1))).toBe(true);
    expect(load.sourceCount).toBe(sources);
  });
});
