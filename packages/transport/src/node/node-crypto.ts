import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  randomBytes,
  timingSafeEqual,
  type KeyObject,
} from 'node:crypto';
import { keyBytes, tagBytes, type CryptoProvider, type KeyAgreement, type KeyPair } from '../crypto-provider.js';
import { KeyedAead, type AeadCipher } from './keyed-aead.js';
import { mlKem768 } from './ml-kem.js';
import { nodeHash } from './node-hash.js';

/** The transport's cryptography by node:crypto (OpenSSL). */
export const nodeCrypto: CryptoProvider = {
  name: 'node',
  blake2s: nodeHash('BLAKE2s', 'blake2s256', 32),
  keyAgreement: (privateKey) => new NodeKeyAgreement(privateKey),
  aead: (key) => new KeyedAead(opensslCipher, key),
  mlKem768,
  equal: (a, b) => a.length === b.length && timingSafeEqual(a, b),
};

/** A new X25519 key pair. The private key is the caller's to keep safe. */
export function generateKeyPair(): KeyPair {
  const privateKey = new Uint8Array(randomBytes(keyBytes));
  return { privateKey, publicKey: publicKeyOf(privateKey) };
}

/** The X25519 public key, 32 bytes, of a private key of 32 bytes. */
export function publicKeyOf(privateKey: Uint8Array): Uint8Array {
  return rawPublicKey(importPrivateKey(privateKey));
}

class NodeKeyAgreement implements KeyAgreement {
  readonly publicKey: Uint8Array;
  #privateKey: KeyObject | undefined;

  constructor(privateKey: Uint8Array) {
    this.#privateKey = importPrivateKey(privateKey);
    this.publicKey = rawPublicKey(this.#privateKey);
  }

  shared(peerPublicKey: Uint8Array): Uint8Array | undefined {
    if (!this.#privateKey) throw new Error('the key was erased');
    const publicKey = importPublicKey(peerPublicKey);
    try {
      return new Uint8Array(diffieHellman({ privateKey: this.#privateKey, publicKey }));
    } catch {
      // OpenSSL refuses a shared secret of zeros, which only keys of small order give (RFC 7748, section 6.1).
      return undefined;
    }
  }

  erase(): void {
    // OpenSSL overwrites the key when the object is collected.
    this.#privateKey = undefined;
  }
}

// node:crypto takes X25519 keys as JWK (RFC 8037) in a fifteenth of the time of DER. Of a private key it reads `d` and
// computes the public key; `x` must only be there.
const unread = 'A'.repeat(43);

function importPrivateKey(privateKey: Uint8Array): KeyObject {
  if (privateKey.length !== keyBytes) throw new RangeError('an X25519 private key has 32 bytes');
  const key = { kty: 'OKP', crv: 'X25519', x: unread, d: base64url(privateKey) };
  return createPrivateKey({ key, format: 'jwk' });
}

function importPublicKey(publicKey: Uint8Array): KeyObject {
  if (publicKey.length !== keyBytes) throw new RangeError('an X25519 public key has 32 bytes');
  return createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x: base64url(publicKey) }, format: 'jwk' });
}

function rawPublicKey(privateKey: KeyObject): Uint8Array {
  return new Uint8Array(Buffer.from(privateKey.export({ format: 'jwk' }).x ?? '', 'base64url'));
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64url');
}

const algorithm = 'chacha20-poly1305';
const options = { authTagLength: tagBytes };

/** A cipher object a packet is unavoidable here; importing the key beforehand saves nothing. */
export const opensslCipher: AeadCipher = {
  seal(key, nonce, associatedData, plaintext, sealed) {
    const cipher = createCipheriv(algorithm, key, nonce, options);
    const bodyBytes = plaintext.length;
    cipher.setAAD(associatedData, { plaintextLength: bodyBytes });
    sealed.set(cipher.update(plaintext));
    cipher.final();
    sealed.set(cipher.getAuthTag(), bodyBytes);
  },
  open(key, nonce, associatedData, sealed) {
    const bodyBytes = sealed.length - tagBytes;
    const decipher = createDecipheriv(algorithm, key, nonce, options);
    decipher.setAAD(associatedData, { plaintextLength: bodyBytes });
    decipher.setAuthTag(sealed.subarray(bodyBytes));
    const plaintext = decipher.update(sealed.subarray(0, bodyBytes));
    try {
      decipher.final();
    } catch {
      return undefined;
    }
    // Not a Buffer, of which `slice` makes no copy.
    return new Uint8Array(plaintext.buffer, plaintext.byteOffset, plaintext.length);
  },
};
