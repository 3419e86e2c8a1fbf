/** More initiations than an endpoint can answer: who shows a cookie gets in, and nobody else costs much. */
import { describe, expect, it } from '@jest/globals';
import { SeededRandom } from '@parley/simulator';
import type { Address } from './address.js';
import type { CryptoProvider } from './crypto-provider.js';
import { Endpoint } from './endpoint.js';
import { nodeCrypto } from './node/node-crypto.js';
import { handshakeLoadLimits } from './session/handshake-load.js';
import { keyLimits } from './session/key-limits.js';
import { ManualPair } from './testing/manual-pair.js';
import { numbered, numbersOf } from './testing/simulated-pair.js';
import { hasNoMac2, initiationBytes, initiationHeader, Mac1, packetTypes } from './wire/packets.js';

const perSecond = 100;

/** A provider that counts Diffie-Hellmans, and key pairs made. */
function countingCrypto(): { crypto: CryptoProvider; count: () => number; keyPairs: () => number } {
  let [count, keyPairs] = [0, 0];
  return {
    count: () => count,
    keyPairs: () => keyPairs,
    crypto: {
      ...nodeCrypto,
      keyAgreement: (privateKey) => {
        keyPairs += 1;
        const agreement = nodeCrypto.keyAgreement(privateKey);
        return {
          publicKey: agreement.publicKey,
          shared: (peerKey) => {
            count += 1;
            return agreement.shared(peerKey);
          },
          erase: () => {
            agreement.erase();
          },
        };
      },
    },
  };
}

/** What anybody can make who knows the responder's public key: noise, with the right mac1. */
function flooder(receiverKey: Uint8Array) {
  const random = new SeededRandom(9);
  const mac1 = new Mac1(nodeCrypto, receiverKey);
  return {
    packet: (): Uint8Array => mac1.seal(initiationHeader(random.u32()), random.bytes(initiationBytes - 8 - 32)),
    address: (): Address => ({
      address: `203.0.${String(random.below(256))}.${String(random.below(256))}`,
      port: 1 + random.below(65_535),
    }),
  };
}

function setUp(config = {}) {
  const { crypto, count, keyPairs } = countingCrypto();
  const pair = new ManualPair({ crypto: { responder: crypto }, config: { handshakesPerSecond: perSecond, ...config } });
  const flood = flooder(pair.responder.keyPair.publicKey);
  return { pair, flood, count, keyPairs };
}

