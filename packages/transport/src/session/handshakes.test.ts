import { SeededRandom } from '@parley/simulator';
import { describe, expect, it } from '@jest/globals';
import { nodeCrypto } from '../node/node-crypto.js';
import type { Role } from '../noise/handshake.js';
import { seededKeyPair } from '../testing/simulated-pair.js';
import { parseInitiation, parseResponse } from '../wire/packets.js';
import { receiveInitiation } from './handshake-responder.js';
import { Handshakes, responseLimits } from './handshakes.js';
import { keyLimits } from './key-limits.js';

const secret = new Uint8Array(32).fill(5);

interface Party {
  readonly handshakes: Handshakes;
  /** Indices in use. */
  readonly indices: Set<number>;
  /** Takes an initiation as an endpoint would. @returns the response */
  receive(now: number, initiation: Uint8Array): Uint8Array | undefined;
  /** @returns whether it was taken */
  receiveResponse(now: number, response: Uint8Array): boolean;
}

function parties(): Record<Role, Party> {
  const random = new SeededRandom(1);
  const bytes = (length: number): Uint8Array => random.bytes(length);
  const keyPairs = { initiator: seededKeyPair(random), responder: seededKeyPair(random) };
  const shared = { id: bytes(16), psk: bytes(32), candidates: [] };
  const party = (role: Role, peer: Role, firstIndex: number): Party => {
    const identity = nodeCrypto.keyAgreement(keyPairs[role].privateKey);
    const indices = new Set<number>();
    let [index, timestamp] = [firstIndex, 0];
    const options = {
      crypto: nodeCrypto,
      random: bytes,
      identity,
      introduction: { ...shared, peerKey: keyPairs[peer].publicKey, role },
      takeIndex: () => {
        indices.add(++index);
        return index;
      },
      releaseIndex: (released: number) => {
        expect(indices.delete(released)).toBe(true);
      },
      nextTimestamp: (now: number) => (timestamp = Math.max(now, timestamp + 1)),
    };
    const handshakes = new Handshakes(options, shared.psk);
    return {
      handshakes,
      indices,
      receive: (now, packet) => {
        const received = receiveInitiation(parseInitiation(packet)!, { crypto: nodeCrypto, random: bytes, identity })!;
        return handshakes.onInitiation(now, received) ? handshakes.response : undefined;
      },
      receiveResponse: (now, response) => handshakes.onResponse(now, parseResponse(response)!) !== undefined,
    };
  };
  return { initiator: party('initiator', 'responder', 100), responder: party('responder', 'initiator', 200) };
}

/** The initiation, which leaves now. */
function begin(party: Party, now: number): Uint8Array {
  party.handshakes.begin(now);
  return repeat(party, now);
}

function repeat({ handshakes }: Party, now: number): Uint8Array {
  const initiation = handshakes.initiation(now)!;
  handshakes.onInitiationSent(now);
  return initiation;
}

/** The peer has heard something under the newest keys. */
function confirm({ handshakes }: Party, localIndex: number): void {
  const session = handshakes.keys.find(localIndex)!;
  expect(handshakes.keys.confirm(session)).toBe(true);
  handshakes.onConfirmed(session);
}

/** With a first session, made at 0, whose keys are final. */
function opened(): Record<Role, Party> {
  const both = parties();
  const { initiator, responder } = both;
  expect(initiator.receiveResponse(0, responder.receive(0, begin(initiator, 0))!)).toBe(true);
  confirm(responder, 201);
  for (const { handshakes } of [initiator, responder]) {
    const { current } = handshakes.keys;
    current!.finish(secret);
    handshakes.keys.onFinal(current!);
  }
  return both;
}

function epochs({ initiator, responder }: Record<Role, Party>): [number, number] {
  return [initiator.handshakes.keys.epoch, responder.handshakes.keys.epoch];
}

