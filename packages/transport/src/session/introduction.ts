import type { Address } from '../address.js';
import { keyBytes } from '../crypto-provider.js';
import { TransportError } from '../errors.js';
import type { Role } from '../noise/handshake.js';
import { introductionIdBytes } from '../wire/packets.js';

/** What a server tells each of two devices, so that they find and prove themselves to each other. */
export interface Introduction {
  /** 16 bytes, fresh for this introduction. */
  readonly id: Uint8Array;
  /** X25519, 32 bytes. */
  readonly peerKey: Uint8Array;
  /** 32 bytes, the same for both. */
  readonly psk: Uint8Array;
  readonly role: Role;
  /** Where the peer may be reached; those after the 32nd are ignored. */
  readonly candidates: readonly Address[];
  /**
   * Whether the link deals with this address at all; with any, unless told. What comes from others, authentic or not, is
   * ignored, and nothing is sent there. Called with every datagram: it has to be quick.
   */
  readonly accepts?: ((address: Address) => boolean) | undefined;
}

/** What a link keeps of it: the rest is for finding each other only. */
export type IntroducedPeer = Pick<Introduction, 'id' | 'peerKey' | 'role'>;

export function acceptsAny(): boolean {
  return true;
}

/** @throws TransportError INTRODUCTION_INVALID */
export function checkIntroduction(introduction: Introduction): void {
  const lengths = [
    ['id', introduction.id, introductionIdBytes],
    ['peer key', introduction.peerKey, keyBytes],
    ['psk', introduction.psk, keyBytes],
  ] as const;
  for (const [name, bytes, length] of lengths) {
    if (bytes.length !== length) {
      throw new TransportError('INTRODUCTION_INVALID', `the ${name} has ${String(length)} bytes`);
    }
  }
}
