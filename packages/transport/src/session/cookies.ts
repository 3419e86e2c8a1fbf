/**
 * Cookies under load (WireGuard, sections 5.3 and 5.4.7, in our sizes): who is busy answers a handshake packet with a
 * cookie instead of a Diffie-Hellman, and takes it up only when it comes again with that cookie, so from an address
 * where its sender can be reached.
 *
 *     cookie   = first 16 bytes of HMAC-BLAKE2s(secret, address as text · port (2, big-endian))
 *     mac2     = first 16 bytes of HMAC-BLAKE2s(cookie, all bytes of the packet before mac2)
 *     reply    = 0x52 · reserved (3) · receiver index (4) · nonce (24) · sealed cookie (32)            64 bytes
 *     sealed   = ChaCha20-Poly1305(key, nonce of zeros, associated data = mac1 of the packet answered, cookie)
 *     key      = HMAC-BLAKE2s(BLAKE2s-256("parley cookie" · static public key of who replies), nonce)
 *
 * Handshake packets end in mac1 · mac2, 16 bytes each; mac2 is zero for who has no cookie.
 */
import type { Address } from '../address.js';
import { keyBytes, tagBytes, type CryptoProvider, type RandomSource } from '../crypto-provider.js';
import { packetTypes } from '../wire/packets.js';

const macBytes = 16;
const cookieBytes = 16;
const nonceBytes = 24;
const indexAt = 4;
const nonceAt = 8;
const sealedAt = nonceAt + nonceBytes;
export const cookieReplyBytes = sealedAt + cookieBytes + tagBytes;
/** Repetitions with a cookie that brought no answer: it may be none of ours, but made for another address. */
const maxUnansweredUses = 2;
/** How long a secret makes cookies, and how long a cookie is used (WireGuard's figure for both). */
export const cookieLifeMs = 120_000;

const encoder = new TextEncoder();
const keyLabel = encoder.encode('parley cookie');
const zeroNonce = new Uint8Array(12);

type CookieCrypto = Pick<CryptoProvider, 'blake2s' | 'aead' | 'equal'>;

/** The busy side: keeps nothing about those who ask, as a cookie can be made again from a secret and the address. */
export class CookieIssuer {
  readonly #crypto: CookieCrypto;
  readonly #random: RandomSource;
  readonly #sealingKey: Uint8Array;
  #secret: Uint8Array | undefined;
  #secretBefore: Uint8Array | undefined;
  #secretMadeAt = -Infinity;

  /** @param publicKey the own static public key */
  constructor(crypto: CookieCrypto, publicKey: Uint8Array, random: RandomSource) {
    this.#crypto = crypto;
    this.#random = random;
    this.#sealingKey = crypto.blake2s.hash(keyLabel, publicKey);
  }

