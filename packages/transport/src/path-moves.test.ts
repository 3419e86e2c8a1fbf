/** Conversations that move between a relay and direct paths, through NATs, by the wish of either side. */
import { describe, expect, it } from '@jest/globals';
import type { Address } from './address.js';
import { packetTypes } from './wire/packets.js';
import { ManualPair } from './testing/manual-pair.js';
import { encoded, RawPeer } from './testing/raw-peer.js';
import { eventsOf, RelayedPair } from './testing/relayed-pair.js';
import { numbered, numbersOf, upTo } from './testing/simulated-pair.js';
import type { Role } from './noise/handshake.js';

const stranger: Address = { address: '203.0.113.66', port: 6_666 };

function byRelay(pair: RelayedPair, number: 1 | 2 = 1) {
  return (role: Role): Address => pair.relay(number, role);
}

function directly(pair: RelayedPair) {
  return (role: Role): Address => pair.direct(role);
}

/** Both say something every 20 ms for so long. @returns how many messages */
function chat(pair: RelayedPair, forMs: number): number {
  const count = Math.floor(forMs / 20);
  for (let i = 0; i < count; i += 1) {
    pair.network.schedule(i * 20, () => {
      for (const { link } of pair.sides) link.send(numbered(i, 300));
    });
  }
  return count;
}

function expectAll(pair: RelayedPair, count: number, limitMs: number): void {
  pair.network.runUntil(() => pair.sides.every(({ messages }) => messages.length >= count), limitMs);
  for (const { messages } of pair.sides) expect(numbersOf(messages)).toEqual(upTo(count));
}

describe('a probe', () => {
  it('of both sides at once gets through port-restricted NATs, and measures the way', () => {
    const pair = new RelayedPair({ seed: 1 });
    for (const role of ['initiator', 'responder'] as const) pair[role].link.probe(pair.network.now, pair.direct(role));
    pair.network.run(100);
    for (const role of ['initiator', 'responder'] as const) {
      expect(eventsOf(pair[role], 'probed')).toEqual([{ type: 'probed', to: pair.direct(role), rttMs: 20 }]);
      expect(eventsOf(pair[role], 'heard')).toEqual([{ type: 'heard', from: pair.direct(role) }]);
    }
    // It has led nobody away.
    expect(pair.isOn(byRelay(pair))).toBe(true);
    expect(pair.sides.flatMap((side) => eventsOf(side, 'moved'))).toEqual([]);
  });

  it('of one side alone does not', () => {
    const pair = new RelayedPair({ seed: 1 });
    pair.initiator.link.probe(pair.network.now, pair.direct('initiator'));
    pair.network.run(15_000);
    expect(pair.sides.flatMap((side) => eventsOf(side, 'probed'))).toEqual([]);
    expect(pair.sides.flatMap((side) => eventsOf(side, 'heard'))).toEqual([]);
  });

  it('leaves though the window is full, and is in no flight', () => {
    const pair = new ManualPair();
    pair.run(1_000);
    const { link } = pair.initiator;
    for (let i = 0; i < 10; i += 1) link.send(numbered(i, 60_000));
    for (let before = -1; before < link.usage.bytesInFlight;) {
      pair.skip(1);
      before = link.usage.bytesInFlight;
      pair.initiator.takeTransmits();
    }
    const { bytesInFlight, windowBytes } = link.usage;
    expect(windowBytes - bytesInFlight).toBeLessThan(1_200);
    link.probe(pair.now, stranger);
    const [probe, ...others] = pair.initiator.takeTransmits().filter(({ to }) => to.address === stranger.address);
    expect([probe?.bytes.length, others]).toEqual([41, []]);
    expect(link.usage.bytesInFlight).toBe(bytesInFlight);
    // Nor does its number look like that of a packet that has overtaken all others.
    expect(link.status(pair.now).lostPackets).toBe(0);
  });

  it('brings a handshake about when there are no keys any more, and counts from when it leaves', () => {
    const pair = new ManualPair();
    pair.run(600_000);
    const { initiator, responder } = pair;
    expect(initiator.link.status(pair.now).keys.ageMs).toBeUndefined();
    initiator.link.probe(pair.now, responder.address);
    const [initiation] = initiator.take();
    expect(initiation?.[0]).toBe(packetTypes.initiation);
    pair.skip(200);
    responder.give(initiation!);
    pair.carry();
    expect(initiator.events.filter(({ type }) => type === 'probed')).toEqual([
      { type: 'probed', to: responder.address, rttMs: 0 },
    ]);
  });

  it('is answered where it came from, and by no means twice', () => {
    const pair = new ManualPair();
    pair.run(1_000);
    const { initiator, responder } = pair;
    initiator.link.probe(pair.now, responder.address);
    const [probe] = initiator.takeTransmits();
    responder.give(probe!.bytes, stranger);
    responder.give(probe!.bytes);
    expect(responder.takeTransmits().map(({ to }) => to)).toEqual([stranger]);
  });

  it('over a faster way makes nothing on the slower one count as lost', () => {
    const pair = new RelayedPair({ seed: 3 });
    expect(pair.probe(directly(pair))).toBe(true);
    const count = 200;
    for (let i = 0; i < count; i += 1) pair.initiator.link.send(numbered(i, 5_000));
    for (let i = 0; i < 20; i += 1) {
      pair.network.schedule(i * 10, () => {
        pair.initiator.link.probe(pair.network.now, pair.direct('initiator'));
      });
    }
    pair.network.runUntil(() => pair.responder.messages.length === count, 30_000);
    expect(numbersOf(pair.responder.messages)).toEqual(upTo(count));
    expect(eventsOf(pair.initiator, 'probed').length).toBeGreaterThan(5);
    // Of some 900: it overtakes them, and is acknowledged first.
    expect(pair.initiator.link.status(pair.network.now).lostPackets).toBe(0);
  });
});

