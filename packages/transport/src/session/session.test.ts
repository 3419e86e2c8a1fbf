import { describe, expect, it } from '@jest/globals';
import { sealed, sessionPair } from '../testing/session-pair.js';
import { counterOf, phaseOf, receiverIndexOf } from '../wire/packets.js';
import type { Session } from './session.js';

const frames = Uint8Array.of(1, 2, 3);
const secret = new Uint8Array(32).fill(5);

function opens(session: Session, packet: Uint8Array): boolean {
  return session.open(phaseOf(packet), counterOf(packet), packet) !== undefined;
}

describe('the first session of a link', () => {
  it('has early keys, and final ones once it has the secret', () => {
    const { initiator, responder } = sessionPair();
    expect([initiator.isFinal, initiator.next]).toEqual([false, undefined]);
    expect(() => sealed(initiator, 1, 0, frames)).toThrow('no keys');
    const early = sealed(initiator, 0, 0, frames);
    expect(receiverIndexOf(early)).toBe(responder.localIndex);
    expect(responder.open(0, 0, early)).toEqual(frames);
    for (const session of [initiator, responder]) session.finish(secret);
    expect([initiator.isFinal, responder.isFinal]).toEqual([true, true]);
    for (const [from, to] of [
      [initiator, responder],
      [responder, initiator],
    ] as const) {
      const final = sealed(from, 1, 1, frames);
      expect(to.open(1, 1, final)).toEqual(frames);
      // Its own, and those of the other phase or counter, are others.
      expect(from.open(1, 1, final)).toBeUndefined();
      expect(to.open(0, 1, final)).toBeUndefined();
      expect(to.open(1, 2, final)).toBeUndefined();
    }
    expect(opens(responder, early)).toBe(true);
  });

  it('leaves both the same key for the next handshake, and other keys for another secret', () => {
    const { initiator, responder } = sessionPair();
    initiator.finish(secret);
    responder.finish(new Uint8Array(32).fill(6));
    expect(initiator.next).toHaveLength(32);
    expect(initiator.next).not.toEqual(responder.next);
    expect(opens(responder, sealed(initiator, 1, 0, frames))).toBe(false);
    const again = sessionPair();
    again.initiator.finish(secret);
    again.responder.finish(secret);
    expect(again.initiator.next).toEqual(again.responder.next);
  });

  it('mixes in one secret only', () => {
    const { initiator } = sessionPair();
    initiator.finish(secret);
    expect(() => {
      initiator.finish(secret);
    }).toThrow('final already');
  });

  it('forgets its early keys when told, and all when erased', () => {
    const { initiator, responder } = sessionPair();
    const packets = [sealed(initiator, 0, 0, frames)];
    for (const session of [initiator, responder]) session.finish(secret);
    packets.push(sealed(initiator, 1, 1, frames));
    expect(packets.map((packet) => opens(responder, packet))).toEqual([true, true]);
    responder.forgetEarly();
    expect(packets.map((packet) => opens(responder, packet))).toEqual([false, true]);
    expect(() => sealed(responder, 0, 0, frames)).toThrow('no keys');
    responder.erase();
    expect(packets.map((packet) => opens(responder, packet))).toEqual([false, false]);
    expect(() => sealed(responder, 1, 1, frames)).toThrow('no keys');
    expect(responder.isFinal).toBe(false);
  });
});

describe('a later session', () => {
  it('has final keys from the start', () => {
    const { initiator, responder } = sessionPair({ epoch: 1 });
    expect([initiator.isFinal, responder.isFinal]).toEqual([true, true]);
    expect(initiator.next).toEqual(responder.next);
    expect(responder.open(1, 9, sealed(initiator, 1, 9, frames))).toEqual(frames);
    expect(() => sealed(initiator, 0, 0, frames)).toThrow('no keys');
    expect(() => {
      initiator.finish(secret);
    }).toThrow('final already');
  });

  it('counts what it has sealed', () => {
    const { initiator } = sessionPair({ epoch: 3 });
    for (let counter = 0; counter < 5; counter += 1) sealed(initiator, 1, counter, frames);
    expect([initiator.epoch, initiator.sealedPackets]).toEqual([3, 5]);
  });
});
