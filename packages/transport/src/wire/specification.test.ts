/**
 * The golden packets once more, by a second implementation that knows docs/protocol/transport.md and Noise, and nothing of
 * ours: what the text does not say it could not have made.
 */
import {
  createCipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  type KeyObject,
} from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import type { GoldenPackets } from '../testing/golden-packets.js';

const goldenPath = join(import.meta.dirname, '../../vectors/packets.json');
const golden = JSON.parse(readFileSync(goldenPath, 'utf8')) as GoldenPackets;
const { input } = golden;
const nothing: Buffer = Buffer.alloc(0);

function fromHex(text: string): Buffer {
  return Buffer.from(text, 'hex');
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

function hash(...parts: Uint8Array[]): Buffer {
  const state = createHash('blake2s256');
  for (const part of parts) state.update(part);
  return state.digest();
}

function hmac(key: Uint8Array, ...parts: Uint8Array[]): Buffer {
  const state = createHmac('blake2s256', key);
  for (const part of parts) state.update(part);
  return state.digest();
}

/** Noise, section 4.3. */
function hkdf(chainingKey: Uint8Array, material: Uint8Array): [Buffer, Buffer, Buffer] {
  const key = hmac(chainingKey, material);
  const first = hmac(key, Buffer.of(1));
  const second = hmac(key, first, Buffer.of(2));
  return [first, second, hmac(key, second, Buffer.of(3))];
}

function privateKeyOf(raw: Uint8Array): KeyObject {
  const key = Buffer.concat([fromHex('302e020100300506032b656e04220420'), raw]);
  return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
}

function publicKeyOf(raw: Uint8Array): Buffer {
  return createPublicKey(privateKeyOf(raw)).export({ format: 'der', type: 'spki' }).subarray(-32);
}

function dh(privateKey: Uint8Array, publicKey: Uint8Array): Buffer {
  const key = Buffer.concat([fromHex('302a300506032b656e032100'), publicKey]);
  const peer = createPublicKey({ key, format: 'der', type: 'spki' });
  return diffieHellman({ privateKey: privateKeyOf(privateKey), publicKey: peer });
}

function nonceOf(counter: number): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeBigUInt64LE(BigInt(counter), 4);
  return nonce;
}

function seal(key: Uint8Array, nonce: Uint8Array, associatedData: Uint8Array, plaintext: Uint8Array): Buffer {
  const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 });
  cipher.setAAD(associatedData, { plaintextLength: plaintext.length });
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/** Noise, section 5.2, as far as it is needed. */
class Transcript {
  chainingKey = hash(Buffer.from('Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s'));
  #hash = this.chainingKey;
  #key: Buffer = nothing;

  mixHash(bytes: Uint8Array): void {
    this.#hash = hash(this.#hash, bytes);
  }

