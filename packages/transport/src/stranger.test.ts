/** Those who were not introduced: silence, and no effect. */
import { describe, expect, it } from '@jest/globals';
import { SeededRandom } from '@parley/simulator';
import type { Address } from './address.js';
import { Endpoint } from './endpoint.js';
import { InitiatorHandshake } from './session/handshake-initiator.js';
import { keyLimits } from './session/key-limits.js';
import { nodeCrypto } from './node/node-crypto.js';
import { hasNoMac2, packetTypes, phaseOf } from './wire/packets.js';
import { ManualPair, type ManualSide } from './testing/manual-pair.js';
import { RawPeer } from './testing/raw-peer.js';
import { numbered, numbersOf, seededKeyPair, strangerAddress } from './testing/simulated-pair.js';

/** All of a side that a stranger might have changed. */
function stateOf({ link, endpoint, events }: ManualSide, now: number) {
  return {
    status: link.status(now),
    usage: link.usage,
    buffered: link.bufferedBytes,
    links: endpoint.linkCount,
    timeout: endpoint.nextTimeout(),
    events: events.length,
  };
}

/** Gives datagrams to one side, and expects that nothing whatsoever comes of them. */
function expectSilenceOf(pair: ManualPair, side: ManualSide, datagrams: Iterable<Uint8Array>, from?: Address): void {
  const before = stateOf(side, pair.now);
  let state = before;
  for (const bytes of datagrams) {
    side.give(bytes, from ?? strangerAddress);
    const answer = side.endpoint.pollTransmit(pair.now);
    state = stateOf(side, pair.now);
    if (answer !== undefined || JSON.stringify(state) !== JSON.stringify(before)) {
      throw new Error(`an effect of ${Buffer.from(bytes).toString('hex')}`, { cause: { answer, before, state } });
    }
  }
  expect(state).toEqual(before);
}

function expectSilence(pair: ManualPair, datagrams: Iterable<Uint8Array>, from?: Address): void {
  const list = [...datagrams];
  for (const side of pair.sides) expectSilenceOf(pair, side, list, from);
}

/** The same, but for cookie replies of the responder, which keep nothing. */
function expectCookiesAtMost({ responder, now }: ManualPair, datagrams: Iterable<Uint8Array>): void {
  const before = stateOf(responder, now);
  for (const bytes of datagrams) {
    responder.give(bytes, strangerAddress);
    for (const { to, bytes: answer } of responder.takeTransmits()) {
      expect([to, answer[0], answer.length]).toEqual([strangerAddress, packetTypes.cookieReply, 64]);
    }
    expect(stateOf(responder, now)).toEqual(before);
  }
}

/** Every packet that differs from this one in one bit. */
function* bent(packet: Uint8Array): Iterable<Uint8Array> {
  for (let bit = 0; bit < packet.length * 8; bit += 1) {
    const forged = packet.slice();
    forged[bit >> 3]! ^= 1 << (bit & 7);
    yield forged;
  }
}

/** A pair in the middle of a conversation, and the packets that led there. */
function talkingPair(seed: number): { pair: ManualPair; packets: Uint8Array[] } {
  const pair = new ManualPair({ seed });
  pair.run(100);
  for (const { link } of pair.sides) link.send(numbered(0, 100));
  pair.run(2_000);
  expect(pair.sides.map(({ messages }) => messages.length)).toEqual([1, 1]);
  return { pair, packets: pair.carried.map(({ bytes }) => bytes) };
}