describe('a move', () => {
  it('is refused to where nobody has answered, or not lately', () => {
    const pair = new RelayedPair({ seed: 1 });
    expect(pair.initiator.link.moveTo(pair.network.now, pair.direct('initiator'))).toBe(false);
    expect(pair.probe(directly(pair))).toBe(true);
    pair.network.run(10_001);
    expect(pair.initiator.link.moveTo(pair.network.now, pair.direct('initiator'))).toBe(false);
    expect(pair.isOn(byRelay(pair))).toBe(true);
  });

  it.each(['initiator', 'responder'] as const)('of the %s moves both directions, with nothing to say', (role) => {
    const pair = new RelayedPair({ seed: 1 });
    expect(pair.probe(directly(pair))).toBe(true);
    expect(pair[role].link.moveTo(pair.network.now, pair.direct(role))).toBe(true);
    expect(pair.network.runUntil(() => pair.isOn(directly(pair)), 100)).toBe(true);
    pair.network.run(10_000);
    expect(pair.isOn(directly(pair))).toBe(true);
    for (const side of pair.sides) expect(eventsOf(side, 'moved')).toHaveLength(1);
  });

  it.each(['initiator', 'responder'] as const)('of the %s amid a flood loses nothing of it', (role) => {
    for (const seed of upTo(20)) {
      const pair = new RelayedPair({ seed, conditions: { loss: 0.005, jitterMs: 3 } });
      expect(pair.probe(directly(pair))).toBe(true);
      const count = 150;
      for (const { link } of pair.sides) for (let i = 0; i < count; i += 1) link.send(numbered(i, 8_000));
      pair.network.run(60);
      expect(pair.sides.every(({ messages }) => messages.length < count)).toBe(true);
      expect(pair[role].link.moveTo(pair.network.now, pair.direct(role))).toBe(true);
      expectAll(pair, count, 60_000);
      pair.network.run(3_000);
      expect([seed, pair.isOn(directly(pair))]).toEqual([seed, true]);
    }
  });

  it('back and forth, fifty times, at 2 % loss ends where it was to end', () => {
    for (const seed of upTo(5)) {
      const pair = new RelayedPair({ seed, conditions: { loss: 0.02, jitterMs: 2 } });
      const ways = [directly(pair), byRelay(pair)];
      const count = chat(pair, 15_000);
      for (let turn = 0; turn < 50; turn += 1) {
        const way = ways[turn % 2]!;
        expect(pair.probe(way)).toBe(true);
        expect(pair.initiator.link.moveTo(pair.network.now, way('initiator'))).toBe(true);
        pair.network.run(turn % 3 === 0 ? 5 : 250);
      }
      expectAll(pair, count, 60_000);
      pair.network.run(5_000);
      expect([seed, pair.isOn(byRelay(pair))]).toEqual([seed, true]);
    }
  });

  it('of both at once to different ways ends with one for both, soon', () => {
    for (const seed of upTo(20)) {
      const pair = new RelayedPair({ seed, conditions: { loss: 0.01, jitterMs: 3 } });
      expect(pair.probe(byRelay(pair, 2))).toBe(true);
      expect(pair.probe(directly(pair))).toBe(true);
      const count = chat(pair, 8_000);
      expect(pair.initiator.link.moveTo(pair.network.now, pair.direct('initiator'))).toBe(true);
      expect(pair.responder.link.moveTo(pair.network.now, pair.relay(2, 'responder'))).toBe(true);
      expectAll(pair, count, 30_000);
      expect([seed, pair.isOn(directly(pair))]).toEqual([seed, true]);
      for (const side of pair.sides) expect(eventsOf(side, 'moved').length).toBeLessThanOrEqual(2);
    }
  });

  it('away from a way that is dead brings over all that waited', () => {
    const pair = new RelayedPair({ seed: 4 });
    for (const { link } of pair.sides) link.send(numbered(0, 100));
    pair.network.run(1_000);
    for (const role of ['initiator', 'responder'] as const) {
      pair.network.change({ blocked: true }, { from: pair.outside[role].address, to: pair.relay(1, role).address });
    }
    for (let i = 1; i < 30; i += 1) for (const { link } of pair.sides) link.send(numbered(i, 3_000));
    pair.network.run(3_000);
    const { sentPackets, lostPackets, unansweredMs } = pair.initiator.link.status(pair.network.now);
    expect(unansweredMs).toBe(3_000);
    expect([sentPackets > 5, lostPackets]).toEqual([true, 0]);
    expect(pair.probe(directly(pair))).toBe(true);
    expect(pair.initiator.link.moveTo(pair.network.now, pair.direct('initiator'))).toBe(true);
    expect(pair.initiator.link.status(pair.network.now).unansweredMs).toBe(0);
    expectAll(pair, 30, 1_000);
    pair.network.run(100);
    expect(pair.initiator.link.status(pair.network.now).unansweredMs).toBe(0);
  });

  it('of a NAT is followed, too: its new port, without anybody asking for it', () => {
    const open = { filtering: 'endpoint-independent' } as const;
    const pair = new RelayedPair({ seed: 5, nats: { initiator: { preservesPorts: false }, responder: open } });
    // The initiator's port is not known beforehand; it is heard.
    pair.initiator.link.probe(pair.network.now, pair.direct('initiator'));
    pair.network.run(100);
    expect(pair.initiator.link.moveTo(pair.network.now, pair.direct('initiator'))).toBe(true);
    pair.network.run(3_000);
    const before = pair.responder.link.path!;
    expect(eventsOf(pair.responder, 'heard').map(({ from }) => from)).toEqual([before]);
    const count = chat(pair, 4_000);
    pair.network.run(1_000);
    pair.nats.initiator.restart();
    expectAll(pair, count, 20_000);
    const after = pair.responder.link.path!;
    expect([after.address, after.port === before.port]).toEqual([before.address, false]);
    expect(eventsOf(pair.responder, 'moved')).toHaveLength(2);
  });
});

