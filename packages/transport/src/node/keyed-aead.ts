/** ChaCha20-Poly1305 under one key, whatever library does the work. */
import { keyBytes, maxPacketBytes, tagBytes, writeCounter, type Aead } from '../crypto-provider.js';

/** What a library does for `KeyedAead`: one call, one packet. Nothing is kept between calls. */
export interface AeadCipher {
  /** @param sealed 16 bytes longer than `plaintext`, and may begin where it begins. */
  seal(key: Uint8Array, nonce: Uint8Array, associatedData: Uint8Array, plaintext: Uint8Array, sealed: Uint8Array): void;
  /**
   * @param sealed at least 16 bytes; not changed.
   * @returns the plaintext, good until the next call; undefined when the tag does not fit.
   */
  open(key: Uint8Array, nonce: Uint8Array, associatedData: Uint8Array, sealed: Uint8Array): Uint8Array | undefined;
}

/** Of the packet at hand; one for all keys, as no call outlasts it. */
const packetNonce = new Uint8Array(12);

/** Of the packet that was sealed last: the next is often the same array. */
let sealing = partsOf(new Uint8Array(0), 0, 0);

export class KeyedAead implements Aead {
  readonly #cipher: AeadCipher;
  #key: Uint8Array | undefined;

  constructor(cipher: AeadCipher, key: Uint8Array) {
    if (key.length !== keyBytes) throw new RangeError('a ChaCha20-Poly1305 key has 32 bytes');
    this.#cipher = cipher;
    this.#key = new Uint8Array(key);
  }

  seal(nonce: Uint8Array, associatedData: Uint8Array, plaintext: Uint8Array): Uint8Array {
    requireNonce(nonce);
    const sealed = new Uint8Array(plaintext.length + tagBytes);
    this.#cipher.seal(this.#liveKey(), nonce, associatedData, plaintext, sealed);
    return sealed;
  }

  open(nonce: Uint8Array, associatedData: Uint8Array, ciphertext: Uint8Array): Uint8Array | undefined {
    requireNonce(nonce);
    const key = this.#liveKey();
    if (ciphertext.length < tagBytes) return undefined;
    const plaintext = this.#cipher.open(key, nonce, associatedData, ciphertext);
    return plaintext && new Uint8Array(plaintext);
  }

  sealPacket(counter: number, packet: Uint8Array, headerBytes: number): void {
    const bodyEnd = packet.length - tagBytes;
    if (headerBytes > bodyEnd || packet.length > maxPacketBytes) throw new RangeError('a packet of impossible length');
    writeCounter(packetNonce, counter);
    if (packet !== sealing.packet || headerBytes !== sealing.header.length)
      sealing = partsOf(packet, headerBytes, bodyEnd);
    this.#cipher.seal(this.#liveKey(), packetNonce, sealing.header, sealing.body, sealing.sealed);
  }

  openPacket(counter: number, packet: Uint8Array, headerBytes: number): Uint8Array | undefined {
    const key = this.#liveKey();
    if (headerBytes > packet.length - tagBytes || packet.length > maxPacketBytes) return undefined;
    writeCounter(packetNonce, counter);
    return this.#cipher.open(key, packetNonce, packet.subarray(0, headerBytes), packet.subarray(headerBytes));
  }

  erase(): void {
    this.#key?.fill(0);
    this.#key = undefined;
  }

  #liveKey(): Uint8Array {
    if (!this.#key) throw new Error('the key was erased');
    return this.#key;
  }
}

function requireNonce(nonce: Uint8Array): void {
  if (nonce.length !== 12) throw new RangeError('a ChaCha20-Poly1305 nonce has 12 bytes');
}

function partsOf(packet: Uint8Array, headerBytes: number, bodyEnd: number) {
  return {
    packet,
    header: packet.subarray(0, headerBytes),
    body: packet.subarray(headerBytes, bodyEnd),
    sealed: packet.subarray(headerBytes),
  };
}