/** Each can read what the other writes now. */
function expectAgreement({ initiator, responder }: Record<Role, Party>): void {
  const [a, b] = [initiator.handshakes.keys.current!, responder.handshakes.keys.current!];
  expect(a.epoch).toBe(b.epoch);
  expect(a.next).toEqual(b.next);
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    const packet = new Uint8Array(33);
    from.seal(1, 7, packet);
    expect(to.open(1, 7, packet)).toEqual(new Uint8Array(1));
  }
}

describe('the handshakes of a link', () => {
  it('are due 120 s after the last for who began it, and 150 s after for the other', () => {
    const { initiator, responder } = opened();
    for (const [party, dueMs] of [
      [initiator, keyLimits.rekeyAfterMs],
      [responder, keyLimits.rekeyByPeerAfterMs],
    ] as const) {
      expect(party.handshakes.isDue(dueMs - 1)).toBe(false);
      expect(party.handshakes.isDue(dueMs)).toBe(true);
    }
    begin(initiator, keyLimits.rekeyAfterMs);
    expect(initiator.handshakes.isDue(keyLimits.rekeyAfterMs)).toBe(false);
  });

  it('are not due before the first has final keys', () => {
    const { initiator, responder } = parties();
    expect([initiator.handshakes.isDue(0), responder.handshakes.isDue(0)]).toEqual([false, false]);
    initiator.receiveResponse(0, responder.receive(0, begin(initiator, 0))!);
    expect(initiator.handshakes.isDue(keyLimits.rekeyAfterMs)).toBe(false);
  });

  it('are due when the keys have expired, whoever began the last', () => {
    const { initiator, responder } = opened();
    for (const { handshakes } of [initiator, responder]) {
      handshakes.keys.expire(keyLimits.rejectAfterMs);
      expect(handshakes.keys.current).toBeUndefined();
      expect(handshakes.isDue(keyLimits.rejectAfterMs)).toBe(true);
    }
  });

  it('are due when a session has sealed as many packets as it may', () => {
    const { initiator } = opened();
    const { current } = initiator.handshakes.keys;
    expect(initiator.handshakes.isDue(1)).toBe(false);
    Object.defineProperty(current, 'sealedPackets', { value: keyLimits.rekeyAfterPackets });
    expect(initiator.handshakes.isDue(1)).toBe(true);
  });

  it('are not due for who has answered one and waits for its first packet', () => {
    const { initiator, responder } = opened();
    const at = keyLimits.rekeyByPeerAfterMs;
    responder.receive(at, begin(initiator, at));
    expect(responder.handshakes.isDue(at)).toBe(false);
    // But the keys must not run out over it.
    responder.handshakes.keys.expire(keyLimits.rejectAfterMs);
    expect(responder.handshakes.isDue(keyLimits.rejectAfterMs)).toBe(true);
  });

  it('renew the keys again and again, begun by either side', () => {
    const both = opened();
    const { initiator, responder } = both;
    for (let epoch = 1; epoch <= 6; epoch += 1) {
      const now = epoch * keyLimits.rekeyAfterMs;
      const [from, to] = epoch % 3 === 0 ? [responder, initiator] : [initiator, responder];
      const response = to.receive(now, begin(from, now))!;
      expect(epochs(both)).toEqual([epoch - 1, epoch - 1]);
      expect(from.receiveResponse(now, response)).toBe(true);
      confirm(to, Math.max(...to.indices));
      expect(epochs(both)).toEqual([epoch, epoch]);
      expectAgreement(both);
      // The session in use and the one before it.
      expect([from.indices.size, to.indices.size]).toEqual([2, 2]);
    }
  });

  it('end in one session when both sides begin at once: the introduction says whose', () => {
    for (const order of ['initiator first', 'responder first', 'crossed'] as const) {
      const both = opened();
      const { initiator, responder } = both;
      const now = keyLimits.rekeyByPeerAfterMs;
      const [ours, theirs] = [begin(initiator, now), begin(responder, now)];
      let response: Uint8Array | undefined;
      if (order === 'initiator first') response = responder.receive(now, ours);
      expect(initiator.receive(now, theirs)).toBeUndefined();
      response ??= responder.receive(now, ours);
      // It has given up its own, of which no response would count.
      expect(responder.handshakes.initiation(now)).toBeUndefined();
      expect(initiator.receiveResponse(now, response!)).toBe(true);
      confirm(responder, Math.max(...responder.indices));
      expect(epochs(both)).toEqual([1, 1]);
      expectAgreement(both);
      expect([initiator.indices.size, responder.indices.size]).toEqual([2, 2]);
      // What it repeats comes too late.
      expect(initiator.receive(now, theirs)).toBeUndefined();
    }
  });

  it('survive that the response is lost: the initiation again brings the same one', () => {
    const both = opened();
    const { initiator, responder } = both;
    const now = keyLimits.rekeyAfterMs;
    const initiation = begin(initiator, now);
    const lost = responder.receive(now, initiation)!;
    expect(repeat(initiator, now + 5_000)).toEqual(initiation);
    // The endpoint knows a repetition by its bytes; read anew it is as old as before.
    expect(responder.receive(now + 5_000, initiation)).toBeUndefined();
    expect(responder.handshakes.response).toEqual(lost);
    expect(initiator.receiveResponse(now + 5_000, lost)).toBe(true);
    expect(initiator.receiveResponse(now + 5_000, lost)).toBe(false);
    confirm(responder, Math.max(...responder.indices));
    expectAgreement(both);
    expect(responder.handshakes.response).toBeUndefined();
  });

  it('survive that one was given up: the next one for the same epoch is newer', () => {
    const both = opened();
    const { initiator, responder } = both;
    const start = keyLimits.rekeyAfterMs;
    const lost = responder.receive(start, begin(initiator, start))!;
    expect(initiator.handshakes.onInitiationSent(start + keyLimits.rekeyAttemptMs)).toBeUndefined();
    const now = start + keyLimits.rekeyAttemptMs;
    const response = responder.receive(now, begin(initiator, now))!;
    expect(initiator.receiveResponse(now, lost)).toBe(false);
    expect(initiator.receiveResponse(now, response)).toBe(true);
    confirm(responder, Math.max(...responder.indices));
    expect(epochs(both)).toEqual([1, 1]);
    expectAgreement(both);
    expect([initiator.indices.size, responder.indices.size]).toEqual([2, 2]);
  });

  it('refuse what was said before: initiations of earlier epochs, and older ones of this', () => {
    const both = opened();
    const { initiator, responder } = both;
    const now = keyLimits.rekeyAfterMs;
    const older = begin(initiator, now);
    initiator.handshakes.abandon();
    const newer = begin(initiator, now);
    const response = responder.receive(now, newer)!;
    const session = responder.handshakes.keys.find(Math.max(...responder.indices));
    expect(responder.receive(now, older)).toBeUndefined();
    expect(responder.receive(now, newer)).toBeUndefined();
    expect(responder.handshakes.response).toEqual(response);
    expect(responder.handshakes.keys.find(session!.localIndex)).toBe(session);
    initiator.receiveResponse(now, response);
    confirm(responder, session!.localIndex);
    for (const replayed of [older, newer]) expect(responder.receive(now + 10, replayed)).toBeUndefined();
    expectAgreement(both);
  });

  it('refuse epochs that cannot come next', () => {
    const both = opened();
    const { initiator, responder } = both;
    const ahead = opened();
    const now = keyLimits.rekeyAfterMs;
    // The same keys and numbers, but one handshake further.
    ahead.initiator.receiveResponse(now, ahead.responder.receive(now, begin(ahead.initiator, now))!);
    expect(responder.receive(now, begin(ahead.initiator, now + 1))).toBeUndefined();
    expect(epochs(both)).toEqual([0, 0]);
    expect(responder.receive(now, begin(initiator, now))).toBeDefined();
  });

  it('repeat an initiation after 5 s and up to 333 ms, and give it up after 90 s', () => {
    const { initiator } = opened();
    let now: number = keyLimits.rekeyAfterMs;
    initiator.handshakes.begin(now);
    expect(initiator.indices.size).toBe(2);
    const waits: number[] = [];
    for (;;) {
      const next = initiator.handshakes.onInitiationSent(now);
      if (next === undefined) break;
      waits.push(next - now);
      now = next;
    }
    expect(waits.length).toBeGreaterThanOrEqual(17);
    expect(waits.every((wait) => wait >= 5_000 && wait <= 5_333)).toBe(true);
    expect(new Set(waits).size).toBeGreaterThan(5);
    expect(now - keyLimits.rekeyAfterMs).toBeGreaterThanOrEqual(keyLimits.rekeyAttemptMs);
    expect(now - keyLimits.rekeyAfterMs).toBeLessThan(keyLimits.rekeyAttemptMs + 5_333);
    expect(initiator.handshakes.initiation(now)).toBeUndefined();
    expect(initiator.indices.size).toBe(1);
    expect(initiator.handshakes.isDue(now)).toBe(true);
  });

  it('hurry when there are no keys', () => {
    const { initiator } = opened();
    const start = keyLimits.rejectAfterMs;
    initiator.handshakes.keys.expire(start);
    initiator.handshakes.begin(start);
    const times: number[] = [start];
    for (let i = 0; i < 5; i += 1) times.push(initiator.handshakes.onInitiationSent(times.at(-1)!)!);
    expect(times.map((time) => time - start)).toEqual([0, 200, 400, 800, 1_300, 1_800]);
  });

  it('need the key that the session before has left: another one agrees on nothing', () => {
    const { initiator, responder } = opened();
    const next = initiator.handshakes.keys.pskFor(1)!;
    const now = keyLimits.rekeyAfterMs;
    const kept = next.slice();
    next[0]! ^= 1;
    const initiation = begin(initiator, now);
    // Who it is from is right, and so it is answered; but the answer is not understood.
    const response = responder.receive(now, initiation)!;
    expect(initiator.receiveResponse(now, response)).toBe(false);
    expect(initiator.handshakes.keys.epoch).toBe(0);
    next.set(kept);
    expect(initiator.receiveResponse(now, response)).toBe(true);
  });

  it('try at most five responses at once, and twenty a second, for each initiation', () => {
    const { initiator, responder } = parties();
    const response = responder.receive(0, begin(initiator, 0))!;
    const forged = response.slice();
    forged[44]! ^= 1;
    for (let i = 0; i < responseLimits.burst; i += 1) expect(initiator.receiveResponse(0, forged)).toBe(false);
    // Now even the true one is too much; it comes again with the repetition.
    expect(initiator.receiveResponse(0, response)).toBe(false);
    expect(initiator.receiveResponse(49, response)).toBe(false);
    expect(initiator.receiveResponse(50, forged)).toBe(false);
    expect(initiator.receiveResponse(60, response)).toBe(false);
    // One for somebody else costs nothing.
    const foreign = response.slice();
    foreign[11]! ^= 1;
    for (let i = 0; i < 100; i += 1) expect(initiator.receiveResponse(100, foreign)).toBe(false);
    expect(initiator.receiveResponse(100, response)).toBe(true);
  });

  it('leave nothing behind at the end', () => {
    const { initiator, responder } = opened();
    const now = keyLimits.rekeyAfterMs;
    responder.receive(now, begin(initiator, now));
    for (const { handshakes, indices } of [initiator, responder]) {
      handshakes.erase();
      expect(indices.size).toBe(0);
      expect([handshakes.initiation(now), handshakes.response, handshakes.keys.current]).toEqual(
        Array(3).fill(undefined),
      );
      expect(handshakes.keys.pskFor(1)).toBeUndefined();
    }
  });
});
