/**
 * Path offers on their way through the server, which must not read or change them: where a device may be reached is for
 * the other device of the introduction alone.
 *
 *     sealed offer   salt (16 bytes) · counter (4, big-endian) · ChaCha20-Poly1305 ciphertext with its tag (16)
 *     secret         X25519 of the two device keys (RFC 7748)
 *     key            HKDF-SHA-256 (RFC 5869): secret; salt: id of the introduction (16) · salt; info: 'parley path offer'
 *                    and the role of the sender
 *     nonce          the counter, as in the transport; associated data: salt · counter
 *
 * The salt is drawn once for an introduction by each side. Without it, a server that gives out the same id twice would
 * make two devices seal different offers under one key and nonce, and so could read and forge them.
 */
import { hkdfSync, randomBytes } from 'node:crypto';
import { limits } from '@parley/protocol';
import { nodeCrypto } from '@parley/transport/node';

export type OfferRole = 'initiator' | 'responder';

export interface SealedOffersOptions {
  /** X25519, 32 bytes: of this device. */
  readonly privateKey: Uint8Array;
  /** X25519, 32 bytes: the pinned key of the other device. */
  readonly peerKey: Uint8Array;
  /** Id of the introduction, 32 hexadecimal digits. */
  readonly introduction: string;
  /** Which of the two this device is in that introduction. */
  readonly role: OfferRole;
  /** Fresh random bytes. */
  readonly random?: (length: number) => Uint8Array;
}

const saltBytes = 16;
const counterBytes = 4;
const headerBytes = saltBytes + counterBytes;
const tagBytes = 16;
const keyBytes = 32;
const counterMax = 2 ** 32 - 1;

/** What `path.offer` carries in base64. */
const sealedMaxBytes = (limits.offerCharacters / 4) * 3;

/** The longest offer that can be sealed, in bytes. */
export const offerMaxBytes = sealedMaxBytes - headerBytes - tagBytes;

/** Seals and opens the offers of one introduction, both ways, for as long as it stands. */
export class SealedOffers {
  readonly #options: SealedOffersOptions;
  readonly #secret: Uint8Array;
  readonly #salt: Uint8Array;
  readonly #sealingKey: Uint8Array;
  #sealed = 0;
  /** Of the peer: the salt of the first offer that was genuine, and the highest counter. */
  #peer: { readonly salt: Uint8Array; readonly key: Uint8Array; counter: number } | undefined;

  private constructor(options: SealedOffersOptions, secret: Uint8Array) {
    this.#options = options;
    this.#secret = secret;
    this.#salt = (options.random ?? randomBytes)(saltBytes);
    this.#sealingKey = this.#key(this.#salt, options.role);
  }

  /** Undefined for a key of the peer that shares nothing (of small order): nobody's device has one. */
  static between(options: SealedOffersOptions): SealedOffers | undefined {
    if (!/^[0-9a-f]{32}$/.test(options.introduction)) throw new RangeError('the id of an introduction has 32 digits');
    const secret = nodeCrypto.keyAgreement(options.privateKey).shared(options.peerKey);
    return secret && new SealedOffers(options, secret);
  }

  /** @param offer at most `offerMaxBytes`; longer is a defect of the caller. */
  seal(offer: Uint8Array): Uint8Array {
    if (offer.length > offerMaxBytes) throw new RangeError(`an offer has at most ${String(offerMaxBytes)} bytes`);
    if (this.#sealed === counterMax) throw new RangeError('an introduction has at most 2^32 offers');
    this.#sealed += 1;
    const sealed = new Uint8Array(headerBytes + offer.length + tagBytes);
    sealed.set(this.#salt);
    new DataView(sealed.buffer).setUint32(saltBytes, this.#sealed);
    const header = sealed.subarray(0, headerBytes);
    sealed.set(nodeCrypto.aead(this.#sealingKey).seal(nonce(this.#sealed), header, offer), headerBytes);
    return sealed;
  }

  /**
   * The offer that the other device sealed for this introduction; undefined for anything else: forged, of another
   * introduction, our own sent back, too long, not newer than one that was opened.
   */
  open(sealed: Uint8Array): Uint8Array | undefined {
    if (sealed.length < headerBytes + tagBytes || sealed.length > sealedMaxBytes) return undefined;
    const header = sealed.subarray(0, headerBytes);
    // A copy, also of a Buffer.
    const salt = new Uint8Array(header.subarray(0, saltBytes));
    const counter = new DataView(sealed.buffer, sealed.byteOffset).getUint32(saltBytes);
    if (this.#peer && !nodeCrypto.equal(this.#peer.salt, salt)) return undefined;
    if (counter <= (this.#peer?.counter ?? 0)) return undefined;
    const key = this.#peer?.key ?? this.#key(salt, this.#options.role === 'initiator' ? 'responder' : 'initiator');
    const offer = nodeCrypto.aead(key).open(nonce(counter), header, sealed.subarray(headerBytes));
    if (!offer) return undefined;
    this.#peer ??= { salt, key, counter };
    this.#peer.counter = counter;
    return offer;
  }

  #key(salt: Uint8Array, sender: OfferRole): Uint8Array {
    const id = Buffer.from(this.#options.introduction, 'hex');
    const info = `parley path offer ${sender}`;
    return new Uint8Array(hkdfSync('sha256', this.#secret, Buffer.concat([id, salt]), info, keyBytes));
  }
}

function nonce(counter: number): Uint8Array {
  const bytes = new Uint8Array(12);
  new DataView(bytes.buffer).setUint32(4, counter, true);
  return bytes;
}
