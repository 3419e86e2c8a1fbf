/**
 * The packets on the wire; docs/protocol/transport.md specifies them. Numbers are big-endian, `reserved` is zero.
 * The first bytes stay out of 0-3 (STUN) and 64-79 (TURN), so that all share a port (RFC 7983).
 *
 *     initiation   0x50 · reserved (3) · sender index (4) · Noise message 1 (120) · mac1 (16) · mac2 (16)      160 bytes
 *     response     0x51 · reserved (3) · sender index (4) · receiver index (4) · Noise message 2 (48)
 *                  · mac1 (16) · mac2 (16)                                                                      92 bytes
 *     cookie reply 0x52, reserved for a later version
 *     data         0x53 · reserved (3) · receiver index (4) · counter (8) · sealed frames (1 and tag at least)
 *     punch        0x54 · random (8): opens a hole in the sender's NAT; the contents mean nothing                  9 bytes
 *
 * Noise message 1 carries: introduction id (16) · timestamp (8). mac1 covers all bytes before it; mac2 is zero.
 */
import { keyBytes, tagBytes, type CryptoProvider } from '../crypto-provider.js';

export const packetTypes = { initiation: 0x50, response: 0x51, cookieReply: 0x52, data: 0x53, punch: 0x54 } as const;

export const introductionIdBytes = 16;
const timestampBytes = 8;
const macBytes = 16;
const initiationHeaderBytes = 8;
const responseHeaderBytes = 12;
export const dataHeaderBytes = 16;
const initiationNoiseBytes = keyBytes + (keyBytes + tagBytes) + (introductionIdBytes + timestampBytes + tagBytes);
const responseNoiseBytes = keyBytes + tagBytes;
export const initiationBytes = initiationHeaderBytes + initiationNoiseBytes + 2 * macBytes;
export const responseBytes = responseHeaderBytes + responseNoiseBytes + 2 * macBytes;
const punchRandomBytes = 8;
export const punchBytes = 1 + punchRandomBytes;

const encoder = new TextEncoder();
/** Mixed into every handshake, so that no two protocols or versions can be confused. */
export const prologue = encoder.encode('parley transport 1');
const mac1Label = encoder.encode('parley mac1');

export interface InitiationPacket {
  readonly senderIndex: number;
  readonly header: Uint8Array;
  readonly noise: Uint8Array;
  /** Known by its ephemeral key, which is fresh for each handshake. */
  readonly ephemeral: Uint8Array;
}

export interface ResponsePacket {
  readonly senderIndex: number;
  readonly receiverIndex: number;
  readonly header: Uint8Array;
  readonly noise: Uint8Array;
}

export interface DataPacket {
  readonly receiverIndex: number;
  readonly counter: number;
  readonly header: Uint8Array;
  readonly sealed: Uint8Array;
}

/** Makes and checks mac1 for packets to one static key: cheap to make, but only for those who know the key. */
export class Mac1 {
  readonly #crypto: CryptoProvider;
  readonly #key: Uint8Array;

  constructor(crypto: CryptoProvider, receiverKey: Uint8Array) {
    this.#crypto = crypto;
    this.#key = crypto.blake2s.hash(mac1Label, receiverKey);
  }

  /** Appends mac1 and the zero mac2. */
  seal(header: Uint8Array, noise: Uint8Array): Uint8Array {
    const packet = new Uint8Array(header.length + noise.length + 2 * macBytes);
    packet.set(header);
    packet.set(noise, header.length);
    packet.set(this.#mac(packet.subarray(0, -2 * macBytes)), packet.length - 2 * macBytes);
    return packet;
  }

  verify(packet: Uint8Array): boolean {
    const mac1 = packet.subarray(-2 * macBytes, -macBytes);
    if (!packet.subarray(-macBytes).every((byte) => byte === 0)) return false;
    return this.#crypto.equal(mac1, this.#mac(packet.subarray(0, -2 * macBytes)));
  }

  #mac(bytes: Uint8Array): Uint8Array {
    return this.#crypto.blake2s.hmac(this.#key, bytes).subarray(0, macBytes);
  }
}

