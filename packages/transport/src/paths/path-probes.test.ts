import { describe, expect, it } from '@jest/globals';
import { SeededRandom } from '@parley/simulator';
import fc from 'fast-check';
import { isProbing, PathProbes, probeLimits } from './path-probes.js';

const here = { address: '192.0.2.1', port: 1 };
const there = { address: '198.51.100.7', port: 3 };

function probes(): PathProbes {
  const random = new SeededRandom(1);
  return new PathProbes((length) => random.bytes(length));
}

describe('PathProbes', () => {
  it('tells of the answer to each question, once, with the time it took', () => {
    const own = probes();
    expect([own.isWaiting, own.take(0)]).toEqual([false, undefined]);
    own.ask(0, here);
    own.ask(0, there);
    expect(own.isWaiting).toBe(true);
    const [first, second] = [own.take(5)!, own.take(6)!];
    expect([first.type, first.to, first.data.length, second.to]).toEqual(['challenge', here, 8, there]);
    expect(first.data).not.toEqual(second.data);
    expect([own.isWaiting, own.take(7)]).toEqual([false, undefined]);
    expect(own.onResponse(20, new Uint8Array(8))).toBeUndefined();
    expect(own.onResponse(20, second.data.subarray(0, 7))).toBeUndefined();
    expect(own.onResponse(20, second.data)).toMatchObject({ to: there, rttMs: 14 });
    expect(own.onResponse(20, second.data)).toBeUndefined();
    expect(own.onResponse(30, first.data)).toMatchObject({ to: here, rttMs: 25 });
  });

  it('remembers who has answered for ten seconds, and the newest round trip', () => {
    const own = probes();
    for (const [at, rttMs] of [
      [0, 50],
      [1_000, 20],
    ] as const) {
      own.ask(at, there);
      own.onResponse(at + rttMs, own.take(at)!.data);
      expect(own.answeredRttMs(at + rttMs, { ...there })).toBe(rttMs);
    }
    expect(own.answeredRttMs(1_020, here)).toBeUndefined();
    expect(own.answeredRttMs(11_020, there)).toBe(20);
    expect(own.answeredRttMs(11_021, there)).toBeUndefined();
  });

  it('takes no answer, and asks nothing, after ten seconds', () => {
    const own = probes();
    own.ask(0, there);
    const { data } = own.take(10_000)!;
    expect(own.onResponse(20_001, data)).toBeUndefined();
    own.ask(0, there);
    expect(own.take(10_001)).toBeUndefined();
  });

  it('has one question for an address that has not left, and any number that have', () => {
    const own = probes();
    own.ask(0, there);
    own.ask(0, { ...there });
    const first = own.take(0)!;
    expect(own.take(0)).toBeUndefined();
    own.ask(1, there);
    const second = own.take(1)!;
    expect(own.onResponse(10, second.data)).toMatchObject({ rttMs: 9 });
    expect(own.onResponse(10, first.data)).toMatchObject({ rttMs: 10 });
  });

  it('holds 64 of each at most, and forgets the oldest', () => {
    const own = probes();
    for (let port = 1; port <= 100; port += 1) own.answer(0, { ...here, port }, Uint8Array.of(port));
    const answers = [];
    for (let frame = own.take(0); frame; frame = own.take(0)) answers.push(frame.to.port);
    expect([answers.length, answers[0], answers.at(-1)]).toEqual([probeLimits.waiting, 37, 100]);

    const asked = [];
    for (let port = 1; port <= 100; port += 1) {
      own.ask(0, { ...here, port });
      asked.push(own.take(0)!);
    }
    const told = asked.filter(({ data }) => own.onResponse(1, data) !== undefined).map(({ to }) => to.port);
    expect([told.length, told[0]]).toEqual([probeLimits.outstanding, 37]);
    for (let port = 101; port <= 110; port += 1) {
      own.ask(1, { ...here, port });
      own.onResponse(2, own.take(1)!.data);
    }
    const known = Array.from({ length: 110 }, (_, i) => own.answeredRttMs(2, { ...here, port: i + 1 }) !== undefined);
    expect([known.filter(Boolean).length, known.indexOf(true)]).toEqual([probeLimits.answered, 46]);
  });
});

describe('isProbing', () => {
  const piece = fc.oneof(
    fc.constant([0]),
    fc.tuple(fc.constantFrom(0x1a, 0x1b), fc.uint8Array({ minLength: 8, maxLength: 8 })).map(([t, d]) => [t, ...d]),
  );

  it('is true of challenges, responses and padding, whatever is in them', () => {
    fc.assert(fc.property(fc.array(piece), (pieces) => isProbing(Uint8Array.from(pieces.flat()))));
  });

  it('is false when anything else stands before, between or behind', () => {
    const other = fc.integer({ min: 1, max: 255 }).filter((type) => type !== 0x1a && type !== 0x1b);
    fc.assert(
      fc.property(fc.array(piece), fc.array(piece), other, (before, after, type) => {
        return !isProbing(Uint8Array.from([...before.flat(), type, ...after.flat()]));
      }),
    );
  });
});
