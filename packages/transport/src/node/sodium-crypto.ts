/** The transport's cryptography by libsodium (sodium-native), as far as it is the faster one. */
import { createRequire } from 'node:module';
import { keyBytes, tagBytes, type CryptoProvider, type KeyAgreement } from '../crypto-provider.js';
import { KeyedAead, type AeadCipher } from './keyed-aead.js';
import { nodeCrypto, opensslCipher } from './node-crypto.js';

/** What is used of sodium-native, which has no types of its own. All of it throws when libsodium returns an error. */
export interface Sodium {
  crypto_aead_chacha20poly1305_ietf_encrypt(
    sealed: Uint8Array,
    plaintext: Uint8Array,
    associatedData: Uint8Array,
    unused: null,
    nonce: Uint8Array,
    key: Uint8Array,
  ): number;
  crypto_aead_chacha20poly1305_ietf_decrypt(
    plaintext: Uint8Array,
    unused: null,
    sealed: Uint8Array,
    associatedData: Uint8Array,
    nonce: Uint8Array,
    key: Uint8Array,
  ): number;
  crypto_scalarmult(shared: Uint8Array, privateKey: Uint8Array, publicKey: Uint8Array): void;
  crypto_scalarmult_base(publicKey: Uint8Array, privateKey: Uint8Array): void;
}

/** Plaintexts from here on go to OpenSSL, which is slow to begin and then faster; measured on x86-64 with AVX. */
export const opensslFromBytes = 8_192;

let chosen: { readonly provider: CryptoProvider | undefined } | undefined;

/** The provider over sodium-native; undefined where that is not installed, or does not work. Tried once a process. */
export function sodiumCrypto(): CryptoProvider | undefined {
  chosen ??= { provider: providerOver(() => createRequire(import.meta.url)('sodium-native') as Sodium) };
  return chosen.provider;
}

/** As `sodiumCrypto`, over what `load` returns. */
export function providerOver(load: () => Sodium): CryptoProvider | undefined {
  try {
    const provider = provide(load());
    // A binary may load and yet be of no use, for instance one built for another version.
    return agreesWithNode(provider) ? provider : undefined;
  } catch {
    // Not installed, or not for this platform. sodium-native is optional: `name` tells which provider works.
    return undefined;
  }
}

function provide(sodium: Sodium): CryptoProvider {
  const cipher = sodiumCipher(sodium);
  return {
    name: 'sodium',
    // libsodium has BLAKE2b only.
    blake2s: nodeCrypto.blake2s,
    keyAgreement: (privateKey) => new SodiumKeyAgreement(sodium, privateKey),
    aead: (key) => new KeyedAead(cipher, key),
    mlKem768: nodeCrypto.mlKem768,
    equal: (a, b) => nodeCrypto.equal(a, b),
  };
}

function agreesWithNode(provider: CryptoProvider): boolean {
  const key = Uint8Array.from({ length: keyBytes }, (_, i) => i);
  const nonce = key.subarray(0, 12);
  const sealed = provider.aead(key).seal(nonce, key, key);
  const publicKey = provider.keyAgreement(key).publicKey;
  const opened = provider.aead(key).open(nonce, key, sealed);
  return (
    nodeCrypto.equal(sealed, nodeCrypto.aead(key).seal(nonce, key, key)) &&
    nodeCrypto.equal(publicKey, nodeCrypto.keyAgreement(key).publicKey) &&
    opened !== undefined &&
    nodeCrypto.equal(opened, key)
  );
}

class SodiumKeyAgreement implements KeyAgreement {
  readonly publicKey = new Uint8Array(keyBytes);
  readonly #sodium: Sodium;
  #privateKey: Uint8Array | undefined;

  constructor(sodium: Sodium, privateKey: Uint8Array) {
    if (privateKey.length !== keyBytes) throw new RangeError('an X25519 private key has 32 bytes');
    this.#sodium = sodium;
    this.#privateKey = new Uint8Array(privateKey);
    sodium.crypto_scalarmult_base(this.publicKey, this.#privateKey);
  }

  shared(peerPublicKey: Uint8Array): Uint8Array | undefined {
    if (!this.#privateKey) throw new Error('the key was erased');
    if (peerPublicKey.length !== keyBytes) throw new RangeError('an X25519 public key has 32 bytes');
    const secret = new Uint8Array(keyBytes);
    try {
      this.#sodium.crypto_scalarmult(secret, this.#privateKey, peerPublicKey);
    } catch {
      // libsodium refuses a shared secret of zeros, which only keys of small order give (RFC 7748, section 6.1).
      return undefined;
    }
    return secret;
  }

  erase(): void {
    this.#privateKey?.fill(0);
    this.#privateKey = undefined;
  }
}

function sodiumCipher(sodium: Sodium): AeadCipher {
  // libsodium overwrites its output when a tag does not fit, so it never opens a packet in place.
  const scratch = new Uint8Array(opensslFromBytes);
  return {
    seal(key, nonce, associatedData, plaintext, sealed) {
      if (plaintext.length >= opensslFromBytes) {
        opensslCipher.seal(key, nonce, associatedData, plaintext, sealed);
      } else {
        sodium.crypto_aead_chacha20poly1305_ietf_encrypt(sealed, plaintext, associatedData, null, nonce, key);
      }
    },
    open(key, nonce, associatedData, sealed) {
      const bodyBytes = sealed.length - tagBytes;
      if (bodyBytes >= opensslFromBytes) return opensslCipher.open(key, nonce, associatedData, sealed);
      const plaintext = scratch.subarray(0, bodyBytes);
      try {
        sodium.crypto_aead_chacha20poly1305_ietf_decrypt(plaintext, null, sealed, associatedData, nonce, key);
      } catch {
        // The lengths fit, so what failed is the tag.
        return undefined;
      }
      return plaintext;
    },
  };
}
