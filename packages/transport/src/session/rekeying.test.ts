/** Links that live longer than their keys, as their two sides see it. */
import { describe, expect, it } from '@jest/globals';
import { ManualPair } from '../testing/manual-pair.js';
import { RawPeer } from '../testing/raw-peer.js';
import { numbered, numbersOf, SimulatedPair, upTo, type Side } from '../testing/simulated-pair.js';
import { packetTypes } from '../wire/packets.js';
import { keyLimits } from './key-limits.js';

const minuteMs = 60_000;

function epochOf({ link }: Pick<Side, 'link'>, now: number): number {
  return link.status(now).keys.epoch;
}

function countOf(pair: SimulatedPair, type: number, since = 0): number {
  return pair.trace.slice(since).filter(({ bytes }) => bytes[0] === type).length;
}

function establishedPair(seed: number, conditions = {}): SimulatedPair {
  const pair = new SimulatedPair({ seed, conditions });
  expect(pair.establish(20_000)).toBe(true);
  pair.settle();
  return pair;
}

describe('a link that talks for long', () => {
  it.each(upTo(5))('renews its keys every two minutes, and no message waits for it (seed %i)', (seed) => {
    const pair = establishedPair(seed);
    const count = 600;
    const arrivedAt = new Map<number, number>();
    const start = pair.network.now;
    for (let i = 0; i < count; i += 1) {
      pair.network.schedule(i * 1_000, () => {
        for (const { link } of pair.sides) link.send(numbered(i, 200));
      });
    }
    pair.network.runUntil(() => {
      const { length } = pair.responder.messages;
      if (!arrivedAt.has(length)) arrivedAt.set(length, pair.network.now);
      return false;
    }, 10 * minuteMs);
    for (const side of pair.sides) expect(numbersOf(side.messages)).toEqual(upTo(count));
    expect(pair.sides.map((side) => epochOf(side, pair.network.now))).toEqual([4, 4]);
    // 10 ms of latency, and what the timers of a virtual clock take.
    for (let i = 0; i < count; i += 1) {
      expect(arrivedAt.get(i + 1)! - start - i * 1_000).toBeLessThan(11);
    }
  });

  it('loses nothing when a tenth of all packets is lost, those of handshakes too', () => {
    for (const seed of upTo(10)) {
      const pair = establishedPair(seed, { loss: 0.1, jitterMs: 10 });
      const count = 300;
      for (let i = 0; i < count; i += 1) {
        pair.network.schedule(i * 2_000, () => {
          for (const { link } of pair.sides) link.send(numbered(i, 100));
        });
      }
      pair.network.run(10 * minuteMs + 20_000);
      for (const side of pair.sides) expect(numbersOf(side.messages)).toEqual(upTo(count));
      const [ours, theirs] = pair.sides.map((side) => epochOf(side, pair.network.now));
      expect(ours).toBe(theirs);
      expect(ours).toBeGreaterThanOrEqual(4);
    }
  });

  it('goes on under the old keys while the response does not come, and repeats its initiation', () => {
    const pair = establishedPair(1);
    pair.network.run(keyLimits.rekeyAfterMs);
    const before = pair.trace.length;
    // All that is lost is responses: nothing else has their length here.
    const isLost = pair.network.now + 12_000;
    for (let i = 0; i < 200; i += 1) {
      pair.network.schedule(i * 100, () => {
        pair.initiator.link.send(numbered(i, 50));
      });
    }
    const { endpoint } = pair.initiator;
    const handleDatagram = endpoint.handleDatagram.bind(endpoint);
    endpoint.handleDatagram = (now, from, bytes) => {
      if (bytes[0] !== packetTypes.response || now >= isLost) handleDatagram(now, from, bytes);
    };
    pair.network.run(11_000);
    expect(pair.responder.messages.length).toBeGreaterThan(100);
    expect(pair.sides.map((side) => epochOf(side, pair.network.now))).toEqual([0, 0]);
    pair.network.run(15_000);
    expect(numbersOf(pair.responder.messages)).toEqual(upTo(200));
    expect(pair.sides.map((side) => epochOf(side, pair.network.now))).toEqual([1, 1]);
    const initiations = pair.trace.slice(before).filter(({ bytes }) => bytes[0] === packetTypes.initiation);
    expect(initiations.length).toBe(4);
    expect(new Set(initiations.map(({ bytes }) => Buffer.from(bytes).toString('hex'))).size).toBe(1);
    const waits = initiations.slice(1).map(({ at }, i) => at - initiations[i]!.at);
    expect(waits.every((waitMs) => waitMs >= 5_000 && waitMs <= 5_333)).toBe(true);
  });

  it('ends in the same keys when both sides begin at once, whatever is lost', () => {
    for (const seed of upTo(30)) {
      const pair = establishedPair(seed, { loss: seed % 3 === 0 ? 0 : 0.3, jitterMs: 5 });
      pair.network.run(keyLimits.rekeyByPeerAfterMs);
      const before = pair.trace.length;
      for (const { link } of pair.sides) link.send(numbered(0, 100));
      pair.network.run(60_000);
      expect(pair.sides.map((side) => epochOf(side, pair.network.now))).toEqual([1, 1]);
      const initiators = pair.trace.slice(before).filter(({ bytes }) => bytes[0] === packetTypes.initiation);
      expect(new Set(initiators.map(({ from }) => from.address)).size).toBe(2);
      for (const side of pair.sides) {
        side.link.send(numbered(1, 100));
        pair.network.run(10_000);
      }
      for (const side of pair.sides) expect(numbersOf(side.messages)).toEqual([0, 1]);
      expect(pair.sides.map(({ link }) => link.status(pair.network.now).keys.epoch)).toEqual([1, 1]);
    }
  });
});

