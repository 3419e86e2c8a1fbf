/** The keys that one handshake made, and what may be done with them. */
import type { Aead, CryptoProvider } from '../crypto-provider.js';
import type { Handshake } from '../noise/handshake.js';
import type { TransportKeys } from '../noise/symmetric-state.js';
import { dataHeaderBytes, writeDataHeader, type Phase } from '../wire/packets.js';

export interface SessionOptions {
  readonly crypto: CryptoProvider;
  /** Finished. */
  readonly handshake: Handshake;
  /** Who sent the initiation of this handshake. */
  readonly startedBy: 'us' | 'peer';
  /** 0 for the first handshake of an introduction, which waits for the post-quantum secret. */
  readonly epoch: number;
  readonly localIndex: number;
  readonly remoteIndex: number;
  readonly now: number;
}

interface KeyPair {
  readonly sending: Aead;
  readonly receiving: Aead;
}

export class Session {
  readonly epoch: number;
  readonly startedBy: 'us' | 'peer';
  /** Names this session in the packets that the peer sends. */
  readonly localIndex: number;
  readonly createdAt: number;
  readonly #crypto: CryptoProvider;
  readonly #remoteIndex: number;
  #handshake: Handshake | undefined;
  /** Phase 0: of the first session only, until phase 1 is known to work. */
  #early: KeyPair | undefined;
  #final: KeyPair | undefined;
  #next: Uint8Array | undefined;
  #sealedPackets = 0;

  constructor(options: SessionOptions) {
    this.epoch = options.epoch;
    this.startedBy = options.startedBy;
    this.localIndex = options.localIndex;
    this.createdAt = options.now;
    this.#crypto = options.crypto;
    this.#remoteIndex = options.remoteIndex;
    if (options.epoch === 0) {
      this.#handshake = options.handshake;
      this.#early = this.#keyPair(options.handshake.split());
    } else {
      // The psk of this handshake holds the post-quantum secret already.
      this.#finish(options.handshake.split());
    }
  }

  /** Whether there are keys for user content. */
  get isFinal(): boolean {
    return this.#final !== undefined;
  }

  /** Sealed under these keys so far; 2^60 are allowed, so what matters in practice is their age. */
  get sealedPackets(): number {
    return this.#sealedPackets;
  }

  /** The pre-shared key of the handshake after this one, 32 bytes; undefined before the keys are final. */
  get next(): Uint8Array | undefined {
    return this.#next;
  }

  /** Mixes in the post-quantum secret: the keys are final. */
  finish(secret: Uint8Array): void {
    if (!this.#handshake) throw new Error('the keys of this session are final already');
    this.#finish(this.#handshake.split(secret));
    this.#handshake = undefined;
  }

  /** The peer has final keys too: nothing of phase 0 is needed any more. */
  forgetEarly(): void {
    erase(this.#early);
    this.#early = undefined;
  }

  /**
   * Seals in place: the packet has room for the header before its frames and for the tag behind them.
   * @param counter never used before on this link
   */
  seal(phase: Phase, counter: number, packet: Uint8Array): void {
    const keys = phase === 0 ? this.#early : this.#final;
    if (!keys) throw new Error(`no keys for packets of phase ${String(phase)}`);
    writeDataHeader(packet, phase, this.#remoteIndex, counter);
    keys.sending.sealPacket(counter, packet, dataHeaderBytes);
    this.#sealedPackets += 1;
  }

  /** The frames, a view that is good until the next packet is opened; undefined when it is not authentic. */
  open(phase: Phase, counter: number, packet: Uint8Array): Uint8Array | undefined {
    const keys = phase === 0 ? this.#early : this.#final;
    return keys?.receiving.openPacket(counter, packet, dataHeaderBytes);
  }

  erase(): void {
    this.forgetEarly();
    erase(this.#final);
    this.#final = undefined;
    this.#handshake = undefined;
  }

  #finish(keys: TransportKeys): void {
    this.#final = this.#keyPair(keys);
    this.#next = keys.next;
  }

  #keyPair({ fromInitiator, fromResponder }: TransportKeys): KeyPair {
    const ours = this.#crypto.aead(this.startedBy === 'us' ? fromInitiator : fromResponder);
    const theirs = this.#crypto.aead(this.startedBy === 'us' ? fromResponder : fromInitiator);
    fromInitiator.fill(0);
    fromResponder.fill(0);
    return { sending: ours, receiving: theirs };
  }
}

function erase(keys: KeyPair | undefined): void {
  keys?.sending.erase();
  keys?.receiving.erase();
}
