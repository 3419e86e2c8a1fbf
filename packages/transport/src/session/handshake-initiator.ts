import type { CryptoProvider, KeyAgreement, RandomSource } from '../crypto-provider.js';
import { keyBytes } from '../crypto-provider.js';
import type { Introduction } from './introduction.js';
import { Handshake, patternIKpsk2 } from '../noise/handshake.js';
import { PacketProtection } from './packet-protection.js';
import { encodeInitiationPayload, initiationHeader, Mac1, prologue, type ResponsePacket } from '../wire/packets.js';

export interface InitiationOptions {
  readonly crypto: CryptoProvider;
  readonly random: RandomSource;
  readonly identity: KeyAgreement;
  readonly index: number;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
}

/** The initiator's side of a handshake: one packet, sent as often as it takes, until its response comes. */
export class InitiatorHandshake {
  /** The initiation, the same bytes for every candidate and every repetition. */
  readonly packet: Uint8Array;
  readonly #crypto: CryptoProvider;
  readonly #handshake: Handshake;

  constructor(introduction: Introduction, options: InitiationOptions) {
    this.#crypto = options.crypto;
    this.#handshake = new Handshake({
      crypto: options.crypto,
      hash: options.crypto.blake2s,
      pattern: patternIKpsk2,
      role: 'initiator',
      prologue,
      ephemeral: options.crypto.keyAgreement(options.random(keyBytes)),
      static: options.identity,
      remoteStatic: introduction.peerKey,
      psk: introduction.psk,
    });
    const header = initiationHeader(options.index);
    const payload = encodeInitiationPayload({ introductionId: introduction.id, timestamp: options.timestamp });
    const noise = this.#handshake.writeMessage(payload, header);
    this.packet = new Mac1(options.crypto, introduction.peerKey).seal(header, noise);
  }

  /** The session's packet protection; or undefined for a response that is not authentic, which changes nothing. */
  finish(response: ResponsePacket): PacketProtection | undefined {
    const payload = this.#handshake.readMessage(response.noise, response.header);
    if (payload?.length !== 0) return undefined;
    return new PacketProtection(this.#crypto, this.#handshake.split(), 'initiator', response.senderIndex);
  }
}
