/** Those who were not introduced: silence, and no effect. */
import { describe, expect, it } from '@jest/globals';
import { SeededRandom } from '@parley/simulator';
import { Endpoint } from './endpoint.js';
import { InitiatorHandshake } from './session/handshake-initiator.js';
import { nodeCrypto } from './node/node-crypto.js';
import { packetTypes } from './wire/packets.js';
import { RawPeer } from './testing/raw-peer.js';
import {
  initiatorAddress,
  numbered,
  numbersOf,
  seededKeyPair,
  SimulatedPair,
  strangerAddress,
  type Side,
} from './testing/simulated-pair.js';

/** All of a side that a stranger might have changed. */
function stateOf(side: Side) {
  const { link, endpoint } = side;
  return {
    state: link.state,
    path: link.path,
    rttMs: link.rttMs,
    usage: link.usage,
    buffered: link.bufferedBytes,
    links: endpoint.linkCount,
    timeout: endpoint.nextTimeout(),
    events: side.events.length,
  };
}

/** Gives a datagram to both sides, and expects that nothing whatsoever comes of it. */
function expectSilence(pair: SimulatedPair, bytes: Uint8Array, from = strangerAddress): void {
  for (const side of pair.sides) {
    const before = stateOf(side);
    side.endpoint.handleDatagram(pair.network.now, from, bytes);
    expect(side.endpoint.pollTransmit(pair.network.now)).toBeUndefined();
    side.read();
    expect(stateOf(side)).toEqual(before);
  }
}

/** A pair in the middle of a conversation, and the packets that led there. */
function talkingPair(seed: number): { pair: SimulatedPair; packets: Uint8Array[] } {
  const pair = new SimulatedPair({ seed });
  pair.establish();
  for (const { link } of pair.sides) link.send(numbered(0, 100));
  pair.settle();
  return { pair, packets: pair.trace.map(({ bytes }) => bytes) };
}

function firstOf(packets: readonly Uint8Array[], type: number): Uint8Array {
  const packet = packets.find((bytes) => bytes[0] === type);
  if (!packet) throw new Error('there is no such packet');
  return packet;
}

describe('a datagram', () => {
  it('of noise, 20,000 times: no answer, no change', () => {
    const { pair } = talkingPair(1);
    const random = new SeededRandom(99);
    for (let i = 0; i < 10_000; i += 1) {
      const bytes = random.bytes(random.below(200));
      if (random.chance(0.8) && bytes.length > 3) bytes.set([0x50 + random.below(5), 0, 0, 0]);
      expectSilence(pair, bytes);
    }
  });

  it('that is a mutated true one, 20,000 times: no answer, no change', () => {
    const { pair, packets } = talkingPair(2);
    const random = new SeededRandom(98);
    for (let i = 0; i < 10_000; i += 1) {
      const original = packets[random.below(packets.length)]!;
      let bytes = original.slice();
      if (random.chance(0.3)) bytes = bytes.slice(0, random.below(bytes.length));
      if (random.chance(0.2)) bytes = Uint8Array.of(...bytes, ...random.bytes(1 + random.below(40)));
      for (let flips = 1 + random.below(8); flips > 0 && bytes.length > 0; flips -= 1) {
        bytes[random.below(bytes.length)]! ^= 1 + random.below(255);
      }
      expectSilence(pair, bytes);
    }
  });

  it('that was captured and is sent again, from anywhere: no answer, no change', () => {
    const { pair, packets } = talkingPair(3);
    for (const from of [strangerAddress, initiatorAddress, pair.responder.host.address]) {
      for (const packet of packets) expectSilence(pair, packet, from);
    }
    pair.initiator.link.send(numbered(1, 10));
    pair.settle();
    expect(numbersOf(pair.responder.messages)).toEqual([0, 1]);
  });

  it('with any bit flipped, of each type: no answer, no change', () => {
    const { pair, packets } = talkingPair(4);
    // Data that nobody has received yet, so that only its seal can betray it.
    pair.initiator.link.send(numbered(1, 30));
    const data = pair.initiator.endpoint.pollTransmit(pair.network.now)?.bytes;
    const response = firstOf(packets, packetTypes.response);
    for (const packet of [data!, response]) {
      for (let bit = 0; bit < packet.length * 8; bit += 1) {
        const forged = packet.slice();
        forged[bit >> 3]! ^= 1 << (bit & 7);
        expectSilence(pair, forged);
      }
    }
    pair.responder.endpoint.handleDatagram(pair.network.now, initiatorAddress, data!);
    pair.responder.read();
    expect(numbersOf(pair.responder.messages)).toEqual([0, 1]);
  });

  it('with any bit flipped, while the handshake waits for the true one: no answer, no change', () => {
    const waiting = new SimulatedPair({ seed: 5 });
    waiting.network.run(1);
    const initiation = waiting.initiator.endpoint;
    expect(initiation.linkCount).toBe(1);
    const capture = new SimulatedPair({ seed: 5 });
    capture.establish();
    const packets = capture.trace.map(({ bytes }) => bytes);
    for (const type of [packetTypes.initiation, packetTypes.response]) {
      const packet = firstOf(packets, type);
      for (let bit = 0; bit < packet.length * 8; bit += 1) {
        const forged = packet.slice();
        forged[bit >> 3]! ^= 1 << (bit & 7);
        expectSilence(waiting, forged);
      }
    }
    expect(waiting.establish()).toBe(true);
  });
});

