import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  randomBytes,
  timingSafeEqual,
  type KeyObject,
} from 'node:crypto';
import {
  keyBytes,
  maxPacketBytes,
  tagBytes,
  writeCounter,
  type Aead,
  type CryptoProvider,
  type HashFunction,
  type KeyAgreement,
  type KeyPair,
} from '../crypto-provider.js';
import { mlKem768 } from './ml-kem.js';

// node:crypto takes X25519 keys in DER only: these are the bytes before the key itself (RFC 8410, section 7 and 4).
const privateKeyPrefix = Buffer.from('302e020100300506032b656e04220420', 'hex');
const publicKeyPrefix = Buffer.from('302a300506032b656e032100', 'hex');

/** The transport's cryptography by node:crypto (OpenSSL). */
export const nodeCrypto: CryptoProvider = {
  name: 'node',
  blake2s: nodeHash('BLAKE2s', 'blake2s256', 32),
  keyAgreement,
  aead: (key) => new NodeAead(key),
  mlKem768,
  equal: (a, b) => a.length === b.length && timingSafeEqual(a, b),
};

/** A hash by its Noise name and its OpenSSL name. */
export function nodeHash(name: string, algorithm: string, length: number): HashFunction {
  return {
    name,
    length,
    hash(...parts) {
      const hash = createHash(algorithm);
      for (const part of parts) hash.update(part);
      return hash.digest();
    },
    hmac(key, ...parts) {
      const hmac = createHmac(algorithm, key);
      for (const part of parts) hmac.update(part);
      return hmac.digest();
    },
  };
}

/** A new X25519 key pair. The private key is the caller's to keep safe. */
export function generateKeyPair(): KeyPair {
  const privateKey = new Uint8Array(randomBytes(keyBytes));
  return { privateKey, publicKey: publicKeyOf(privateKey) };
}

/** The X25519 public key, 32 bytes, of a private key of 32 bytes. */
export function publicKeyOf(privateKey: Uint8Array): Uint8Array {
  return rawPublicKey(importPrivateKey(privateKey));
}

function keyAgreement(privateKey: Uint8Array): KeyAgreement {
  // Importing costs three times as much as a Diffie-Hellman: once a key.
  const imported = importPrivateKey(privateKey);
  return {
    publicKey: rawPublicKey(imported),
    shared(peerPublicKey) {
      const publicKey = importPublicKey(peerPublicKey);
      try {
        return diffieHellman({ privateKey: imported, publicKey });
      } catch {
        // OpenSSL refuses a shared secret of zeros, which only keys of small order give (RFC 7748, section 6.1).
        return undefined;
      }
    },
  };
}

function importPrivateKey(privateKey: Uint8Array): KeyObject {
  if (privateKey.length !== keyBytes) throw new RangeError('an X25519 private key has 32 bytes');
  return createPrivateKey({ key: Buffer.concat([privateKeyPrefix, privateKey]), format: 'der', type: 'pkcs8' });
}

function importPublicKey(publicKey: Uint8Array): KeyObject {
  if (publicKey.length !== keyBytes) throw new RangeError('an X25519 public key has 32 bytes');
  return createPublicKey({ key: Buffer.concat([publicKeyPrefix, publicKey]), format: 'der', type: 'spki' });
}

function rawPublicKey(privateKey: KeyObject): Uint8Array {
  const der = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  return new Uint8Array(der.subarray(publicKeyPrefix.length));
}

const algorithm = 'chacha20-poly1305';
const tagOptions = { authTagLength: tagBytes };

class NodeAead implements Aead {
  #key: Buffer | undefined;
  readonly #nonce = new Uint8Array(12);

  constructor(key: Uint8Array) {
    if (key.length !== keyBytes) throw new RangeError('a ChaCha20-Poly1305 key has 32 bytes');
    this.#key = Buffer.from(key);
  }

  seal(nonce: Uint8Array, associatedData: Uint8Array, plaintext: Uint8Array): Uint8Array {
    const cipher = createCipheriv(algorithm, this.#live(), nonce, tagOptions);
    cipher.setAAD(associatedData, { plaintextLength: plaintext.length });
    const sealed = new Uint8Array(plaintext.length + tagBytes);
    sealed.set(cipher.update(plaintext));
    cipher.final();
    sealed.set(cipher.getAuthTag(), plaintext.length);
    return sealed;
  }

  open(nonce: Uint8Array, associatedData: Uint8Array, ciphertext: Uint8Array): Uint8Array | undefined {
    const key = this.#live();
    const bodyLength = ciphertext.length - tagBytes;
    if (bodyLength < 0) return undefined;
    const decipher = createDecipheriv(algorithm, key, nonce, tagOptions);
    decipher.setAAD(associatedData, { plaintextLength: bodyLength });
    decipher.setAuthTag(ciphertext.subarray(bodyLength));
    const body = decipher.update(ciphertext.subarray(0, bodyLength));
    try {
      decipher.final();
    } catch {
      return undefined;
    }
    return body;
  }

  sealPacket(counter: number, packet: Uint8Array, headerBytes: number): void {
    const bodyEnd = packet.length - tagBytes;
    if (headerBytes > bodyEnd || packet.length > maxPacketBytes) throw new RangeError('a packet of impossible length');
    writeCounter(this.#nonce, counter);
    const sealed = this.seal(this.#nonce, packet.subarray(0, headerBytes), packet.subarray(headerBytes, bodyEnd));
    packet.set(sealed, headerBytes);
  }

  openPacket(counter: number, packet: Uint8Array, headerBytes: number): Uint8Array | undefined {
    if (headerBytes > packet.length - tagBytes || packet.length > maxPacketBytes) return undefined;
    writeCounter(this.#nonce, counter);
    return this.open(this.#nonce, packet.subarray(0, headerBytes), packet.subarray(headerBytes));
  }

  erase(): void {
    this.#key?.fill(0);
    this.#key = undefined;
  }

  #live(): Buffer {
    if (!this.#key) throw new Error('the key was erased');
    return this.#key;
  }
}