describe('a link that sleeps', () => {
  it('has no keys after 180 s, sends nothing, and does not open what comes under the old ones', () => {
    const pair = new ManualPair();
    pair.run(2_000);
    const createdAt = pair.now - pair.initiator.link.status(pair.now).keys.ageMs!;
    pair.skip(100_000);
    // Sealed in time, and late.
    pair.initiator.link.send(numbered(0, 10));
    const [late] = pair.initiator.take();
    pair.skip(createdAt + keyLimits.rejectAfterMs - 1 - pair.now);
    expect(pair.responder.link.status(pair.now).keys.ageMs).toBeDefined();
    const inTime = late!.slice();
    pair.skip(1);
    expect(pair.responder.take()).toEqual([]);
    expect(pair.responder.link.status(pair.now).keys).toMatchObject({ epoch: 0, ageMs: undefined });
    pair.responder.give(inTime);
    expect(pair.responder.messages).toEqual([]);
    expect(pair.responder.take()).toEqual([]);
  });

  it('opens what was sealed in time up to then', () => {
    const pair = new ManualPair();
    pair.run(2_000);
    const createdAt = pair.now - pair.initiator.link.status(pair.now).keys.ageMs!;
    pair.skip(100_000);
    pair.initiator.link.send(numbered(0, 10));
    const [late] = pair.initiator.take();
    pair.skip(createdAt + keyLimits.rejectAfterMs - 1 - pair.now);
    pair.responder.give(late!);
    expect(numbersOf(pair.responder.messages)).toEqual([0]);
  });

  it.each(['initiator', 'responder'] as const)('for ten minutes wakes with one handshake when the %s speaks', (who) => {
    const pair = establishedPair(3);
    const before = pair.trace.length;
    pair.network.run(10 * minuteMs);
    // An idle link sends nothing.
    expect(pair.trace.length).toBe(before);
    expect(pair.sides.map(({ link }) => link.state)).toEqual(['established', 'established']);
    const [from, to] = who === 'initiator' ? pair.sides : [...pair.sides].reverse();
    for (let i = 0; i < 3; i += 1) from.link.send(numbered(i, 1_000));
    // One round trip for the keys, and half a one for the messages.
    expect(pair.network.runUntil(() => to.messages.length === 3, 31)).toBe(true);
    expect(numbersOf(to.messages)).toEqual(upTo(3));
    pair.settle();
    expect(countOf(pair, packetTypes.initiation, before)).toBe(1);
    expect(countOf(pair, packetTypes.response, before)).toBe(1);
    expect(pair.sides.map((side) => epochOf(side, pair.network.now))).toEqual([1, 1]);
  });

  it('wakes through loss, when both speak at once, and again and again', () => {
    for (const seed of upTo(20)) {
      const pair = establishedPair(seed, { loss: 0.2 });
      for (let turn = 0; turn < 4; turn += 1) {
        pair.network.run(10 * minuteMs);
        for (const { link } of pair.sides) link.send(numbered(turn, 100));
        pair.network.run(20_000);
        for (const side of pair.sides) expect(numbersOf(side.messages)).toEqual(upTo(turn + 1));
      }
      const [ours, theirs] = pair.sides.map((side) => epochOf(side, pair.network.now));
      expect(ours).toBe(theirs);
      expect(ours).toBeGreaterThanOrEqual(4);
    }
  });

  it('wakes where its peer is now', () => {
    const pair = establishedPair(5);
    pair.network.run(10 * minuteMs);
    pair.initiator.host.moveTo({ address: '192.0.2.99', port: 9 });
    pair.initiator.link.send(numbered(0, 100));
    pair.network.run(5_000);
    expect(numbersOf(pair.responder.messages)).toEqual([0]);
    expect(pair.responder.link.path).toEqual({ address: '192.0.2.99', port: 9 });
    pair.responder.link.send(numbered(0, 100));
    pair.network.run(1_000);
    expect(numbersOf(pair.initiator.messages)).toEqual([0]);
  });

  it('ends when nobody is there to wake', () => {
    const pair = establishedPair(6);
    pair.network.run(10 * minuteMs);
    pair.network.detach(pair.responder.host);
    pair.initiator.link.send(numbered(0, 100));
    pair.network.run(34_000);
    expect(pair.initiator.end).toBeUndefined();
    pair.network.run(2_000);
    expect(pair.initiator.end).toEqual({ kind: 'lost' });
    expect(pair.initiator.endpoint.linkCount).toBe(0);
  });

  it('can be closed, and its peer hears of it', () => {
    const pair = establishedPair(7);
    pair.network.run(10 * minuteMs);
    pair.initiator.link.close(pair.network.now, 9, 'bye');
    pair.network.run(5_000);
    expect(pair.initiator.end).toEqual({ kind: 'closed', by: 'us', code: 9, reason: 'bye' });
    expect(pair.responder.end).toEqual({ kind: 'closed', by: 'peer', code: 9, reason: 'bye' });
  });
});

