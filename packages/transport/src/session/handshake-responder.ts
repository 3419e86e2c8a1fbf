import { keyBytes, type CryptoProvider, type KeyAgreement, type RandomSource } from '../crypto-provider.js';
import { Handshake, patternIKpsk2 } from '../noise/handshake.js';
import {
  decodeInitiationPayload,
  Mac1,
  prologue,
  responseHeader,
  type InitiationPacket,
  type InitiationPayload,
} from '../wire/packets.js';
import { Session } from './session.js';

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
    ephemeral: () => options.crypto.keyAgreement(options.random(keyBytes)),
    static: options.identity,
  });
  const bytes = handshake.readMessage(packet.noise, packet.header);
  const payload = bytes && decodeInitiationPayload(bytes);
  const initiatorKey = handshake.remoteStatic;
  return payload && initiatorKey ? { handshake, packet, initiatorKey, payload } : undefined;
}

export interface ResponseOptions {
  readonly crypto: CryptoProvider;
  readonly psk: Uint8Array;
  /** Names the session in the packets that the peer sends. */
  readonly index: number;
  readonly now: number;
}

/** The response to an initiation, and the session that it begins. */
export function respond(
  { handshake, packet, initiatorKey, payload }: ReceivedInitiation,
  { crypto, psk, index, now }: ResponseOptions,
): { readonly packet: Uint8Array; readonly session: Session } {
  handshake.providePsk(psk);
  const header = responseHeader(index, packet.senderIndex);
  const noise = handshake.writeMessage(new Uint8Array(0), header);
  const session = new Session({
    crypto,
    handshake,
    startedBy: 'peer',
    epoch: payload.epoch,
    localIndex: index,
    remoteIndex: packet.senderIndex,
    now,
  });
  return { packet: new Mac1(crypto, initiatorKey).seal(header, noise), session };
}