export function initiationHeader(senderIndex: number): Uint8Array {
  const header = new Uint8Array(initiationHeaderBytes);
  header[0] = packetTypes.initiation;
  viewOf(header).setUint32(4, senderIndex);
  return header;
}

export function responseHeader(senderIndex: number, receiverIndex: number): Uint8Array {
  const header = new Uint8Array(responseHeaderBytes);
  header[0] = packetTypes.response;
  const view = viewOf(header);
  view.setUint32(4, senderIndex);
  view.setUint32(8, receiverIndex);
  return header;
}

export function dataHeader(receiverIndex: number, counter: number): Uint8Array {
  const header = new Uint8Array(dataHeaderBytes);
  header[0] = packetTypes.data;
  const view = viewOf(header);
  view.setUint32(4, receiverIndex);
  view.setUint32(8, Math.floor(counter / 2 ** 32));
  view.setUint32(12, counter >>> 0);
  return header;
}

export function punchPacket(random: (length: number) => Uint8Array): Uint8Array {
  const packet = new Uint8Array(punchBytes);
  packet[0] = packetTypes.punch;
  packet.set(random(punchRandomBytes), 1);
  return packet;
}

/** Undefined for what has not the form of an initiation. */
export function parseInitiation(bytes: Uint8Array): InitiationPacket | undefined {
  if (bytes.length !== initiationBytes || !startsWith(bytes, packetTypes.initiation)) return undefined;
  const noise = bytes.subarray(initiationHeaderBytes, initiationHeaderBytes + initiationNoiseBytes);
  return {
    senderIndex: viewOf(bytes).getUint32(4),
    header: bytes.subarray(0, initiationHeaderBytes),
    noise,
    ephemeral: noise.subarray(0, keyBytes),
  };
}

export function parseResponse(bytes: Uint8Array): ResponsePacket | undefined {
  if (bytes.length !== responseBytes || !startsWith(bytes, packetTypes.response)) return undefined;
  const view = viewOf(bytes);
  return {
    senderIndex: view.getUint32(4),
    receiverIndex: view.getUint32(8),
    header: bytes.subarray(0, responseHeaderBytes),
    noise: bytes.subarray(responseHeaderBytes, responseHeaderBytes + responseNoiseBytes),
  };
}

export function parseData(bytes: Uint8Array): DataPacket | undefined {
  if (bytes.length <= dataHeaderBytes + tagBytes || !startsWith(bytes, packetTypes.data)) return undefined;
  const view = viewOf(bytes);
  const counter = view.getUint32(8) * 2 ** 32 + view.getUint32(12);
  // No sender gets near 2^53 packets; beyond it JavaScript could not tell two counters apart.
  if (!Number.isSafeInteger(counter)) return undefined;
  return {
    receiverIndex: view.getUint32(4),
    counter,
    header: bytes.subarray(0, dataHeaderBytes),
    sealed: bytes.subarray(dataHeaderBytes),
  };
}

/** What message 1 says, encrypted: which introduction it is for, and when it was made. */
export interface InitiationPayload {
  readonly introductionId: Uint8Array;
  /** Milliseconds since 1970, strictly increasing among the initiations of one introduction. */
  readonly timestamp: number;
}

export function encodeInitiationPayload(payload: InitiationPayload): Uint8Array {
  const bytes = new Uint8Array(introductionIdBytes + timestampBytes);
  bytes.set(payload.introductionId);
  const view = viewOf(bytes);
  view.setUint32(introductionIdBytes, Math.floor(payload.timestamp / 2 ** 32));
  view.setUint32(introductionIdBytes + 4, payload.timestamp >>> 0);
  return bytes;
}

export function decodeInitiationPayload(bytes: Uint8Array): InitiationPayload | undefined {
  if (bytes.length !== introductionIdBytes + timestampBytes) return undefined;
  const view = viewOf(bytes);
  const timestamp = view.getUint32(introductionIdBytes) * 2 ** 32 + view.getUint32(introductionIdBytes + 4);
  if (!Number.isSafeInteger(timestamp)) return undefined;
  return { introductionId: bytes.slice(0, introductionIdBytes), timestamp };
}

function startsWith(bytes: Uint8Array, type: number): boolean {
  return bytes[0] === type && bytes[1] === 0 && bytes[2] === 0 && bytes[3] === 0;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