describe('a datagram', () => {
  it('of noise, 20,000 times: no answer, no change', () => {
    const { pair } = talkingPair(1);
    const random = new SeededRandom(99);
    const noise = Array.from({ length: 10_000 }, () => {
      const bytes = random.bytes(random.below(200));
      if (random.chance(0.8) && bytes.length > 3) bytes.set([0x50 + random.below(5), 0, 0, 0]);
      return bytes;
    });
    expectSilence(pair, noise);
  });

  it('that is a mutated true one, 20,000 times: no answer, no change', () => {
    const { pair, packets } = talkingPair(2);
    const random = new SeededRandom(98);
    expect(new Set(packets.map(([type]) => type)).size).toBe(4);
    const mutated = Array.from({ length: 10_000 }, () => {
      let bytes = random.oneOf(packets).slice();
      if (random.chance(0.3)) bytes = bytes.slice(0, random.below(bytes.length));
      if (random.chance(0.2)) bytes = Uint8Array.of(...bytes, ...random.bytes(1 + random.below(40)));
      for (let flips = 1 + random.below(8); flips > 0 && bytes.length > 0; flips -= 1) {
        bytes[random.below(bytes.length)]! ^= 1 + random.below(255);
      }
      return bytes;
    });
    expectSilence(pair, mutated);
  });

  it('that was captured and is sent again, from anywhere: no answer, no change', () => {
    const { pair, packets } = talkingPair(3);
    for (const from of [strangerAddress, ...pair.sides.map(({ address }) => address)]) {
      expectSilence(pair, packets, from);
    }
    pair.initiator.link.send(numbered(1, 10));
    pair.run(1_000);
    expect(numbersOf(pair.responder.messages)).toEqual([0, 1]);
  });

  it.each(['initiator', 'responder'] as const)(
    'that was captured and is sent again after the %s has renewed the keys: no answer, no change',
    (who) => {
      const { pair } = talkingPair(4);
      pair.skip(keyLimits.rekeyByPeerAfterMs);
      pair[who].link.send(numbered(1, 10));
      pair.run(2_000);
      expect(pair.sides.map(({ link }) => link.status(pair.now).keys.epoch)).toEqual([1, 1]);
      // The keys before are still there, and again when they are not.
      for (const waitMs of [0, keyLimits.rejectAfterMs]) {
        pair.run(waitMs);
        const packets = pair.carried.map(({ bytes }) => bytes);
        const initiations = packets.filter(([type]) => type === packetTypes.initiation);
        expect(new Set(initiations.map((bytes) => Buffer.from(bytes).toString('hex'))).size).toBe(2);
        for (const from of [strangerAddress, ...pair.sides.map(({ address }) => address)]) {
          expectSilence(pair, packets, from);
        }
      }
      pair.initiator.link.send(numbered(2, 10));
      pair.run(1_000);
      expect(numbersOf(pair.responder.messages)).toEqual(who === 'initiator' ? [0, 1, 2] : [0, 2]);
    },
  );
});