describe('an initiation', () => {
  function setUp() {
    const random = new SeededRandom(7);
    const bytes = (length: number): Uint8Array => random.bytes(length);
    const [us, friend, stranger] = [seededKeyPair(random), seededKeyPair(random), seededKeyPair(random)];
    const introduction = { id: bytes(16), psk: bytes(32), candidates: [] } as const;
    const endpoint = new Endpoint({ crypto: nodeCrypto, random: bytes, keyPair: us });
    const initiationBy = (keys: typeof us, id: Uint8Array = introduction.id, timestamp = 5) =>
      new InitiatorHandshake(
        { ...introduction, id, peerKey: us.publicKey, role: 'initiator' },
        { crypto: nodeCrypto, random: bytes, identity: nodeCrypto.keyAgreement(keys.privateKey), index: 9, timestamp },
      ).packet;
    const open = () => endpoint.open(0, { ...introduction, peerKey: friend.publicKey, role: 'responder' });
    const answerTo = (packet: Uint8Array, from = strangerAddress) => {
      endpoint.handleDatagram(1, from, packet);
      return endpoint.pollTransmit(1);
    };
    return { endpoint, bytes, us, friend, stranger, introduction, initiationBy, open, answerTo };
  }

  it('of the introduced peer is answered, with less than it sent', () => {
    const { friend, initiationBy, open, answerTo } = setUp();
    open();
    const initiation = initiationBy(friend);
    const answer = answerTo(initiation);
    expect(answer?.to).toEqual(strangerAddress);
    expect([initiation.length, answer?.bytes.length]).toEqual([160, 92]);
  });

  it('for no introduction is not answered', () => {
    const { friend, initiationBy, answerTo, endpoint } = setUp();
    expect(answerTo(initiationBy(friend))).toBeUndefined();
    expect(endpoint.linkCount).toBe(0);
  });

  it('of another key, or for another introduction, is not answered, and the true one still is', () => {
    const { friend, stranger, bytes, initiationBy, open, answerTo } = setUp();
    const link = open();
    expect(answerTo(initiationBy(stranger))).toBeUndefined();
    expect(answerTo(initiationBy(friend, bytes(16)))).toBeUndefined();
    expect(link.awaitsInitiation).toBe(true);
    expect(answerTo(initiationBy(friend))).toBeDefined();
  });

  it('to a link that initiates itself is not answered', () => {
    const { endpoint, friend, introduction, initiationBy, answerTo } = setUp();
    endpoint.open(0, { ...introduction, peerKey: friend.publicKey, role: 'initiator' });
    expect(answerTo(initiationBy(friend))).toBeUndefined();
  });

  it('that comes again, from elsewhere too, gets the same answer there and makes nothing new', () => {
    const { endpoint, friend, initiationBy, open, answerTo } = setUp();
    open();
    const initiation = initiationBy(friend);
    const first = answerTo(initiation);
    const again = answerTo(initiation, initiatorAddress);
    expect(again?.to).toEqual(initiatorAddress);
    expect(again?.bytes).toEqual(first?.bytes);
    expect(endpoint.linkCount).toBe(1);
  });

  it('that is a second one of the same peer is not answered', () => {
    const { friend, initiationBy, open, answerTo } = setUp();
    open();
    expect(answerTo(initiationBy(friend))).toBeDefined();
    expect(answerTo(initiationBy(friend, undefined, 6))).toBeUndefined();
  });

  it('answered a thousand times never makes more leave than came in, nor any user data', () => {
    const { endpoint, friend, initiationBy, open } = setUp();
    const link = open();
    link.send(new Uint8Array(5_000));
    const initiation = initiationBy(friend);
    let [received, sent] = [0, 0];
    for (let i = 0; i < 1_000; i += 1) {
      endpoint.handleDatagram(1, { address: '203.0.113.9', port: i + 1 }, initiation);
      received += initiation.length;
      if (i % 3 === 0) continue;
      for (let next = endpoint.pollTransmit(1); next; next = endpoint.pollTransmit(1)) {
        expect(next.bytes[0]).toBe(packetTypes.response);
        sent += next.bytes.length;
      }
    }
    expect(sent).toBeGreaterThan(0);
    expect(sent).toBeLessThanOrEqual(received);
  });
});

