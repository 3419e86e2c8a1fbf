/** Both ends of one handshake, without a link around them. */
import { SeededRandom } from '@parley/simulator';
import { tagBytes } from '../crypto-provider.js';
import { nodeCrypto } from '../node/node-crypto.js';
import { InitiatorHandshake } from '../session/handshake-initiator.js';
import { receiveInitiation, respond } from '../session/handshake-responder.js';
import type { Session } from '../session/session.js';
import { dataHeaderBytes, parseInitiation, parseResponse, type Phase } from '../wire/packets.js';
import { seededKeyPair } from './simulated-pair.js';

export interface SessionPairOptions {
  readonly epoch?: number;
  /** 32 bytes. */
  readonly psk?: Uint8Array;
  /** Names the session there; one more on the other side. */
  readonly index?: number;
  readonly now?: number;
}

export interface SessionPair {
  /** Of the side that began. */
  readonly initiator: Session;
  readonly responder: Session;
}

export function sessionPair(options: SessionPairOptions = {}): SessionPair {
  const { epoch = 0, psk = new Uint8Array(32).fill(7), index = 100, now = 0 } = options;
  const random = new SeededRandom(index * 1_000 + epoch);
  const bytes = (length: number): Uint8Array => random.bytes(length);
  const [ours, theirs] = [seededKeyPair(random), seededKeyPair(random)];
  const handshake = new InitiatorHandshake({
    crypto: nodeCrypto,
    random: bytes,
    identity: nodeCrypto.keyAgreement(ours.privateKey),
    peerKey: theirs.publicKey,
    introductionId: bytes(16),
    psk,
    epoch,
    index,
    timestamp: now,
  });
  const packet = parseInitiation(handshake.packet);
  const identity = nodeCrypto.keyAgreement(theirs.privateKey);
  const received = packet && receiveInitiation(packet, { crypto: nodeCrypto, random: bytes, identity });
  if (!received) throw new Error('the initiation was not understood');
  const answer = respond(received, { crypto: nodeCrypto, psk, index: index + 1, now });
  const response = parseResponse(answer.packet);
  const initiator = response && handshake.finish(now, response);
  if (!initiator) throw new Error('the response was not understood');
  return { initiator, responder: answer.session };
}

/** One of frames, sealed. */
export function sealed(session: Session, phase: Phase, counter: number, frames: Uint8Array): Uint8Array {
  const packet = new Uint8Array(dataHeaderBytes + frames.length + tagBytes);
  packet.set(frames, dataHeaderBytes);
  session.seal(phase, counter, packet);
  return packet;
}
