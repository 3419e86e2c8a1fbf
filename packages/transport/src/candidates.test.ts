/** Where a link looks for its peer: addresses that become known later, and those that it is to have nothing to do with. */
import { describe, expect, it } from '@jest/globals';
import { SeededRandom } from '@parley/simulator';
import type { Address } from './address.js';
import { Endpoint } from './endpoint.js';
import { nodeCrypto } from './node/node-crypto.js';
import type { Introduction } from './session/introduction.js';
import { seededKeyPair } from './testing/simulated-pair.js';
import { packetTypes } from './wire/packets.js';

const here: Address = { address: '192.0.2.1', port: 1111 };
const there: Address = { address: '198.51.100.2', port: 2222 };
const relay: Address = { address: 'relay', port: 7 };
const punch = Uint8Array.of(packetTypes.punch, 1, 2, 3, 4, 5, 6, 7, 8);

function setUp(candidates: readonly Address[], changes: Partial<Introduction> = {}) {
  const random = new SeededRandom(1);
  const [ours, theirs] = [seededKeyPair(random), seededKeyPair(random)];
  const [id, psk] = [random.bytes(16), random.bytes(32)];
  const bytes = (length: number): Uint8Array => random.bytes(length);
  const initiator = new Endpoint({ crypto: nodeCrypto, random: bytes, keyPair: ours });
  const responder = new Endpoint({ crypto: nodeCrypto, random: bytes, keyPair: theirs });
  const [a, b] = [
    initiator.open(0, { id, psk, peerKey: theirs.publicKey, role: 'initiator', candidates, ...changes }),
    responder.open(0, { id, psk, peerKey: ours.publicKey, role: 'responder', candidates, ...changes }),
  ];
  return { initiator, responder, a, b };
}

function transmits(endpoint: Endpoint, now: number): { type: number; to: Address; bytes: Uint8Array }[] {
  const all = [];
  endpoint.handleTimeout(now);
  for (let next = endpoint.pollTransmit(now); next; next = endpoint.pollTransmit(now)) {
    all.push({ type: next.bytes[0] ?? 0, to: next.to, bytes: next.bytes.slice() });
  }
  return all;
}

/** Carries all that goes from one place to the other, and says from where. */
function carry(pair: ReturnType<typeof setUp>, now: number, place: { a: Address; b: Address }): void {
  for (let isBusy = true; isBusy;) {
    isBusy = false;
    for (const { to, bytes } of transmits(pair.initiator, now)) {
      if (to.address !== place.b.address) continue;
      isBusy = true;
      pair.responder.handleDatagram(now, place.a, bytes);
    }
    for (const { to, bytes } of transmits(pair.responder, now)) {
      if (to.address !== place.a.address) continue;
      isBusy = true;
      pair.initiator.handleDatagram(now, place.b, bytes);
    }
    for (const endpoint of [pair.initiator, pair.responder]) while (endpoint.pollEvent());
  }
}