  /**
   * Whether the mac2 of a handshake packet was made with a cookie for the address where it came from: the present one,
   * or that of the 120 s before.
   */
  verify(now: number, from: Address, packet: Uint8Array): boolean {
    this.#renewSecret(now);
    for (const secret of [this.#secret, this.#secretBefore]) {
      if (!secret) continue;
      const cookie = this.#cookie(secret, from);
      if (this.#crypto.equal(mac2Of(this.#crypto, cookie, packet), packet.subarray(-macBytes))) return true;
    }
    return false;
  }

  /**
   * The cookie reply to a handshake packet whose mac1 is right. It is shorter than what it answers.
   * @param receiverIndex the sender index of that packet
   */
  reply(now: number, from: Address, packet: Uint8Array, receiverIndex: number): Uint8Array {
    const cookie = this.#cookie(this.#renewSecret(now), from);
    const nonce = this.#random(nonceBytes);
    const sealed = sealingAead(this.#crypto, this.#sealingKey, nonce).seal(zeroNonce, mac1Of(packet), cookie);
    const reply = new Uint8Array(cookieReplyBytes);
    reply[0] = packetTypes.cookieReply;
    new DataView(reply.buffer).setUint32(indexAt, receiverIndex);
    reply.set(nonce, nonceAt);
    reply.set(sealed, sealedAt);
    return reply;
  }

  #renewSecret(now: number): Uint8Array {
    const ageMs = now - this.#secretMadeAt;
    if (this.#secret && ageMs < cookieLifeMs) return this.#secret;
    this.#secretBefore = ageMs < 2 * cookieLifeMs ? this.#secret : undefined;
    this.#secret = this.#random(keyBytes);
    this.#secretMadeAt = now;
    return this.#secret;
  }

  #cookie(secret: Uint8Array, from: Address): Uint8Array {
    const port = Uint8Array.of(from.port >> 8, from.port & 0xff);
    return this.#crypto.blake2s.hmac(secret, encoder.encode(from.address), port).subarray(0, cookieBytes);
  }
}

/** The side that was asked to come again: one for each peer, as a cookie is good with who made it only. */
export class CookieHolder {
  readonly #crypto: CookieCrypto;
  readonly #random: RandomSource;
  readonly #openingKey: Uint8Array;
  /** Of the last handshake packet sent. */
  #mac1: Uint8Array | undefined;
  /** Cookies in answer to that packet. */
  #replies = 0;
  #cookie: Uint8Array | undefined;
  #takenAt = -Infinity;
  /** Packets stamped with the cookie since it was taken. */
  #uses = 0;

  /** @param peerKey the peer's static public key */
  constructor(crypto: CookieCrypto, peerKey: Uint8Array, random: RandomSource) {
    this.#crypto = crypto;
    this.#random = random;
    this.#openingKey = crypto.blake2s.hash(keyLabel, peerKey);
  }

  /** Writes mac2 into a handshake packet that is about to leave, and remembers its mac1 for the reply. */
  stamp(now: number, packet: Uint8Array): void {
    this.#mac1 = mac1Of(packet).slice();
    this.#replies = 0;
    if (this.#uses >= maxUnansweredUses || now - this.#takenAt >= cookieLifeMs) this.#cookie = undefined;
    const cookie = this.#cookie;
    this.#uses += 1;
    if (cookie) packet.set(mac2Of(this.#crypto, cookie, packet), packet.length - macBytes);
    else packet.fill(0, packet.length - macBytes);
  }

  /**
   * Takes the cookie out of a reply to the last packet that `stamp` has seen. That packet may have arrived over several
   * paths, or a copy of it from a stranger: each of the cookies in answer to it has the same chance, as which one is for
   * our address cannot be told.
   * @returns whether it was taken: the next repetition carries it
   */
  onReply(now: number, reply: Uint8Array): boolean {
    if (!this.#mac1 || reply.length !== cookieReplyBytes) return false;
    const aead = sealingAead(this.#crypto, this.#openingKey, reply.subarray(nonceAt, sealedAt));
    const cookie = aead.open(zeroNonce, this.#mac1, reply.subarray(sealedAt));
    if (!cookie) return false;
    if (this.#cookie && this.#crypto.equal(cookie, this.#cookie)) return false;
    this.#replies += 1;
    if (this.#replies > 1 && !this.#oneIn(this.#replies)) return false;
    this.#cookie = cookie.slice();
    this.#takenAt = now;
    this.#uses = 0;
    return true;
  }

  #oneIn(count: number): boolean {
    const [byte = 0] = this.#random(1);
    return byte * count < 256;
  }
}

/** The link that a cookie reply is for; undefined for what has not its form. */
export function cookieReplyReceiver(bytes: Uint8Array): number | undefined {
  if (bytes.length !== cookieReplyBytes || bytes[0] !== packetTypes.cookieReply) return undefined;
  if (bytes[1] !== 0 || bytes[2] !== 0 || bytes[3] !== 0) return undefined;
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(indexAt);
}

function sealingAead(crypto: CookieCrypto, key: Uint8Array, nonce: Uint8Array): ReturnType<CryptoProvider['aead']> {
  return crypto.aead(crypto.blake2s.hmac(key, nonce));
}

function mac1Of(packet: Uint8Array): Uint8Array {
  return packet.subarray(-2 * macBytes, -macBytes);
}

function mac2Of(crypto: CookieCrypto, cookie: Uint8Array, packet: Uint8Array): Uint8Array {
  return crypto.blake2s.hmac(cookie, packet.subarray(0, -macBytes)).subarray(0, macBytes);
}