describe('an endpoint under load', () => {
  it('does no Diffie-Hellman for initiations without a cookie', () => {
    const { pair, flood, count, keyPairs } = setUp();
    pair.responder.take();
    const [before, keyPairsBefore] = [count(), keyPairs()];
    for (let i = 0; i < perSecond; i += 1) pair.responder.give(flood.packet(), flood.address());
    // Up to then each costs one, which is enough to see that it is noise.
    expect(count() - before).toBe(perSecond);
    expect(keyPairs()).toBe(keyPairsBefore);
    expect(pair.responder.take()).toEqual([]);
    const loaded = count();
    for (let i = 0; i < 5_000; i += 1) {
      pair.skip(1);
      const from = flood.address();
      pair.responder.give(flood.packet(), from);
      const replies = pair.responder.takeTransmits().filter(({ bytes }) => bytes[0] !== packetTypes.punch);
      expect(replies.map(({ to, bytes }) => [to, bytes[0], bytes.length])).toEqual([
        [from, packetTypes.cookieReply, 64],
      ]);
    }
    expect(count()).toBe(loaded);
  });

  it('shows nobody by a cookie that it is there, where no link takes anything from', () => {
    const { pair, flood } = setUp();
    const { keyPair, introduction } = pair.responder;
    const random = new SeededRandom(4);
    const config = { handshakesPerSecond: perSecond };
    const endpoint = new Endpoint({ crypto: nodeCrypto, random: (length) => random.bytes(length), keyPair, config });
    const relay = { address: 'relay', port: 1 };
    const accepts = ({ address }: Address): boolean => address === relay.address;
    endpoint.open(0, { ...introduction, candidates: [relay], accepts });
    const answers = (from: Address): Address[] => {
      endpoint.handleDatagram(1, from, flood.packet());
      const sent: Address[] = [];
      for (let next = endpoint.pollTransmit(1); next; next = endpoint.pollTransmit(1)) {
        if (next.bytes[0] === packetTypes.cookieReply) sent.push(next.to);
      }
      return sent;
    };
    for (let i = 0; i < perSecond; i += 1) answers(relay);
    expect(answers(relay)).toEqual([relay]);
    expect(answers(flood.address())).toEqual([]);
  });

  it('lets in whoever shows a cookie, with the repetition that comes anyway', () => {
    const { pair, flood, count } = setUp();
    for (let i = 0; i <= perSecond; i += 1) pair.responder.give(flood.packet(), flood.address());
    pair.responder.take();
    const loaded = count();
    const [initiation] = pair.initiator.take();
    pair.responder.give(initiation!);
    const [reply] = pair.responder.take();
    expect(reply?.[0]).toBe(packetTypes.cookieReply);
    pair.initiator.give(reply!);
    // A cookie reply brings nothing about by itself.
    expect(pair.initiator.take()).toEqual([]);
    expect(count()).toBe(loaded);
    pair.skip(199);
    expect(pair.initiator.take()).toEqual([]);
    for (let i = 0; i <= perSecond; i += 1) pair.responder.give(flood.packet(), flood.address());
    pair.responder.take();
    pair.skip(1);
    const [again] = pair.initiator.take();
    expect(again!.subarray(0, -16)).toEqual(initiation!.subarray(0, -16));
    expect(hasNoMac2(again!)).toBe(false);
    pair.responder.take();
    pair.responder.give(again!);
    const [response] = pair.responder.take();
    expect(response?.[0]).toBe(packetTypes.response);
    pair.initiator.give(response!);
    for (const { link } of pair.sides) link.send(numbered(0, 100));
    pair.run(1_000);
    expect(pair.sides.map(({ messages }) => numbersOf(messages))).toEqual([[0], [0]]);
  });

  it('lets in whom a stranger gives cookies for another address, before its own arrive', () => {
    const { pair, flood } = setUp();
    const { initiator, responder } = pair;
    let port = 0;
    const isForInitiator = ({ to }: { to: Address }): boolean => to.address === initiator.address.address;
    const exchange = (): void => {
      for (const packet of initiator.take()) {
        if (packet[0] === packetTypes.initiation) {
          // The stranger saw it: his copy arrives first, and what he gets for it does too.
          const copy = packet.slice();
          copy.fill(0, -16);
          // From another port each time, so that no cookie is one that the initiator has seen.
          responder.give(copy, { address: '203.0.113.66', port: ++port });
          for (const { bytes } of responder.takeTransmits()) {
            if (bytes[0] === packetTypes.cookieReply) initiator.give(bytes);
          }
        }
        responder.give(packet);
      }
      for (const { bytes } of responder.takeTransmits().filter(isForInitiator)) initiator.give(bytes);
    };
    for (let step = 0; step < 100 && initiator.link.state !== 'established'; step += 1) {
      for (let i = 0; i < perSecond + 20; i += 1) responder.give(flood.packet(), flood.address());
      responder.take();
      exchange();
      exchange();
      pair.skip(50);
    }
    expect(initiator.link.state).toBe('established');
  });

  it('answers a mac2 that is not valid with a new cookie, and without load with nothing', () => {
    const { pair, flood, count } = setUp();
    pair.responder.take();
    const [initiation] = pair.initiator.take();
    const bent = initiation!.slice();
    bent[160]! ^= 1;
    const before = count();
    for (let i = 0; i < 2 * perSecond; i += 1) pair.responder.give(bent);
    expect(pair.responder.take()).toEqual([]);
    expect(count()).toBe(before);
    for (let i = 0; i <= perSecond; i += 1) pair.responder.give(flood.packet(), flood.address());
    pair.responder.take();
    const loaded = count();
    pair.responder.give(bent);
    const replies = pair.responder.take();
    expect(replies.map(([type]) => type)).toEqual([packetTypes.cookieReply]);
    expect(count()).toBe(loaded);
    pair.initiator.give(replies[0]!);
    pair.skip(200);
    pair.responder.give(pair.initiator.take()[0]!);
    expect(pair.responder.take().map(([type]) => type)).toContain(packetTypes.response);
  });

  it('that never ends still lets a whole conversation happen, and its keys be renewed', () => {
    const { pair, flood, count } = setUp();
    const before = count();
    const flood150 = (): void => {
      for (let i = 0; i < 150; i += 1) pair.responder.give(flood.packet(), flood.address());
      // What is for the flooder goes nowhere.
      pair.responder.take();
    };
    for (let step = 0; step < 20; step += 1) {
      flood150();
      pair.run(100);
    }
    expect(pair.sides.map(({ link }) => link.state)).toEqual(['established', 'established']);
    for (const { link } of pair.sides) link.send(numbered(0, 100));
    pair.run(2_000);
    pair.skip(keyLimits.rekeyAfterMs);
    pair.initiator.link.send(numbered(1, 100));
    for (let step = 0; step < 80; step += 1) {
      flood150();
      pair.run(100);
    }
    expect(numbersOf(pair.responder.messages)).toEqual([0, 1]);
    expect(pair.sides.map(({ link }) => link.status(pair.now).keys.epoch)).toEqual([1, 1]);
    // The flood's first packets, before it was one; the peer's key; and four for each of two handshakes.
    expect(count() - before).toBeLessThanOrEqual(2 * perSecond + 10);
  });

  it('is as before a second later', () => {
    const { pair, flood, count } = setUp();
    for (let i = 0; i <= perSecond; i += 1) pair.responder.give(flood.packet(), flood.address());
    pair.responder.take();
    const before = count();
    pair.skip(1_000);
    pair.responder.take();
    pair.responder.give(pair.initiator.take()[0]!);
    expect(pair.responder.take()[0]?.[0]).toBe(packetTypes.response);
    expect(count() - before).toBe(4);
  });

  it('that nobody was introduced to does nothing at all for anybody', () => {
    const { pair, flood, count } = setUp();
    pair.responder.link.close(pair.now);
    expect(pair.responder.endpoint.linkCount).toBe(0);
    const before = count();
    for (let i = 0; i < 1_000; i += 1) pair.responder.give(flood.packet(), flood.address());
    expect(pair.responder.take()).toEqual([]);
    expect(count()).toBe(before);
  });

  it('gives who has shown a cookie so many handshakes a second, and no more', () => {
    const { pair, count } = setUp({ handshakesPerSecond: 0 });
    pair.responder.take();
    const [initiation] = pair.initiator.take();
    pair.responder.give(initiation!);
    pair.initiator.give(pair.responder.take()[0]!);
    pair.skip(200);
    const [withCookie] = pair.initiator.take();
    // It changes the ephemeral key, and makes both macs anew; it knows all that it takes.
    const cookie = cookieOf(pair, initiation!);
    expect(withMac2(withCookie!, cookie)).toEqual(withCookie);
    const mac1 = new Mac1(nodeCrypto, pair.responder.keyPair.publicKey);
    const random = new SeededRandom(4);
    const next = (): Uint8Array =>
      withMac2(mac1.seal(initiationHeader(random.u32()), random.bytes(initiationBytes - 8 - 32)), cookie);
    const before = count();
    for (let i = 0; i < 1_000; i += 1) pair.responder.give(next());
    expect(count() - before).toBe(handshakeLoadLimits.perSourceBurst);
    for (let ms = 0; ms < 1_000; ms += 1) {
      pair.skip(1);
      pair.responder.give(next());
    }
    expect(count() - before).toBeLessThanOrEqual(
      handshakeLoadLimits.perSourceBurst + handshakeLoadLimits.perSourcePerSecond,
    );
    expect(count() - before).toBeGreaterThan(handshakeLoadLimits.perSourcePerSecond);
  });

  /** Asks for a cookie as the initiator, and opens it: docs/protocol/transport.md, section 1. */
  function cookieOf(pair: ManualPair, initiation: Uint8Array): Uint8Array {
    pair.responder.give(initiation);
    const reply = pair.responder.take().find(([type]) => type === packetTypes.cookieReply)!;
    const { blake2s } = nodeCrypto;
    const key = blake2s.hash(Buffer.from('parley cookie'), pair.responder.keyPair.publicKey);
    const aead = nodeCrypto.aead(blake2s.hmac(key, reply.subarray(8, 32)));
    return aead.open(new Uint8Array(12), initiation.subarray(132, 148), reply.subarray(32))!;
  }

  function withMac2(packet: Uint8Array, cookie: Uint8Array): Uint8Array {
    const stamped = packet.slice();
    stamped.set(nodeCrypto.blake2s.hmac(cookie, packet.subarray(0, -16)).subarray(0, 16), packet.length - 16);
    return stamped;
  }
});

describe('a cookie', () => {
  it('that nobody asked for, or of somebody else, is not taken', () => {
    const { pair } = setUp({ handshakesPerSecond: 0 });
    const other = new ManualPair({ seed: 2, config: { handshakesPerSecond: 0 } });
    other.responder.take();
    other.responder.give(other.initiator.take()[0]!);
    const [foreign] = other.responder.take();
    const [initiation] = pair.initiator.take();
    // Named for this link, it is still sealed for another.
    foreign!.set(initiation!.subarray(4, 8), 4);
    pair.initiator.give(foreign!);
    pair.skip(200);
    expect(hasNoMac2(pair.initiator.take()[0]!)).toBe(true);
  });
});
