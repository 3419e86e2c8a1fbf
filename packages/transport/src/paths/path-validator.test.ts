import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Address } from '../address.js';
import { PathValidator } from './path-validator.js';

const home: Address = { address: '192.0.2.1', port: 1_111 };
const rebound: Address = { address: '192.0.2.1', port: 40_000 };
const away: Address = { address: '198.51.100.7', port: 2_222 };
const elsewhere: Address = { address: '2001:db8::7', port: 2_222 };
const ptoMs = 200;

/** Bytes that tell which call they are from. */
function counting(): (length: number) => Uint8Array {
  let calls = 0;
  return (length) => new Uint8Array(length).fill(++calls);
}

function validator(): PathValidator {
  return new PathValidator(home, counting());
}

/** Lets the challenges go unanswered. */
function giveUp(path: PathValidator): void {
  while (path.deadline !== undefined) path.onTimeout(path.deadline, ptoMs);
}

describe('PathValidator', () => {
  it('is where the handshake was, without a challenge or a bound', () => {
    const path = validator();
    expect(path.onDatagram(0, { ...home }, 100, true, ptoMs)).toBe('none');
    expect([path.address, path.isProven, path.hasChallenge, path.deadline]).toEqual([home, true, false, undefined]);
    expect(path.takeChallenge()).toBeUndefined();
    expect([path.maySend(1_000_000), path.budgetBytes]).toEqual([true, Infinity]);
  });

  it('follows the newest packet, and proves the address by a response', () => {
    const path = validator();
    expect(path.onDatagram(1_000, away, 100, true, ptoMs)).toBe('move');
    expect([path.address, path.isProven, path.hasChallenge]).toEqual([away, false, true]);
    const challenge = path.takeChallenge();
    expect(challenge).toEqual(new Uint8Array(8).fill(1));
    expect([path.hasChallenge, path.takeChallenge()]).toEqual([false, undefined]);
    expect(path.onResponse(new Uint8Array(8).fill(9))).toBe(false);
    expect(path.onResponse(new Uint8Array(7).fill(1))).toBe(false);
    expect(path.isProven).toBe(false);
    expect(path.onResponse(challenge!.slice())).toBe(true);
    expect([path.address, path.isProven, path.deadline]).toEqual([away, true, undefined]);
    expect(path.maySend(1_000_000)).toBe(true);
    // The same once more proves nothing.
    expect(path.onResponse(challenge!.slice())).toBe(false);
  });

  it('tells a rebinding of the NAT from a move', () => {
    const path = validator();
    expect(path.onDatagram(0, rebound, 50, true, ptoMs)).toBe('rebinding');
    expect(path.onDatagram(0, away, 50, true, ptoMs)).toBe('move');
    expect(path.onDatagram(0, home, 50, true, ptoMs)).toBe('move');
    expect(path.onDatagram(0, rebound, 50, true, ptoMs)).toBe('rebinding');
    expect(path.onDatagram(0, home, 50, true, ptoMs)).toBe('rebinding');
  });

  it('is not led astray by a packet that is not the newest', () => {
    const path = validator();
    expect(path.onDatagram(0, away, 100, false, ptoMs)).toBe('none');
    expect(path.address).toBe(home);
    path.onDatagram(0, away, 100, true, ptoMs);
    expect(path.onDatagram(0, home, 100, false, ptoMs)).toBe('none');
    expect(path.onDatagram(0, elsewhere, 100, false, ptoMs)).toBe('none');
    expect(path.address).toEqual(away);
    expect(path.maySend(200)).toBe(true);
    expect(path.maySend(201)).toBe(false);
  });

  it('sends at most three times what came from an unproven address', () => {
    const path = validator();
    path.onDatagram(0, away, 100, true, ptoMs);
    expect(path.maySend(200)).toBe(true);
    path.onSent(150);
    // A third of what may leave is for challenges, which are small.
    expect(path.budgetBytes).toBe(64);
    const challenge = path.takeChallenge()!;
    expect(path.budgetBytes).toBe(50);
    path.onDatagram(5, away, 10, false, ptoMs);
    expect(path.maySend(70)).toBe(true);
    expect(path.maySend(71)).toBe(false);
    path.onSent(70);
    expect(path.maySend(1)).toBe(false);
    path.onTimeout(path.deadline!, ptoMs);
    expect(path.budgetBytes).toBe(64);
    path.onSent(64);
    expect(path.budgetBytes).toBe(330 - 284);
    expect(path.onResponse(challenge)).toBe(true);
    expect(path.maySend(100_000)).toBe(true);
  });

  it('returns at once when the newest packet is from the proven address, and is then free', () => {
    const path = validator();
    path.onDatagram(0, away, 100, true, ptoMs);
    const challenge = path.takeChallenge()!.slice();
    expect(path.onDatagram(10, home, 100, true, ptoMs)).toBe('move');
    expect([path.address, path.isProven, path.deadline, path.hasChallenge]).toEqual([home, true, undefined, false]);
    expect(path.maySend(100_000)).toBe(true);
    // A late answer from the address that was left.
    expect(path.onResponse(challenge)).toBe(false);
    expect(path.address).toBe(home);
  });

  it('asks nothing of an address that it has left', () => {
    const path = validator();
    path.onDatagram(0, away, 100, true, ptoMs);
    path.onDatagram(10, home, 100, true, ptoMs);
    expect([path.hasChallenge, path.takeChallenge()]).toEqual([false, undefined]);
  });

  it('repeats the challenge three times with other bytes and longer waits, then goes back', () => {
    const path = validator();
    path.onDatagram(1_000, away, 100, true, ptoMs);
    const challenges = [path.takeChallenge()!.slice()];
    const deadlines = [path.deadline];
    for (let i = 0; i < 3; i += 1) {
      const deadline = path.deadline!;
      expect(path.onTimeout(deadline - 0.1, ptoMs)).toBe('none');
      expect(path.hasChallenge).toBe(false);
      expect(path.onTimeout(deadline, ptoMs)).toBe('none');
      challenges.push(path.takeChallenge()!.slice());
      deadlines.push(path.deadline);
    }
    expect(deadlines).toEqual([1_200, 1_600, 2_400, 4_000]);
    expect(new Set(challenges.map(String)).size).toBe(4);
    expect(path.address).toEqual(away);
    expect(path.onTimeout(4_000, ptoMs)).toBe('move');
    expect([path.address, path.isProven, path.deadline, path.hasChallenge]).toEqual([home, true, undefined, false]);
    expect(path.onTimeout(9_000, ptoMs)).toBe('none');
    // The peer is still there, though: all begins anew.
    expect(path.onDatagram(9_001, away, 100, true, ptoMs)).toBe('move');
    expect(path.hasChallenge).toBe(true);
  });

  it('takes the answer to each of the newest two challenges', () => {
    const path = validator();
    path.onDatagram(0, away, 100, true, ptoMs);
    const [first] = [path.takeChallenge()!.slice()];
    path.onTimeout(path.deadline!, ptoMs);
    const second = path.takeChallenge()!.slice();
    path.onTimeout(path.deadline!, ptoMs);
    expect(path.onResponse(first)).toBe(false);
    expect(path.onResponse(second)).toBe(true);
  });

  it('has time for a path that is far slower than the one before', () => {
    for (const roundTripMs of [1, 60, 150, 333, 500, 750]) {
      const path = validator();
      const answers: { at: number; data: Uint8Array }[] = [];
      path.onDatagram(0, away, 100, true, 26);
      for (let now = 0; now < 1_500 && !path.isProven; now += 1) {
        if (path.deadline !== undefined && now >= path.deadline) path.onTimeout(now, 26);
        const data = path.takeChallenge();
        if (data) answers.push({ at: now + roundTripMs, data: data.slice() });
        for (const answer of answers) if (answer.at === now) path.onResponse(answer.data);
      }
      expect([roundTripMs, path.isProven, path.address]).toEqual([roundTripMs, true, away]);
    }
  });

  it('forgets a candidate for a newer one, its bytes and its challenges', () => {
    const path = validator();
    path.onDatagram(0, away, 1_000, true, ptoMs);
    const former = path.takeChallenge()!.slice();
    path.onSent(900);
    expect(path.onDatagram(50, elsewhere, 40, true, ptoMs)).toBe('move');
    expect(path.deadline).toBe(250);
    expect(path.onResponse(former)).toBe(false);
    expect(path.maySend(80)).toBe(true);
    expect(path.maySend(81)).toBe(false);
    expect(path.onResponse(path.takeChallenge()!)).toBe(true);
    expect(path.address).toEqual(elsewhere);
  });

  it('does not follow an address object that its owner changes', () => {
    const path = validator();
    const source = { ...away };
    path.onDatagram(0, source, 100, true, ptoMs);
    source.address = elsewhere.address;
    expect(path.address).toEqual(away);
    expect(path.onDatagram(0, source, 100, true, ptoMs)).toBe('move');
  });

  it('never sends more than three times what came, to any address without a proof, whatever happens', () => {
    const places = [home, rebound, away, elsewhere];
    const event = fc.oneof(
      fc.record({
        kind: fc.constant('datagram' as const),
        from: fc.nat(3),
        bytes: fc.integer({ min: 33, max: 1_452 }),
        isNewest: fc.boolean(),
      }),
      fc.record({ kind: fc.constant('send' as const), bytes: fc.integer({ min: 33, max: 1_452 }) }),
      fc.record({ kind: fc.constant('respond' as const), age: fc.nat(3) }),
      fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 1_000 }) }),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 120 }), (events) => {
        const path = validator();
        const name = ({ address, port }: Address): string => `${address} ${String(port)}`;
        const proven = new Set([name(home)]);
        const received = new Map<string, number>();
        const sent = new Map<string, number>();
        const challenges: { data: Uint8Array; to: string }[] = [];
        let now = 0;
        const count = (map: Map<string, number>, at: Address, bytes: number): void => {
          map.set(name(at), (map.get(name(at)) ?? 0) + bytes);
        };
        for (const event of events) {
          const before = name(path.address);
          let change = 'none';
          switch (event.kind) {
            case 'datagram': {
              const from = places[event.from]!;
              count(received, from, event.bytes);
              change = path.onDatagram(now, from, event.bytes, event.isNewest, ptoMs);
              if (event.isNewest) expect(name(path.address)).toBe(name(from));
              break;
            }
            case 'send': {
              const challenge = path.maySend(event.bytes) ? path.takeChallenge() : undefined;
              if (challenge) challenges.push({ data: challenge.slice(), to: name(path.address) });
              if (!path.maySend(event.bytes)) break;
              count(sent, path.address, event.bytes);
              path.onSent(event.bytes);
              break;
            }
            case 'respond': {
              const answered = challenges.at(-1 - event.age);
              if (!answered) break;
              const at = name(path.address);
              if (path.onResponse(answered.data)) {
                expect(answered.to).toBe(at);
                proven.add(at);
              }
              break;
            }
            case 'wait':
              now += event.ms;
              change = path.onTimeout(now, ptoMs);
              break;
          }
          expect(change !== 'none').toBe(name(path.address) !== before);
          expect(path.isProven).toBe(path.deadline === undefined);
          if (path.isProven) expect(proven).toContain(name(path.address));
          for (const [to, bytes] of sent) {
            if (!proven.has(to)) expect(bytes).toBeLessThanOrEqual(3 * (received.get(to) ?? 0));
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('tries an address again that did not answer, while the proven one is silent, within what may leave', () => {
    const path = validator();
    path.onDatagram(0, away, 100, true, ptoMs);
    path.onSent(60);
    giveUp(path);
    expect(path.address).toBe(home);
    expect(path.tryUnanswered(10_000, ptoMs)).toBe('move');
    expect(path.address).toEqual(away);
    expect(path.budgetBytes).toBe(140);
    path.onSent(140);
    path.onSent(60);
    giveUp(path);
    // There is no room for another challenge.
    expect(path.tryUnanswered(20_000, ptoMs)).toBe('none');
    expect(path.address).toBe(home);
  });

  it('forgets an address that did not answer once the peer is heard from the proven one', () => {
    const path = validator();
    path.onDatagram(0, away, 1_000, true, ptoMs);
    giveUp(path);
    path.onDatagram(9_000, home, 100, true, ptoMs);
    expect(path.tryUnanswered(10_000, ptoMs)).toBe('none');
  });

  it('takes the response to a handshake for a proof, from where it went', () => {
    const path = validator();
    path.onDatagram(0, away, 1_000, true, ptoMs);
    expect(path.onAnswer(elsewhere)).toBe(false);
    expect(path.onAnswer(away)).toBe(true);
    expect(path.isProven).toBe(true);
    expect(path.onAnswer(away)).toBe(false);
  });
});
