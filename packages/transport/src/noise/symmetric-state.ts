/** The cipher state and symmetric state of the Noise Protocol Framework, revision 34, sections 5.1 and 5.2. */
import { counterNonce, tagBytes, type Aead, type CryptoProvider, type HashFunction } from '../crypto-provider.js';
import { hkdf } from './hkdf.js';

const empty = new Uint8Array(0);
const encoder = new TextEncoder();

/** What a finished handshake gives, 32 bytes each. */
export interface TransportKeys {
  readonly fromInitiator: Uint8Array;
  readonly fromResponder: Uint8Array;
  /** A third output of the same HKDF: the pre-shared key of the handshake that follows this one. */
  readonly next: Uint8Array;
}

export class SymmetricState {
  readonly #crypto: Pick<CryptoProvider, 'aead'>;
  readonly #hash: HashFunction;
  #chainingKey: Uint8Array;
  #transcript: Uint8Array;
  #key: Uint8Array | undefined;
  /** Made from the key when something is to be sealed or opened: most keys are replaced before that. */
  #cipher: Aead | undefined;
  #nonce = 0;

  /** @param initial HASHLEN bytes: `initialHash` of the protocol's name. */
  constructor(crypto: Pick<CryptoProvider, 'aead'>, hash: HashFunction, initial: Uint8Array) {
    this.#crypto = crypto;
    this.#hash = hash;
    this.#transcript = initial;
    this.#chainingKey = initial;
  }

  /** The handshake hash: equal on both sides, and unlike that of every other handshake. */
  get transcript(): Uint8Array {
    return this.#transcript;
  }

  copy(): SymmetricState {
    const copy = new SymmetricState(this.#crypto, this.#hash, this.#transcript);
    copy.#chainingKey = this.#chainingKey;
    copy.#key = this.#key;
    copy.#cipher = this.#cipher;
    copy.#nonce = this.#nonce;
    return copy;
  }

  mixHash(data: Uint8Array): void {
    this.#transcript = this.#hash.hash(this.#transcript, data);
  }

  mixKey(material: Uint8Array): void {
    const [chainingKey, key] = hkdf(this.#hash, this.#chainingKey, material);
    this.#chainingKey = chainingKey;
    this.#setKey(key);
  }

  mixKeyAndHash(material: Uint8Array): void {
    const [chainingKey, mixed, key] = hkdf(this.#hash, this.#chainingKey, material, 3);
    this.#chainingKey = chainingKey;
    this.mixHash(mixed);
    this.#setKey(key);
  }

  encryptAndHash(plaintext: Uint8Array): Uint8Array {
    const cipher = this.#liveCipher();
    const ciphertext = cipher ? cipher.seal(counterNonce(this.#nonce++), this.#transcript, plaintext) : plaintext;
    this.mixHash(ciphertext);
    return ciphertext;
  }

  /** Undefined when the ciphertext does not authenticate; the state is then of no more use. */
  decryptAndHash(ciphertext: Uint8Array): Uint8Array | undefined {
    const cipher = this.#liveCipher();
    const plaintext = cipher ? cipher.open(counterNonce(this.#nonce++), this.#transcript, ciphertext) : ciphertext;
    this.mixHash(ciphertext);
    return plaintext;
  }

  /** How much longer a field is once encrypted: nothing before the first key, a tag after it. */
  get expansionBytes(): number {
    return this.#key ? tagBytes : 0;
  }

  /** @param secret mixed in; without it the first two keys are those of Noise. May be called again with another. */
  split(secret: Uint8Array = empty): TransportKeys {
    const [first, second, third] = hkdf(this.#hash, this.#chainingKey, secret, 3);
    return { fromInitiator: first.slice(0, 32), fromResponder: second.slice(0, 32), next: third.slice(0, 32) };
  }

  #setKey(key: Uint8Array): void {
    this.#key = key.length === 32 ? key : key.subarray(0, 32);
    this.#cipher = undefined;
    this.#nonce = 0;
  }

  #liveCipher(): Aead | undefined {
    if (this.#key) this.#cipher ??= this.#crypto.aead(this.#key);
    return this.#cipher;
  }
}

/** What the transcript and the chaining key are before anything was mixed into them. */
export function initialHash(hash: HashFunction, protocolName: string): Uint8Array {
  const name = encoder.encode(protocolName);
  if (name.length > hash.length) return hash.hash(name);
  const padded = new Uint8Array(hash.length);
  padded.set(name);
  return padded;
}