describe('a packet with any bit flipped: no answer, no change, when it is', () => {
  it('an initiation or a response', () => {
    const pair = new ManualPair();
    const [initiation] = pair.initiator.take();
    // What opens the way for it.
    pair.responder.take();
    expect(initiation?.[0]).toBe(packetTypes.initiation);
    expectSilence(pair, bent(initiation!));
    pair.responder.give(initiation!);
    const [response] = pair.responder.take();
    expect(response?.[0]).toBe(packetTypes.response);
    expectSilence(pair, bent(response!));
    pair.initiator.give(response!);
    pair.run(100);
    expect(pair.sides.map(({ link }) => link.state)).toEqual(['established', 'established']);
  });

  it('data, early and late', () => {
    const pair = new ManualPair();
    pair.responder.take();
    pair.responder.give(pair.initiator.take()[0]!);
    pair.initiator.give(pair.responder.take()[0]!);
    for (const { link } of pair.sides) link.send(numbered(0, 30));
    const waiting = new Map<ManualSide, Uint8Array[]>(pair.sides.map((side) => [side, []]));
    // A key, and its end; a ciphertext, and the first data; an acknowledgement.
    const seen = new Set<string>();
    for (let turn = 0; turn < 6; turn += 1) {
      for (const side of pair.sides) {
        const peer = pair.peerOf(side);
        const packets = waiting.get(side)!.splice(0);
        packets.push(...side.take());
        for (const packet of packets) {
          expect(packet[0]).toBe(packetTypes.data);
          const kind = `${side === pair.initiator ? 'initiator' : 'responder'} ${String(phaseOf(packet))}`;
          // One of each is enough: an early packet has nearly ten thousand bits.
          if (!seen.has(kind)) {
            waiting.get(peer)!.push(...peer.take());
            expectSilenceOf(pair, peer, bent(packet));
          }
          seen.add(kind);
          peer.give(packet);
        }
      }
      pair.skip(25);
    }
    expect([...seen].sort()).toEqual(['initiator 0', 'initiator 1', 'responder 0', 'responder 1']);
    expect(pair.sides.map(({ messages }) => numbersOf(messages))).toEqual([[0], [0]]);
  });

  it('of a handshake that renews the keys, with data under them', () => {
    const { pair } = talkingPair(5);
    pair.skip(keyLimits.rekeyAfterMs);
    pair.initiator.link.send(numbered(1, 30));
    const [initiation, early] = pair.initiator.take();
    expect([initiation?.[0], early?.[0]]).toEqual([packetTypes.initiation, packetTypes.data]);
    expectSilence(pair, bent(initiation!));
    expectSilence(pair, bent(early!));
    pair.responder.give(initiation!);
    const [response] = pair.responder.take();
    expect(response?.[0]).toBe(packetTypes.response);
    expectSilence(pair, bent(response!));
    pair.initiator.give(response!);
    const [data] = pair.initiator.take();
    expectSilence(pair, bent(data!));
    expect(pair.responder.link.status(pair.now).keys.epoch).toBe(0);
    pair.responder.give(data!);
    expect(pair.responder.link.status(pair.now).keys.epoch).toBe(1);
    pair.responder.give(early!);
    pair.run(1_000);
    expect(numbersOf(pair.responder.messages)).toEqual([0, 1]);
  });

  it('a cookie reply, or an initiation with a cookie', () => {
    const pair = new ManualPair({ config: { handshakesPerSecond: 0 } });
    pair.responder.take();
    pair.responder.give(pair.initiator.take()[0]!);
    const [reply] = pair.responder.take();
    expect(reply?.[0]).toBe(packetTypes.cookieReply);
    expectSilence(pair, bent(reply!));
    pair.skip(200);
    const [withoutCookie] = pair.initiator.take();
    expect(hasNoMac2(withoutCookie!)).toBe(true);
    pair.initiator.give(reply!);
    pair.skip(200);
    const [withCookie] = pair.initiator.take();
    expect(hasNoMac2(withCookie!)).toBe(false);
    pair.responder.take();
    // Under load a mac2 that is not valid counts as none: it may get a cookie, and nothing else.
    expectCookiesAtMost(pair, bent(withCookie!));
    // The same when it comes from elsewhere.
    expectCookiesAtMost(pair, [withCookie!]);
    pair.responder.give(withCookie!);
    expect(pair.responder.take()[0]?.[0]).toBe(packetTypes.response);
  });
});

