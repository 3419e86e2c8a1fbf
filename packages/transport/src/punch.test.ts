/** A punch tells the initiator that its peer has been introduced by now. */
import { SeededRandom } from '@parley/simulator';
import { describe, expect, it } from '@jest/globals';
import type { Address } from './address.js';
import { Endpoint } from './endpoint.js';
import { nodeCrypto } from './node/node-crypto.js';
import { packetTypes } from './wire/packets.js';
import { seededKeyPair } from './testing/simulated-pair.js';

const here: Address = { address: '192.0.2.1', port: 1111 };
const there: Address = { address: '198.51.100.2', port: 2222 };
const stranger: Address = { address: '203.0.113.66', port: 6666 };

function setUp() {
  const random = new SeededRandom(1);
  const [ours, theirs] = [seededKeyPair(random), seededKeyPair(random)];
  const [id, psk] = [random.bytes(16), random.bytes(32)];
  const bytes = (length: number): Uint8Array => random.bytes(length);
  const initiator = new Endpoint({ crypto: nodeCrypto, random: bytes, keyPair: ours });
  const responder = new Endpoint({ crypto: nodeCrypto, random: bytes, keyPair: theirs });
  const link = initiator.open(0, { id, psk, peerKey: theirs.publicKey, role: 'initiator', candidates: [there] });
  const introduce = (now: number) =>
    responder.open(now, { id, psk, peerKey: ours.publicKey, role: 'responder', candidates: [here] });
  return { initiator, responder, link, introduce };
}

function transmits(endpoint: Endpoint, now: number): { type: number; to: Address; bytes: Uint8Array }[] {
  const all = [];
  for (let next = endpoint.pollTransmit(now); next; next = endpoint.pollTransmit(now)) {
    all.push({ type: next.bytes[0] ?? 0, to: next.to, bytes: next.bytes.slice() });
  }
  return all;
}

describe('a punch', () => {
  it('brings the initiation again, so that a responder who was introduced later need not wait for the retry', () => {
    const { initiator, responder, link, introduce } = setUp();
    const [early] = transmits(initiator, 0);
    responder.handleDatagram(5, here, early!.bytes);
    expect(transmits(responder, 5)).toEqual([]);

    introduce(6);
    const [punch] = transmits(responder, 6);
    expect(punch).toMatchObject({ type: packetTypes.punch, to: here });
    initiator.handleDatagram(11, there, punch!.bytes);
    const [again] = transmits(initiator, 11);
    expect(again).toEqual(early);
    responder.handleDatagram(16, here, again!.bytes);
    const [response] = transmits(responder, 16);
    initiator.handleDatagram(21, there, response!.bytes);
    expect(link.path).toEqual(there);
    // Two initiations went out, and which one was answered is not known: an upper bound until a packet tells.
    expect(link.rttMs).toBe(21);
  });

  it('from anywhere but a candidate, of another length, or once the link stands brings nothing', () => {
    const { initiator, responder, link, introduce } = setUp();
    transmits(initiator, 0);
    const punch = Uint8Array.of(packetTypes.punch, 1, 2, 3, 4, 5, 6, 7, 8);
    initiator.handleDatagram(10, stranger, punch);
    initiator.handleDatagram(10, { ...there, port: 2223 }, punch);
    initiator.handleDatagram(10, there, punch.subarray(1));
    initiator.handleDatagram(10, there, punch.subarray(0, 8));
    initiator.handleDatagram(10, there, Uint8Array.of(...punch, 9));
    expect(transmits(initiator, 10)).toEqual([]);

    introduce(20);
    transmits(responder, 20);
    initiator.handleDatagram(30, there, punch);
    responder.handleDatagram(35, here, transmits(initiator, 30)[0]!.bytes);
    initiator.handleDatagram(40, there, transmits(responder, 35)[0]!.bytes);
    expect(link.path).toEqual(there);
    transmits(initiator, 40);
    initiator.handleDatagram(200, there, punch);
    expect(transmits(initiator, 200)).toEqual([]);
  });

  it('is answered at most once in 50 ms, and eight times in all', () => {
    const { initiator } = setUp();
    transmits(initiator, 0);
    const punch = Uint8Array.of(packetTypes.punch, 1, 2, 3, 4, 5, 6, 7, 8);
    const answeredAt: number[] = [];
    for (let now = 1; now < 2_000; now += 7) {
      initiator.handleDatagram(now, there, punch);
      if (transmits(initiator, now).length > 0) answeredAt.push(now);
    }
    expect(answeredAt).toHaveLength(8);
    for (let i = 1; i < answeredAt.length; i += 1)
      expect(answeredAt[i]! - answeredAt[i - 1]!).toBeGreaterThanOrEqual(50);
  });

  it('of a stranger costs no work for the links that wait for another', () => {
    const random = new SeededRandom(3);
    const endpoint = new Endpoint({
      crypto: nodeCrypto,
      random: (length) => random.bytes(length),
      keyPair: seededKeyPair(random),
    });
    const peerKey = seededKeyPair(random).publicKey;
    const links = Array.from({ length: 20 }, (_, i) =>
      endpoint.open(0, {
        id: random.bytes(16),
        psk: random.bytes(32),
        peerKey,
        role: 'initiator',
        candidates: [there, { ...there, port: 3_000 + i }],
      }),
    );
    transmits(endpoint, 0);
    let asked = 0;
    for (const link of links) {
      const handle = link.handlePunch.bind(link);
      link.handlePunch = (now, from) => {
        asked += 1;
        handle(now, from);
      };
    }
    const punch = Uint8Array.of(packetTypes.punch, 1, 2, 3, 4, 5, 6, 7, 8);
    for (const from of [stranger, { ...there, port: 2_223 }, { ...there, address: stranger.address }]) {
      endpoint.handleDatagram(1, from, punch);
    }
    expect(asked).toBe(0);
    expect(transmits(endpoint, 1)).toEqual([]);

    endpoint.handleDatagram(1, { ...there, port: 3_007 }, punch);
    expect(asked).toBe(1);
    expect(transmits(endpoint, 1).map(({ to }) => to)).toEqual([{ ...there, port: 3_007 }]);
    // Links that share a candidate are asked each, until they have ended.
    links[3]!.close(1);
    endpoint.handleDatagram(100, there, punch);
    expect(asked).toBe(20);
    expect(transmits(endpoint, 100)).toHaveLength(19);
  });
});
