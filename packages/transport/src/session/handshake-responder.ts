import type { CryptoProvider, KeyAgreement, RandomSource } from '../crypto-provider.js';
import { keyBytes } from '../crypto-provider.js';
import type { Introduction } from './introduction.js';
import { Handshake, patternIKpsk2 } from '../noise/handshake.js';
import { PacketProtection } from './packet-protection.js';
import {
  decodeInitiationPayload,
  Mac1,
  prologue,
  responseHeader,
  type InitiationPacket,
  type InitiationPayload,
} from '../wire/packets.js';

/** An initiation that decrypted: who sent it is proven, but not yet that it is fresh, nor that it is expected. */
export interface ReceivedInitiation {
  readonly handshake: Handshake;
  readonly packet: InitiationPacket;
  readonly initiatorKey: Uint8Array;
  readonly payload: InitiationPayload;
}

export interface ResponderOptions {
  readonly crypto: CryptoProvider;
  readonly random: RandomSource;
  readonly identity: KeyAgreement;
}

/** Reads message 1, which says who sent it and for which introduction. Undefined when it is not authentic. */
export function receiveInitiation(packet: InitiationPacket, options: ResponderOptions): ReceivedInitiation | undefined {
  const handshake = new Handshake({
    crypto: options.crypto,
    hash: options.crypto.blake2s,
    pattern: patternIKpsk2,
    role: 'responder',
    prologue,
    ephemeral: options.crypto.keyAgreement(options.random(keyBytes)),
    static: options.identity,
  });
  const bytes = handshake.readMessage(packet.noise, packet.header);
  const payload = bytes && decodeInitiationPayload(bytes);
  const initiatorKey = handshake.remoteStatic;
  return payload && initiatorKey ? { handshake, packet, initiatorKey, payload } : undefined;
}

/** The response to an initiation, and the packet protection of the session that it begins. */
export function respond(
  initiation: ReceivedInitiation,
  introduction: Introduction,
  index: number,
  crypto: CryptoProvider,
): { readonly packet: Uint8Array; readonly protection: PacketProtection } {
  const { handshake, packet, initiatorKey } = initiation;
  handshake.providePsk(introduction.psk);
  const header = responseHeader(index, packet.senderIndex);
  const noise = handshake.writeMessage(new Uint8Array(0), header);
  return {
    packet: new Mac1(crypto, initiatorKey).seal(header, noise),
    protection: new PacketProtection(crypto, handshake.split(), 'responder', packet.senderIndex),
  };
}
