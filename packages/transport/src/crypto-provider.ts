/**
 * The cryptography that the transport needs, as a port: `@parley/transport/node` implements it over node:crypto, and
 * any other implementation must give the same bytes.
 */
export interface CryptoProvider {
  /** BLAKE2s-256 (RFC 7693), and HMAC (RFC 2104) on it. */
  readonly blake2s: HashFunction;
  /** Makes a 32-byte X25519 private key (RFC 7748) ready for repeated use. */
  keyAgreement(privateKey: Uint8Array): KeyAgreement;
  /** ChaCha20-Poly1305 (RFC 8439) under one 32-byte key. */
  aead(key: Uint8Array): Aead;
  /** Compares in time that depends on the length alone. Different lengths are unequal. */
  equal(a: Uint8Array, b: Uint8Array): boolean;
}

export interface HashFunction {
  /** As in Noise protocol names, such as `BLAKE2s`. */
  readonly name: string;
  /** HASHLEN of Noise, in bytes. */
  readonly length: number;
  hash(...parts: readonly Uint8Array[]): Uint8Array;
  hmac(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array;
}

export interface KeyAgreement {
  readonly publicKey: Uint8Array;
  /** 32 bytes shared with the owner of `peerPublicKey`; undefined for a key of small order, which shares nothing. */
  shared(peerPublicKey: Uint8Array): Uint8Array | undefined;
}

/** Nonces have 12 bytes, tags 16, behind the ciphertext. */
export interface Aead {
  seal(nonce: Uint8Array, associatedData: Uint8Array, plaintext: Uint8Array): Uint8Array;
  /** Undefined when the tag does not fit. */
  open(nonce: Uint8Array, associatedData: Uint8Array, ciphertext: Uint8Array): Uint8Array | undefined;
}

export interface KeyPair {
  /** X25519, 32 bytes. */
  readonly privateKey: Uint8Array;
  /** X25519, 32 bytes. */
  readonly publicKey: Uint8Array;
}

/** Fresh random bytes; in production from the system's generator, in a simulation from a seed. */
export type RandomSource = (length: number) => Uint8Array;

export const keyBytes = 32;
export const tagBytes = 16;

/** The nonce of Noise, section 12, and of our data packets: four zero bytes, then the counter, little-endian. */
export function counterNonce(counter: number): Uint8Array {
  const nonce = new Uint8Array(12);
  const view = new DataView(nonce.buffer);
  view.setUint32(4, counter >>> 0, true);
  view.setUint32(8, Math.floor(counter / 2 ** 32), true);
  return nonce;
}
