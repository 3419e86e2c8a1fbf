import { SeededRandom } from '@parley/simulator';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { nodeCrypto } from '../node/node-crypto.js';
import { CookieHolder, CookieIssuer, cookieLifeMs, cookieReplyBytes, cookieReplyReceiver } from './cookies.js';

const home = { address: '192.0.2.1', port: 4_242 };
const staticKey = new Uint8Array(32).fill(7);
const start = 1_700_000_000_000;

function bytesFrom(seed: number): (length: number) => Uint8Array {
  const random = new SeededRandom(seed);
  return (length) => random.bytes(length);
}

function pair(): { issuer: CookieIssuer; holder: CookieHolder; packet: Uint8Array } {
  const issuer = new CookieIssuer(nodeCrypto, staticKey, bytesFrom(1));
  const holder = new CookieHolder(nodeCrypto, staticKey, bytesFrom(9));
  return { issuer, holder, packet: bytesFrom(2)(160) };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

describe('cookies', () => {
  it('let a packet through that comes again with its cookie', () => {
    const { issuer, holder, packet } = pair();
    holder.stamp(start, packet);
    expect(hex(packet.subarray(-16))).toBe('00'.repeat(16));
    expect(issuer.verify(start, home, packet)).toBe(false);
    const reply = issuer.reply(start, home, packet, 0xfedcba98);
    expect(reply).toHaveLength(64);
    expect(cookieReplyReceiver(reply)).toBe(0xfedcba98);
    expect(holder.onReply(start, reply)).toBe(true);
    holder.stamp(start, packet);
    expect(issuer.verify(start, home, packet)).toBe(true);
    expect(issuer.verify(start, { ...home, address: '192.0.2.2' }, packet)).toBe(false);
    expect(issuer.verify(start, { ...home, port: 4_243 }, packet)).toBe(false);
    // Another port that differs in its upper byte only.
    expect(issuer.verify(start, { ...home, port: 4_242 ^ 0x100 }, packet)).toBe(false);
  });

  it('have the bytes of the specification', () => {
    const { issuer, holder, packet } = pair();
    const reply = issuer.reply(start, home, packet, 0x01020304);
    const random = bytesFrom(1);
    const [secret, nonce] = [random(32), random(24)];
    const { blake2s } = nodeCrypto;
    const cookie = blake2s.hmac(secret, Buffer.from('192.0.2.1'), Buffer.from('1092', 'hex')).subarray(0, 16);
    const key = blake2s.hmac(blake2s.hash(Buffer.from('parley cookie'), staticKey), nonce);
    const sealed = nodeCrypto.aead(key).seal(new Uint8Array(12), packet.slice(128, 144), cookie);
    expect(hex(reply)).toBe(`5200000001020304${hex(nonce)}${hex(sealed)}`);
    holder.stamp(start, packet);
    holder.onReply(start, reply);
    holder.stamp(start, packet);
    expect(hex(packet.subarray(144))).toBe(hex(blake2s.hmac(cookie, packet.subarray(0, 144)).subarray(0, 16)));
  });

  it('are good for a response of 92 bytes too', () => {
    const { issuer, holder } = pair();
    const response = bytesFrom(3)(92);
    holder.stamp(start, response);
    expect(holder.onReply(start, issuer.reply(start, home, response, 1))).toBe(true);
    holder.stamp(start, response);
    expect(issuer.verify(start, home, response)).toBe(true);
  });

  it('are taken once, and only in answer to the packet sent last', () => {
    const { issuer, holder, packet } = pair();
    expect(holder.onReply(start, issuer.reply(start, home, packet, 1))).toBe(false);
    holder.stamp(start, packet);
    const early = issuer.reply(start, home, packet, 1);
    packet[130] = packet[130]! ^ 1;
    holder.stamp(start, packet);
    expect(holder.onReply(start, early)).toBe(false);
    const reply = issuer.reply(start, home, packet, 1);
    expect(holder.onReply(start, reply)).toBe(true);
    expect(holder.onReply(start, reply)).toBe(false);
  });

  it('refuse every reply with a flipped bit, cut or made longer', () => {
    const { issuer, holder, packet } = pair();
    holder.stamp(start, packet);
    const reply = issuer.reply(start, home, packet, 1);
    for (let bit = 8 * 8; bit < cookieReplyBytes * 8; bit += 1) {
      const bent = reply.slice();
      bent[bit >> 3] = bent[bit >> 3]! ^ (1 << (bit & 7));
      expect(holder.onReply(start, bent)).toBe(false);
    }
    for (let length = 0; length < cookieReplyBytes; length += 1) {
      expect(holder.onReply(start, reply.subarray(0, length))).toBe(false);
      expect(cookieReplyReceiver(reply.subarray(0, length))).toBeUndefined();
    }
    expect(cookieReplyReceiver(Uint8Array.of(...reply, 0))).toBeUndefined();
    for (const at of [0, 1, 2, 3]) {
      const bent = reply.slice();
      bent[at] = bent[at]! ^ 1;
      expect(cookieReplyReceiver(bent)).toBeUndefined();
    }
    expect(new CookieHolder(nodeCrypto, new Uint8Array(32), bytesFrom(9)).onReply(start, reply)).toBe(false);
    expect(holder.onReply(start, reply)).toBe(true);
  });

  it('refuse a stamped packet in which any bit was flipped', () => {
    const { issuer, holder, packet } = pair();
    holder.stamp(start, packet);
    holder.onReply(start, issuer.reply(start, home, packet, 1));
    holder.stamp(start, packet);
    for (let bit = 0; bit < packet.length * 8; bit += 1) {
      packet[bit >> 3] = packet[bit >> 3]! ^ (1 << (bit & 7));
      expect(issuer.verify(start, home, packet)).toBe(false);
      packet[bit >> 3] = packet[bit >> 3]! ^ (1 << (bit & 7));
    }
    expect(issuer.verify(start, home, packet)).toBe(true);
  });

  it('live 120 s with who has them', () => {
    const { issuer, holder, packet } = pair();
    holder.stamp(start, packet);
    holder.onReply(start, issuer.reply(start, home, packet, 1));
    holder.stamp(start + cookieLifeMs - 1, packet);
    expect(issuer.verify(start + cookieLifeMs - 1, home, packet)).toBe(true);
    holder.stamp(start + cookieLifeMs, packet);
    expect(hex(packet.subarray(-16))).toBe('00'.repeat(16));
  });

  it('are accepted until the secret after theirs gets old', () => {
    const { issuer, holder, packet } = pair();
    holder.stamp(start, packet);
    holder.onReply(start, issuer.reply(start, home, packet, 1));
    holder.stamp(start, packet);
    expect(issuer.verify(start + cookieLifeMs, home, packet)).toBe(true);
    expect(issuer.verify(start + 2 * cookieLifeMs - 1, home, packet)).toBe(true);
    expect(issuer.verify(start + 2 * cookieLifeMs, home, packet)).toBe(false);
  });

  it('are not accepted after a long silence, in which no secret was renewed', () => {
    const { issuer, holder, packet } = pair();
    holder.stamp(start, packet);
    holder.onReply(start, issuer.reply(start, home, packet, 1));
    holder.stamp(start, packet);
    expect(issuer.verify(start + 2 * cookieLifeMs, home, packet)).toBe(false);
  });

  it('are given up after two repetitions that brought no answer', () => {
    const { issuer, holder, packet } = pair();
    holder.stamp(start, packet);
    for (let round = 0; round < 3; round += 1) {
      expect(hex(packet.subarray(-16))).toBe('00'.repeat(16));
      // A copy of it came from elsewhere, and so this cookie is none for home.
      expect(holder.onReply(start, issuer.reply(start, { ...home, port: 1 + round }, packet, 1))).toBe(true);
      for (let repetition = 0; repetition < 2; repetition += 1) {
        holder.stamp(start, packet);
        expect(hex(packet.subarray(-16))).not.toBe('00'.repeat(16));
        expect(issuer.verify(start, home, packet)).toBe(false);
      }
      holder.stamp(start, packet);
    }
    holder.onReply(start, issuer.reply(start, home, packet, 1));
    holder.stamp(start, packet);
    expect(issuer.verify(start, home, packet)).toBe(true);
    // An answer to a repetition is as good as one to the first.
    expect(holder.onReply(start, issuer.reply(start, { ...home, port: 7 }, packet, 1))).toBe(true);
    holder.stamp(start, packet);
    expect(issuer.verify(start, { ...home, port: 7 }, packet)).toBe(true);
  });

  it('of several in answer to one packet are each as likely, whichever came first', () => {
    const { issuer, holder, packet } = pair();
    const sources = [1, 2, 3, 4].map((port) => ({ ...home, port }));
    const taken = sources.map(() => 0);
    for (let round = 0; round < 800; round += 1) {
      holder.stamp(start, packet);
      for (const source of sources) holder.onReply(start, issuer.reply(start, source, packet, 1));
      const stamped = packet.slice();
      holder.stamp(start, stamped);
      sources.forEach((source, i) => {
        if (issuer.verify(start, source, stamped)) taken[i]! += 1;
      });
    }
    expect(taken.reduce((a, b) => a + b)).toBe(800);
    for (const count of taken) expect(count).toBeGreaterThan(120);
  });

  it('do not mind noise', () => {
    const { issuer, holder, packet } = pair();
    holder.stamp(start, packet);
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 0, maxLength: 100 }), (noise) => {
        expect(holder.onReply(start, noise)).toBe(false);
        cookieReplyReceiver(noise);
        if (noise.length >= 32) expect(issuer.verify(start, home, noise)).toBe(false);
      }),
    );
  });
});