describe('the responder', () => {
  it('says nothing of its own before the initiator has proved to be there', () => {
    const peer = new RawPeer();
    peer.link.send(Uint8Array.of(1, 2, 3));
    for (let second = 0; second < 9; second += 1) {
      peer.now += 1_000;
      peer.endpoint.handleTimeout(peer.now);
      expect(peer.receive()).toEqual([]);
    }
    expect(peer.link.state).toBe('connecting');
    const frames = peer.send({ type: 'ping' });
    expect(frames.some(({ type }) => type === 'stream')).toBe(true);
    expect(peer.link.state).toBe('established');
  });
});

describe('opening', () => {
  it('refuses introductions that cannot be', () => {
    const random = new SeededRandom(1);
    const endpoint = new Endpoint({
      crypto: nodeCrypto,
      random: (length) => random.bytes(length),
      keyPair: seededKeyPair(random),
    });
    const peerKey = seededKeyPair(random).publicKey;
    const good = { id: random.bytes(16), psk: random.bytes(32), peerKey, role: 'initiator', candidates: [] } as const;
    const codeOf = (change: object): unknown => {
      try {
        endpoint.open(0, { ...good, ...change });
      } catch (error) {
        return (error as { code?: unknown }).code;
      }
      return undefined;
    };
    expect(codeOf({ id: random.bytes(15) })).toBe('INTRODUCTION_INVALID');
    expect(codeOf({ psk: random.bytes(33) })).toBe('INTRODUCTION_INVALID');
    expect(codeOf({ peerKey: random.bytes(31) })).toBe('INTRODUCTION_INVALID');
    expect(codeOf({ peerKey: new Uint8Array(32) })).toBe('INTRODUCTION_INVALID');
    expect(endpoint.linkCount).toBe(0);
    expect(codeOf({})).toBeUndefined();
    expect(codeOf({})).toBe('INTRODUCTION_OPEN');
  });

  it('refuses a public key that belongs to another', () => {
    const random = new SeededRandom(1);
    const [one, other] = [seededKeyPair(random), seededKeyPair(random)];
    const keyPair = { privateKey: one.privateKey, publicKey: other.publicKey };
    expect(() => new Endpoint({ crypto: nodeCrypto, random: (n) => random.bytes(n), keyPair })).toThrow(RangeError);
  });
});
