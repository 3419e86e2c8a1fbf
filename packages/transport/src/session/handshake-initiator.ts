import { keyBytes, type CryptoProvider, type KeyAgreement, type RandomSource } from '../crypto-provider.js';
import { Handshake, patternIKpsk2 } from '../noise/handshake.js';
import { encodeInitiationPayload, initiationHeader, Mac1, prologue, type ResponsePacket } from '../wire/packets.js';
import { Session } from './session.js';

export interface InitiationOptions {
  readonly crypto: CryptoProvider;
  readonly random: RandomSource;
  readonly identity: KeyAgreement;
  readonly peerKey: Uint8Array;
  readonly introductionId: Uint8Array;
  readonly psk: Uint8Array;
  readonly epoch: number;
  /** Names the session in the packets that the peer sends. */
  readonly index: number;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
}

/** The initiator's side of a handshake: one packet, sent as often as it takes, until its response comes. */
export class InitiatorHandshake {
  /** The initiation, the same bytes for every candidate and every repetition, with a zero mac2. */
  readonly packet: Uint8Array;
  readonly index: number;
  readonly epoch: number;
  readonly #crypto: CryptoProvider;
  readonly #handshake: Handshake;

  constructor(options: InitiationOptions) {
    this.index = options.index;
    this.epoch = options.epoch;
    this.#crypto = options.crypto;
    this.#handshake = new Handshake({
      crypto: options.crypto,
      hash: options.crypto.blake2s,
      pattern: patternIKpsk2,
      role: 'initiator',
      prologue,
      ephemeral: () => options.crypto.keyAgreement(options.random(keyBytes)),
      static: options.identity,
      remoteStatic: options.peerKey,
      psk: options.psk,
    });
    const header = initiationHeader(options.index);
    const { introductionId, timestamp, epoch } = options;
    const noise = this.#handshake.writeMessage(encodeInitiationPayload({ introductionId, timestamp, epoch }), header);
    this.packet = new Mac1(options.crypto, options.peerKey).seal(header, noise);
  }

  /** The session; or undefined for a response that is not authentic, which changes nothing. */
  finish(now: number, response: ResponsePacket): Session | undefined {
    const payload = this.#handshake.readMessage(response.noise, response.header);
    if (payload?.length !== 0) return undefined;
    return new Session({
      crypto: this.#crypto,
      handshake: this.#handshake,
      startedBy: 'us',
      epoch: this.epoch,
      localIndex: this.index,
      remoteIndex: response.senderIndex,
      now,
    });
  }
}