describe('a candidate that becomes known later', () => {
  it('is tried at once, and then with the others', () => {
    const { initiator, responder, a, b } = setUp([here]);
    expect([...transmits(initiator, 0), ...transmits(responder, 0)].map(({ to }) => to)).toEqual([here, here]);
    for (const link of [a, b]) link.addCandidates(50, [there, here, { ...there }]);
    expect(transmits(initiator, 50).map(({ type, to }) => [type, to])).toEqual([[packetTypes.initiation, there]]);
    expect(transmits(responder, 50).map(({ type, to }) => [type, to])).toEqual([[packetTypes.punch, there]]);
    for (const endpoint of [initiator, responder]) {
      expect(endpoint.nextTimeout()).toBe(200);
      expect(transmits(endpoint, 200).map(({ to }) => to)).toEqual([here, there]);
    }
  });

  it('may be the first, and its punches are answered', () => {
    const { initiator, a } = setUp([]);
    expect(transmits(initiator, 0)).toEqual([]);
    a.addCandidates(10, [there]);
    expect(transmits(initiator, 10)).toHaveLength(1);
    initiator.handleDatagram(20, here, punch);
    expect(transmits(initiator, 20)).toEqual([]);
    initiator.handleDatagram(20, there, punch);
    expect(transmits(initiator, 20).map(({ to }) => to)).toEqual([there]);
    // Nobody's any more, once the link is over.
    a.close(30);
    initiator.handleDatagram(100, there, punch);
    expect(transmits(initiator, 100)).toEqual([]);
  });

  it('is one of 32 at most', () => {
    const { initiator, a } = setUp([here]);
    transmits(initiator, 0);
    for (let i = 0; i < 10; i += 1) {
      a.addCandidates(
        1,
        Array.from({ length: 10 }, (_, j) => ({ ...there, port: 1 + 10 * i + j })),
      );
    }
    expect(transmits(initiator, 1)).toHaveLength(31);
    expect(transmits(initiator, 200)).toHaveLength(32);
  });

  it('changes nothing once the peer is found', () => {
    const pair = setUp([here, there]);
    carry(pair, 0, { a: here, b: there });
    expect([pair.a.state, pair.b.state]).toEqual(['established', 'established']);
    transmits(pair.initiator, 100);
    pair.a.addCandidates(100, [relay]);
    expect(transmits(pair.initiator, 100)).toEqual([]);
  });
});

describe('an introduction that accepts a relay only', () => {
  const accepts = ({ address }: Address): boolean => address === 'relay';

  it('sends nothing elsewhere, and finds the peer there', () => {
    const pair = setUp([here, there, relay], { accepts });
    pair.a.addCandidates(0, [{ ...there, port: 1 }]);
    expect(transmits(pair.initiator, 0).map(({ to }) => to)).toEqual([relay]);
    expect(transmits(pair.responder, 0).map(({ to }) => to)).toEqual([relay]);
    carry(pair, 200, { a: relay, b: relay });
    expect([pair.a.state, pair.b.state]).toEqual(['established', 'established']);
    pair.a.probe(300, there);
    expect(pair.a.moveTo(300, there)).toBe(false);
    expect(transmits(pair.initiator, 300).filter(({ to }) => to.address !== 'relay')).toEqual([]);
  });

  it('ignores initiations, responses and punches from elsewhere, authentic or not', () => {
    const pair = setUp([relay], { accepts });
    const [initiation] = transmits(pair.initiator, 0);
    transmits(pair.responder, 0);
    pair.responder.handleDatagram(1, here, initiation!.bytes);
    expect(transmits(pair.responder, 1)).toEqual([]);
    pair.initiator.handleDatagram(1, there, punch);
    expect(transmits(pair.initiator, 1)).toEqual([]);
    pair.responder.handleDatagram(2, relay, initiation!.bytes);
    const [response] = transmits(pair.responder, 2);
    // The same again: it has been answered to the relay only.
    pair.responder.handleDatagram(2, here, initiation!.bytes);
    expect(transmits(pair.responder, 2)).toEqual([]);
    pair.initiator.handleDatagram(3, there, response!.bytes);
    expect(pair.a.path).toBeUndefined();
    pair.initiator.handleDatagram(3, relay, response!.bytes);
    expect(pair.a.path).toEqual(relay);
  });

  it('ignores packets from elsewhere: they can still come by the relay', () => {
    const pair = setUp([relay], { accepts });
    carry(pair, 0, { a: relay, b: relay });
    pair.a.send(Uint8Array.of(1, 2, 3));
    const [packet] = transmits(pair.initiator, 10);
    pair.responder.handleDatagram(11, here, packet!.bytes);
    expect([pair.responder.pollEvent(), transmits(pair.responder, 11)]).toEqual([undefined, []]);
    pair.responder.handleDatagram(12, relay, packet!.bytes);
    expect(pair.responder.pollEvent()?.event).toEqual({ type: 'message', bytes: Uint8Array.of(1, 2, 3) });
  });
});