describe('an initiation', () => {
  function setUp() {
    const random = new SeededRandom(7);
    const bytes = (length: number): Uint8Array => random.bytes(length);
    const [us, friend, stranger] = [seededKeyPair(random), seededKeyPair(random), seededKeyPair(random)];
    const introduction = { id: bytes(16), psk: bytes(32), candidates: [] } as const;
    const endpoint = new Endpoint({ crypto: nodeCrypto, random: bytes, keyPair: us });
    const initiationBy = (keys: typeof us, change: { id?: Uint8Array; timestamp?: number; epoch?: number } = {}) =>
      new InitiatorHandshake({
        crypto: nodeCrypto,
        random: bytes,
        identity: nodeCrypto.keyAgreement(keys.privateKey),
        peerKey: us.publicKey,
        introductionId: change.id ?? introduction.id,
        psk: introduction.psk,
        epoch: change.epoch ?? 0,
        index: 9,
        timestamp: change.timestamp ?? 5,
      }).packet;
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
    expect([initiation.length, answer?.bytes.length]).toEqual([164, 92]);
  });

  it('for no introduction is not answered', () => {
    const { friend, initiationBy, answerTo, endpoint } = setUp();
    expect(answerTo(initiationBy(friend))).toBeUndefined();
    expect(endpoint.linkCount).toBe(0);
  });

  it('of another key, for another introduction or another epoch is not answered, and the true one still is', () => {
    const { friend, stranger, bytes, initiationBy, open, answerTo } = setUp();
    open();
    expect(answerTo(initiationBy(stranger))).toBeUndefined();
    expect(answerTo(initiationBy(friend, { id: bytes(16) }))).toBeUndefined();
    expect(answerTo(initiationBy(friend, { epoch: 1 }))).toBeUndefined();
    expect(answerTo(initiationBy(friend, { epoch: 2 ** 32 - 1 }))).toBeUndefined();
    expect(answerTo(initiationBy(friend))?.bytes[0]).toBe(packetTypes.response);
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
    const elsewhere = { address: '192.0.2.1', port: 1111 };
    const again = answerTo(initiation, elsewhere);
    expect(again?.to).toEqual(elsewhere);
    expect(again?.bytes).toEqual(first?.bytes);
    expect(endpoint.linkCount).toBe(1);
  });

  it('that comes again in a buffer that is used for something else meanwhile gets the same answer', () => {
    const { friend, initiationBy, open, answerTo } = setUp();
    open();
    const initiation = initiationBy(friend);
    const buffer = Buffer.from(initiation);
    const first = answerTo(buffer);
    expect(first?.bytes[0]).toBe(packetTypes.response);
    buffer.fill(7);
    expect(answerTo(Buffer.from(initiation))?.bytes).toEqual(first?.bytes);
  });

  it('that is older than one of the same peer is not answered, and a newer one takes its place', () => {
    const { friend, initiationBy, open, answerTo } = setUp();
    open();
    const [older, oldest] = [initiationBy(friend), initiationBy(friend, { timestamp: 4 })];
    const first = answerTo(older);
    expect(first?.bytes[0]).toBe(packetTypes.response);
    expect(answerTo(oldest)).toBeUndefined();
    expect(answerTo(initiationBy(friend, { timestamp: 5 }))).toBeUndefined();
    const second = answerTo(initiationBy(friend, { timestamp: 6 }));
    expect(second?.bytes[0]).toBe(packetTypes.response);
    expect(second?.bytes).not.toEqual(first?.bytes);
    expect(answerTo(older)).toBeUndefined();
  });

  it("of an introduction's first opening, sent again by a stranger, does not keep the second from its peer", () => {
    const pair = new ManualPair({ config: { drainMs: 100 } });
    const { initiator, responder } = pair;
    pair.run(300);
    const captured = pair.carried.find(({ bytes }) => bytes[0] === packetTypes.initiation)!.bytes;
    initiator.link.close(pair.now);
    pair.run(5_000);
    expect(pair.sides.map(({ endpoint }) => endpoint.linkCount)).toEqual([0, 0]);

    const again = responder.endpoint.open(pair.now, responder.introduction);
    responder.give(captured, strangerAddress);
    expect(responder.takeTransmits().map(({ to }) => to)).toContainEqual(strangerAddress);
    const link = initiator.endpoint.open(pair.now, initiator.introduction);
    pair.run(1_000);
    expect([link.state, again.state]).toEqual(['established', 'established']);
    // Once it stands, that is not answered any more.
    responder.give(captured, strangerAddress);
    expect(responder.take()).toEqual([]);
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
    const peer = new RawPeer({ exchangesPostQuantum: false });
    peer.link.send(Uint8Array.of(1, 2, 3));
    for (let second = 0; second < 9; second += 1) {
      peer.now += 1_000;
      expect(peer.receiveDatagrams()).toEqual([]);
    }
    expect(peer.link.state).toBe('connecting');
    expect(peer.link.path).toBeUndefined();
    peer.send({ type: 'ping' });
    expect(peer.link.path).toEqual(peer.address);
    peer.now += 25;
    expect(peer.receive()).toEqual([expect.objectContaining({ type: 'ack' })]);
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

  it('of an introduction again, after its link has ended, is not undone by the old link', () => {
    const pair = new ManualPair();
    const { endpoint, introduction, link: old } = pair.initiator;
    old.close(pair.now);
    expect(endpoint.linkCount).toBe(0);
    endpoint.open(pair.now, introduction);
    old.close(pair.now);
    old.touch();
    expect(endpoint.linkCount).toBe(1);
  });

  it('refuses a public key that belongs to another', () => {
    const random = new SeededRandom(1);
    const [one, other] = [seededKeyPair(random), seededKeyPair(random)];
    const keyPair = { privateKey: one.privateKey, publicKey: other.publicKey };
    expect(() => new Endpoint({ crypto: nodeCrypto, random: (n) => random.bytes(n), keyPair })).toThrow(RangeError);
  });
});
