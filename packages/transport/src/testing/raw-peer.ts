/** An initiator that has all the keys and keeps to no rule: it seals whatever it is told to. */
import { SeededRandom } from '@parley/simulator';
import { ByteWriter } from '../wire/byte-writer.js';
import { Endpoint } from '../endpoint.js';
import { decodeFrames, encodeFrame, type CloseFrame, type Frame } from '../wire/frames.js';
import { InitiatorHandshake } from '../session/handshake-initiator.js';
import type { Introduction } from '../session/introduction.js';
import type { TransportConfig } from '../limits.js';
import type { Link } from '../link.js';
import type { LinkEvent } from '../link-event.js';
import { nodeCrypto } from '../node/node-crypto.js';
import type { PacketProtection } from '../session/packet-protection.js';
import { parseData, parseResponse } from '../wire/packets.js';
import { initiatorAddress, seededKeyPair } from './simulated-pair.js';

export class RawPeer {
  readonly initiation: Uint8Array;
  readonly response: Uint8Array;
  /** The honest side. */
  readonly endpoint: Endpoint;
  readonly link: Link;
  now = 1_700_000_000_000;
  readonly #protection: PacketProtection;
  #counter = 0;

  constructor(seed = 1, config: Partial<TransportConfig> = {}) {
    const random = new SeededRandom(seed);
    const bytes = (length: number): Uint8Array => random.bytes(length);
    const ours = seededKeyPair(random);
    const theirs = seededKeyPair(random);
    const introduction = { id: bytes(16), psk: bytes(32), candidates: [] } as const;
    this.endpoint = new Endpoint({ crypto: nodeCrypto, random: bytes, keyPair: theirs, config });
    this.link = this.endpoint.open(this.now, { ...introduction, peerKey: ours.publicKey, role: 'responder' });
    const initiator: Introduction = { ...introduction, peerKey: theirs.publicKey, role: 'initiator' };
    const handshake = new InitiatorHandshake(initiator, {
      crypto: nodeCrypto,
      random: bytes,
      identity: nodeCrypto.keyAgreement(ours.privateKey),
      index: 0x01020304,
      timestamp: this.now,
    });
    this.initiation = handshake.packet;
    this.endpoint.handleDatagram(this.now, initiatorAddress, this.initiation);
    this.response = this.endpoint.pollTransmit(this.now)?.bytes ?? new Uint8Array(0);
    const response = parseResponse(this.response);
    const protection = response && handshake.finish(response);
    if (!protection) throw new Error('the handshake failed');
    this.#protection = protection;
  }

  seal(frames: Uint8Array, counter = this.#counter++): Uint8Array {
    return this.#protection.seal(counter, frames);
  }

  /** Sends frames, and takes what comes back at once. */
  send(...frames: Frame[]): Frame[] {
    const writer = new ByteWriter(new Uint8Array(1_200));
    for (const frame of frames) encodeFrame(writer, frame);
    return this.sendBytes(writer.written());
  }

  sendBytes(frames: Uint8Array): Frame[] {
    this.endpoint.handleDatagram(this.now, initiatorAddress, this.seal(frames.slice()));
    return this.receive();
  }

  /** The frames of all that the honest side wants to say now. */
  receive(): Frame[] {
    this.endpoint.handleTimeout(this.now);
    const frames: Frame[] = [];
    for (let next = this.endpoint.pollTransmit(this.now); next; next = this.endpoint.pollTransmit(this.now)) {
      const packet = parseData(next.bytes);
      const opened = packet && this.#protection.open(packet);
      if (!opened) throw new Error('an answer that is no data packet');
      frames.push(...decodeFrames(opened));
    }
    return frames;
  }

  events(): LinkEvent[] {
    const events: LinkEvent[] = [];
    for (let next = this.endpoint.pollEvent(); next; next = this.endpoint.pollEvent()) events.push(next.event);
    return events;
  }
}

export function closeIn(frames: readonly Frame[]): CloseFrame | undefined {
  return frames.find((frame) => frame.type === 'close');
}