describe('an attacker on the way', () => {
  it('who shows a probe from elsewhere gets one small answer, and moves nobody', () => {
    const pair = new ManualPair();
    pair.run(1_000);
    const { initiator, responder } = pair;
    initiator.link.probe(pair.now, responder.address);
    const [probe] = initiator.take();
    responder.give(probe!, stranger);
    const answers = responder.takeTransmits();
    expect(answers.map(({ to, bytes }) => [to, bytes.length])).toEqual([[stranger, 41]]);
    // The probe itself comes too late.
    responder.give(probe!);
    expect(responder.take()).toEqual([]);
    initiator.give(answers[0]!.bytes, stranger);
    pair.run(60_000);
    expect([initiator.link.path, responder.link.path]).toEqual([responder.address, initiator.address]);
    expect(pair.sides.flatMap(({ events }) => events.filter(({ type }) => type === 'moved'))).toEqual([]);
    expect(initiator.link.moveTo(pair.now, stranger)).toBe(false);
  });

  it('who shows any other packet from elsewhere is asked, and has no answer', () => {
    const pair = new ManualPair();
    pair.run(1_000);
    pair.initiator.link.send(numbered(0, 10));
    const [packet] = pair.initiator.take();
    pair.responder.give(packet!, stranger);
    pair.run(60_000);
    expect(pair.responder.link.path).toEqual(pair.initiator.address);
    expect(pair.responder.events.filter(({ type }) => type === 'heard')).toEqual([{ type: 'heard', from: stranger }]);
  });
});

describe('a peer that asks from everywhere', () => {
  it.each([
    ['probes only', [{ type: 'path-challenge', data: new Uint8Array(8) }]],
    ['pings as well', [{ type: 'path-challenge', data: new Uint8Array(8) }, { type: 'ping' }]],
  ] as const)('has no more sent there than came, three times over (%s)', (_, frames) => {
    const peer = new RawPeer();
    const [received, sent] = [new Map<number, number>(), new Map<number, number>()];
    let heard = 0;
    for (let i = 0; i < 5_000; i += 1) {
      const port = 1 + (i % 1_000);
      const packet = peer.seal(encoded(frames));
      received.set(port, (received.get(port) ?? 0) + packet.length);
      peer.deliver(packet, { ...stranger, port });
      peer.now += 7;
      peer.endpoint.handleTimeout(peer.now);
      for (let next = peer.endpoint.pollTransmit(peer.now); next; next = peer.endpoint.pollTransmit(peer.now)) {
        if (next.to.address !== stranger.address) continue;
        expect(next.bytes[0]).toBe(packetTypes.data);
        sent.set(next.to.port, (sent.get(next.to.port) ?? 0) + next.bytes.length);
        expect(sent.get(next.to.port)).toBeLessThanOrEqual(3 * (received.get(next.to.port) ?? 0));
      }
      heard += peer.events().filter(({ type }) => type === 'heard').length;
    }
    expect(sent.size).toBe(1_000);
    expect(heard).toBeGreaterThan(100);
    expect(heard).toBeLessThanOrEqual((5_000 * 7) / 100 + 1);
    expect(peer.link.path).toEqual(peer.address);
  });
});
