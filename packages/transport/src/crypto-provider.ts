/**
 * The cryptography that the transport needs, as a port: `@parley/transport/node` implements it over node:crypto and
 * over libsodium, and all implementations give the same bytes.
 */
export interface CryptoProvider {
  /** For logs and benchmarks: `node`, `sodium`. */
  readonly name: string;
  /** BLAKE2s-256 (RFC 7693), and HMAC (RFC 2104) on it. */
  readonly blake2s: HashFunction;
  /** Makes a 32-byte X25519 private key (RFC 7748) ready for repeated use. */
  keyAgreement(privateKey: Uint8Array): KeyAgreement;
  /** ChaCha20-Poly1305 (RFC 8439) under one 32-byte key. */
  aead(key: Uint8Array): Aead;
  /** ML-KEM-768 (FIPS 203). */
  readonly mlKem768: KeyEncapsulation;
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
  /** Forgets the private key; `shared` throws from then on. */
  erase(): void;
}

/** Holds a copy of its key. Nonces have 12 bytes, tags 16, behind the ciphertext. */
export interface Aead {
  seal(nonce: Uint8Array, associatedData: Uint8Array, plaintext: Uint8Array): Uint8Array;
  /** Undefined when the tag does not fit. */
  open(nonce: Uint8Array, associatedData: Uint8Array, ciphertext: Uint8Array): Uint8Array | undefined;
  /**
   * Seals a data packet in place.
   * @param counter never used before under this key; the nonce is `counterNonce(counter)`.
   * @param packet header (the associated data) · plaintext · 16 bytes of room for the tag; at most 65,535 bytes.
   */
  sealPacket(counter: number, packet: Uint8Array, headerBytes: number): void;
  /**
   * The plaintext of a data packet, which is not changed; undefined when the tag does not fit.
   * @returns a view that is good until the provider's next call.
   */
  openPacket(counter: number, packet: Uint8Array, headerBytes: number): Uint8Array | undefined;
  /** Overwrites the key; every later call throws. */
  erase(): void;
}

/** ML-KEM-768 (FIPS 203, sections 7.1 to 7.3). */
export interface KeyEncapsulation {
  /** A public key of 1,184 bytes, and the secret key that belongs to it. */
  generate(random: RandomSource): { readonly publicKey: Uint8Array; readonly secretKey: Uint8Array };
  /** A ciphertext of 1,088 bytes and the secret of 32 in it; undefined when `publicKey` is no public key. */
  encapsulate(
    publicKey: Uint8Array,
    random: RandomSource,
  ): { readonly ciphertext: Uint8Array; readonly sharedSecret: Uint8Array } | undefined;
  /** The 32 bytes of secret; for a ciphertext that was not made for this key, 32 bytes that nobody else knows. */
  decapsulate(ciphertext: Uint8Array, secretKey: Uint8Array): Uint8Array;
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

/** A data packet is one UDP payload. */
export const maxPacketBytes = 65_535;

/** The nonce of Noise, section 12, and of our data packets: four zero bytes, then the counter, little-endian. */
export function counterNonce(counter: number): Uint8Array {
  const nonce = new Uint8Array(12);
  writeCounter(nonce, counter);
  return nonce;
}

/** Makes `nonce`, of which the first four bytes are zero, that of `counter`. */
export function writeCounter(nonce: Uint8Array, counter: number): void {
  let low = counter >>> 0;
  let high = Math.floor(counter / 2 ** 32);
  for (let at = 4; at < 8; at += 1) {
    nonce[at] = low;
    nonce[at + 4] = high;
    low >>>= 8;
    high >>>= 8;
  }
}
