import { describe, expect, it } from '@jest/globals';
import { sealed, sessionPair, type SessionPairOptions } from '../testing/session-pair.js';
import { keyLimits } from './key-limits.js';
import { KeyRing } from './key-ring.js';
import type { Session } from './session.js';

const psk = new Uint8Array(32).fill(1);
const secret = new Uint8Array(32).fill(5);
const zeros = new Uint8Array(32);
const frames = Uint8Array.of(1);

function setUp() {
  const released: number[] = [];
  const ring = new KeyRing(psk, (index) => released.push(index));
  /** One that we began; the peer's end of it is of no matter here. */
  const begun = (options: SessionPairOptions): Session => sessionPair(options).initiator;
  /** A ring with a first session that is final, made at 0 with the index 100. */
  const first = begun({ index: 100 });
  const open = (): void => {
    ring.adopt(first);
    first.finish(secret);
    ring.onFinal(first);
  };
  return { ring, released, begun, first, open };
}

describe('a key ring', () => {
  it('is empty before the first handshake, for which it has the key of the introduction', () => {
    const { ring } = setUp();
    expect([ring.epoch, ring.current, ring.expiresAt]).toEqual([-1, undefined, undefined]);
    expect(ring.pskFor(0)).toEqual(psk);
    expect([ring.pskFor(1), ring.pskFor(-1), ring.pskFor(2 ** 32 - 1)]).toEqual([undefined, undefined, undefined]);
  });

  it('begins no second first session, nor a next one before the first is final', () => {
    const { ring, first } = setUp();
    ring.adopt(first);
    expect([ring.epoch, ring.current]).toEqual([0, first]);
    expect([ring.pskFor(0), ring.pskFor(1)]).toEqual([undefined, undefined]);
    first.finish(secret);
    ring.onFinal(first);
    expect(ring.pskFor(0)).toBeUndefined();
    expect(ring.pskFor(1)).toEqual(first.next);
    expect(ring.pskFor(2)).toBeUndefined();
  });

  it('sends under what it began at once, and still reads under the one before', () => {
    const { ring, released, begun, first, open } = setUp();
    open();
    const second = begun({ epoch: 1, index: 200 });
    ring.adopt(second);
    expect([ring.epoch, ring.current]).toEqual([1, second]);
    expect([ring.find(100), ring.find(200), ring.find(300)]).toEqual([first, second, undefined]);
    const third = begun({ epoch: 2, index: 300 });
    ring.adopt(third);
    expect([ring.find(100), ring.find(200), ring.find(300)]).toEqual([undefined, second, third]);
    expect(released).toEqual([100]);
    expect(first.isFinal).toBe(false);
    expect(() => sealed(first, 1, 0, frames)).toThrow('no keys');
  });

  it('uses what the peer began only once it has shown the keys', () => {
    const { ring, begun, first, open } = setUp();
    open();
    const second = begun({ epoch: 1, index: 200 });
    ring.expect(second);
    expect(ring.isExpecting).toBe(true);
    expect([ring.epoch, ring.current, ring.find(200)]).toEqual([0, first, second]);
    expect(ring.confirm(first)).toBe(false);
    expect(ring.current).toBe(first);
    expect(ring.confirm(second)).toBe(true);
    expect([ring.epoch, ring.current, ring.find(100), ring.isExpecting]).toEqual([1, second, first, false]);
    expect(ring.confirm(second)).toBe(false);
  });

  it('lets a newer answer for the same epoch replace the one that waits', () => {
    const { ring, released, begun, open } = setUp();
    open();
    const [lost, second] = [begun({ epoch: 1, index: 200 }), begun({ epoch: 1, index: 300 })];
    ring.expect(lost);
    ring.expect(second);
    expect([ring.find(200), ring.find(300)]).toEqual([undefined, second]);
    expect(released).toEqual([200]);
    expect(lost.next).toEqual(zeros);
    expect(() => sealed(lost, 1, 0, frames)).toThrow('no keys');
  });

  it('forgets what waits when its own handshake is done', () => {
    const { ring, released, begun, open } = setUp();
    open();
    ring.expect(begun({ epoch: 1, index: 200 }));
    const ours = begun({ epoch: 1, index: 300 });
    ring.adopt(ours);
    expect([ring.current, ring.find(200), ring.isExpecting]).toEqual([ours, undefined, false]);
    expect(released).toEqual([200]);
  });

  it('takes the session that waits for the one in use when the peer begins the next after it', () => {
    const { ring, begun, first, open } = setUp();
    open();
    const second = begun({ epoch: 1, index: 200 });
    ring.expect(second);
    const next = ring.pskFor(2);
    expect(next).toEqual(second.next);
    expect(next).not.toEqual(zeros);
    const third = begun({ epoch: 2, index: 300 });
    ring.expect(third);
    expect([ring.epoch, ring.current, ring.find(100), ring.find(300)]).toEqual([1, second, first, third]);
  });

  it('moves a ratchet: each key for the next handshake differs, and is overwritten when that one is in use', () => {
    const { ring, first, open } = setUp();
    open();
    const used = [first.next!];
    const seen = [Buffer.from(used[0]!).toString('hex')];
    for (let epoch = 1; epoch < 6; epoch += 1) {
      const key = ring.pskFor(epoch)!;
      expect(key).toBe(used.at(-1));
      const { initiator } = sessionPair({ epoch, index: 100 + epoch, psk: key });
      if (epoch % 2 === 0) {
        ring.adopt(initiator);
      } else {
        ring.expect(initiator);
        // It may be a replay: until its keys are shown the one before is still good.
        expect(key).not.toEqual(zeros);
        ring.confirm(initiator);
      }
      expect(key).toEqual(zeros);
      used.push(initiator.next!);
      seen.push(Buffer.from(initiator.next!).toString('hex'));
      expect(ring.pskFor(epoch)).toBeUndefined();
    }
    expect(new Set(seen).size).toBe(6);
    expect(used.slice(0, -1).every((key) => key.every((byte) => byte === 0))).toBe(true);
    // That of the introduction belongs to whoever opened the link.
    expect(psk).toEqual(new Uint8Array(32).fill(1));
  });

  it('erases each session 180 s after it was made, not before, and can still begin the next', () => {
    const { ring, released, begun, first, open } = setUp();
    open();
    const second = begun({ epoch: 1, index: 200, now: 100_000 });
    ring.adopt(second);
    const third = begun({ epoch: 2, index: 300, now: 150_000 });
    ring.expect(third);
    const next = second.next!.slice();
    expect(ring.expiresAt).toBe(keyLimits.rejectAfterMs);
    ring.expire(keyLimits.rejectAfterMs - 1);
    expect(ring.find(100)).toBe(first);
    ring.expire(keyLimits.rejectAfterMs);
    expect([ring.find(100), ring.current]).toEqual([undefined, second]);
    expect(ring.expiresAt).toBe(100_000 + keyLimits.rejectAfterMs);
    ring.expire(100_000 + keyLimits.rejectAfterMs);
    expect([ring.current, ring.find(200), ring.find(300)]).toEqual([undefined, undefined, third]);
    expect(ring.expiresAt).toBe(150_000 + keyLimits.rejectAfterMs);
    ring.expire(150_000 + keyLimits.rejectAfterMs);
    expect([ring.find(300), ring.isExpecting, ring.expiresAt]).toEqual([undefined, false, undefined]);
    expect(released).toEqual([100, 200, 300]);
    for (const session of [first, second, third]) expect(() => sealed(session, 1, 0, frames)).toThrow('no keys');
    expect(third.next).toEqual(zeros);
    expect(ring.epoch).toBe(1);
    expect(ring.pskFor(2)).toEqual(next);
  });

  it('leaves nothing behind at the end', () => {
    const { ring, released, begun, first, open } = setUp();
    open();
    const second = begun({ epoch: 1, index: 200 });
    ring.adopt(second);
    const third = begun({ epoch: 2, index: 300 });
    ring.expect(third);
    ring.eraseAll();
    expect(released.sort()).toEqual([100, 200, 300]);
    for (const session of [first, second, third]) {
      expect(session.next).toEqual(zeros);
      expect(() => sealed(session, 1, 0, frames)).toThrow('no keys');
    }
    expect([ring.current, ring.pskFor(2), ring.pskFor(3), ring.expiresAt]).toEqual(Array(4).fill(undefined));
  });
});