describe('a peer that renews the keys', () => {
  it.each(['initiator', 'responder'] as const)('is answered, and heard from once it has shown them (%s)', (role) => {
    const peer = new RawPeer({ role });
    const old = peer.session;
    expect(peer.rekey()).toBe(true);
    peer.link.send(Uint8Array.of(1));
    // Sealed for the old one: the new may have been asked for by a replay.
    expect(peer.receive().some(({ type }) => type === 'stream')).toBe(true);
    expect(peer.link.status(peer.now).keys.epoch).toBe(0);
    peer.send({ type: 'ping' });
    expect(peer.link.status(peer.now).keys.epoch).toBe(1);
    const message = { type: 'stream', id: 0, offset: 0, data: Uint8Array.of(1, 65), isEnd: false } as const;
    const { session } = peer;
    peer.session = old;
    peer.send(message);
    peer.session = session;
    expect(peer.events().map(({ type }) => type)).toEqual(['established', 'message']);
  });

  it('is not answered for an epoch that cannot come next, nor for a time that is past', () => {
    const peer = new RawPeer();
    const first = peer.now;
    expect(peer.rekey()).toBe(true);
    peer.send({ type: 'ping' });
    peer.now += 1_000;
    for (const epoch of [0, 1, 3, 4, 2 ** 32 - 1]) {
      peer.deliver(peer.initiate({ epoch }).packet);
      expect(peer.receiveDatagrams().filter(([type]) => type !== packetTypes.data)).toEqual([]);
    }
    for (const timestamp of [0, first - 1, first]) {
      peer.deliver(peer.initiate({ timestamp }).packet);
      expect(peer.receiveDatagrams().filter(([type]) => type !== packetTypes.data)).toEqual([]);
    }
    expect(peer.link.status(peer.now).keys.epoch).toBe(1);
    expect(peer.rekey({ timestamp: peer.now + 100 })).toBe(true);
  });

  it('does not begin a second first session, before the keys are final or after', () => {
    const early = new RawPeer({ exchangesPostQuantum: false });
    early.send({ type: 'ping' });
    early.now += 100;
    early.receive();
    expect(early.rekey({ epoch: 0 })).toBe(false);
    early.exchangePostQuantum();
    expect(early.link.state).toBe('established');
    expect(early.rekey({ epoch: 0 })).toBe(false);
    expect(early.rekey({ epoch: 1 })).toBe(true);
  });

  it('with another key than the ratchet has gets an answer that it cannot read', () => {
    const peer = new RawPeer();
    const next = peer.session.next!.slice();
    expect(peer.rekey({ psk: new Uint8Array(32) })).toBe(false);
    peer.send({ type: 'ping' });
    expect(peer.link.status(peer.now).keys.epoch).toBe(0);
    expect(peer.rekey({ psk: next })).toBe(true);
    peer.send({ type: 'ping' });
    expect(peer.link.status(peer.now).keys.epoch).toBe(1);
  });
});