  mixKey(material: Uint8Array): void {
    [this.chainingKey, this.#key] = hkdf(this.chainingKey, material);
  }

  mixPsk(psk: Uint8Array): void {
    const [chainingKey, mixed, key] = hkdf(this.chainingKey, psk);
    this.chainingKey = chainingKey;
    this.mixHash(mixed);
    this.#key = key;
  }

  /** Each key seals one thing here. */
  encrypt(plaintext: Uint8Array): Buffer {
    const ciphertext = seal(this.#key, nonceOf(0), this.#hash, plaintext);
    this.mixHash(ciphertext);
    return ciphertext;
  }
}

const statics = {
  initiator: fromHex(input.initiatorStatic),
  responder: fromHex(input.responderStatic),
};
const identities = { initiator: publicKeyOf(statics.initiator), responder: publicKeyOf(statics.responder) };

function withMac1(receiver: Uint8Array, packet: Uint8Array): Buffer {
  const mac1 = hmac(hash(Buffer.from('parley mac1'), receiver), packet).subarray(0, 16);
  return Buffer.concat([packet, mac1, Buffer.alloc(16)]);
}

/** Sections 1 to 3. @returns both packets, and the chaining key at the end */
function handshake(epoch: number, psk: Uint8Array) {
  const { timestamp, initiatorIndex, responderIndex, ...ephemerals } = input.handshakes[epoch]!;
  const e = { initiator: fromHex(ephemerals.initiatorEphemeral), responder: fromHex(ephemerals.responderEphemeral) };
  const transcript = new Transcript();
  transcript.mixHash(Buffer.from('parley transport 2'));
  transcript.mixHash(identities.responder);

  const firstHeader = Buffer.concat([fromHex('50000000'), u32(initiatorIndex)]);
  const first = [firstHeader, publicKeyOf(e.initiator)];
  transcript.mixHash(firstHeader);
  transcript.mixHash(publicKeyOf(e.initiator));
  transcript.mixKey(publicKeyOf(e.initiator));
  transcript.mixKey(dh(e.initiator, identities.responder));
  first.push(transcript.encrypt(identities.initiator));
  transcript.mixKey(dh(statics.initiator, identities.responder));
  first.push(transcript.encrypt(Buffer.concat([fromHex(input.introductionId), u64(timestamp), u32(epoch)])));

  const secondHeader = Buffer.concat([fromHex('51000000'), u32(responderIndex), u32(initiatorIndex)]);
  const second = [secondHeader, publicKeyOf(e.responder)];
  transcript.mixHash(secondHeader);
  transcript.mixHash(publicKeyOf(e.responder));
  transcript.mixKey(publicKeyOf(e.responder));
  transcript.mixKey(dh(e.responder, publicKeyOf(e.initiator)));
  transcript.mixKey(dh(e.responder, identities.initiator));
  transcript.mixPsk(psk);
  second.push(transcript.encrypt(nothing));
  return {
    initiation: withMac1(identities.responder, Buffer.concat(first)).toString('hex'),
    response: withMac1(identities.initiator, Buffer.concat(second)).toString('hex'),
    chainingKey: transcript.chainingKey,
  };
}

function directed([fromInitiator, fromResponder]: readonly Buffer[]) {
  return { fromInitiator: fromInitiator?.toString('hex'), fromResponder: fromResponder?.toString('hex') };
}

describe('whoever knows the specification alone', () => {
  it('makes the same handshakes and the same keys', () => {
    const { encapsulationKey, ciphertext, sharedSecret } = golden.postQuantum;
    const exchanged = hash(fromHex(encapsulationKey), fromHex(ciphertext));
    const secrets = [hmac(fromHex(sharedSecret), exchanged), nothing];
    expect(secrets[0]!.toString('hex')).toBe(golden.postQuantum.secret);
    let psk = fromHex(input.psk);
    for (const [epoch, expected] of golden.handshakes.entries()) {
      const { initiation, response, chainingKey } = handshake(epoch, psk);
      const phase1 = hkdf(chainingKey, secrets[epoch]!);
      expect({
        epoch,
        psk: psk.toString('hex'),
        initiation,
        response,
        ...(epoch === 0 && { phase0: directed(hkdf(chainingKey, nothing)) }),
        phase1: directed(phase1),
        next: phase1[2].toString('hex'),
      }).toEqual(expected);
      psk = phase1[2];
    }
    expect(golden.handshakes.length).toBe(2);
  });

  it('makes the same data packets', () => {
    for (const { epoch, phase, from, counter, frames, packet } of golden.data) {
      const { initiatorIndex, responderIndex } = input.handshakes[epoch]!;
      const { phase0, phase1 } = golden.handshakes[epoch]!;
      const keys = (phase === 0 ? phase0 : phase1)!;
      const [key, index] =
        from === 'initiator' ? [keys.fromInitiator, responderIndex] : [keys.fromResponder, initiatorIndex];
      const header = Buffer.concat([Buffer.of(0x53, phase, 0, 0), u32(index), u64(counter)]);
      const sealed = seal(fromHex(key), nonceOf(counter), header, fromHex(frames));
      expect(Buffer.concat([header, sealed]).toString('hex')).toBe(packet);
    }
    expect(golden.data.length).toBe(9);
  });

  it('makes the same cookie reply, and the same initiation with its cookie', () => {
    const initiation = fromHex(golden.handshakes[0]!.initiation);
    const [cookie, nonce] = [fromHex(golden.cookie.cookie), fromHex(input.cookie.nonce)];
    const key = hmac(hash(Buffer.from('parley cookie'), identities.responder), nonce);
    const sealed = seal(key, Buffer.alloc(12), initiation.subarray(132, 148), cookie);
    const reply = [fromHex('52000000'), u32(input.handshakes[0]!.initiatorIndex), nonce, sealed];
    expect(Buffer.concat(reply).toString('hex')).toBe(golden.cookie.reply);
    const mac2 = hmac(cookie, initiation.subarray(0, 148)).subarray(0, 16);
    const stamped = Buffer.concat([initiation.subarray(0, 148), mac2]);
    expect(stamped.toString('hex')).toBe(golden.cookie.initiation);
  });
});
