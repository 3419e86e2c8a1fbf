/**
 * The packets on the wire; docs/protocol/transport.md specifies them. Numbers are big-endian, `reserved` is zero.
 * The first bytes stay out of 0-3 (STUN) and 64-79 (TURN), so that all share a port (RFC 7983).
 *
 *     initiation   0x50 · reserved (3) · sender index (4) · Noise message 1 (124) · mac1 (16) · mac2 (16)      164 bytes
 *     response     0x51 · reserved (3) · sender index (4) · receiver index (4) · Noise message 2 (48)
 *                  · mac1 (16) · mac2 (16)                                                                      92 bytes
 *     cookie reply 0x52 · reserved (3) · receiver index (4) · nonce (24) · sealed cookie (32)                   64 bytes
 *     data         0x53 · phase (1) · reserved (2) · receiver index (4) · counter (8) · sealed frames (1 and tag at least)
 *     punch        0x54 · random (8): opens a hole in the sender's NAT; the contents mean nothing                9 bytes
 *
 * Noise message 1 carries: introduction id (16) · timestamp (8) · epoch (4). mac1 covers all bytes before it, mac2 all
 * before itself; mac2 is zero when there is no cookie.
 */
import { keyBytes, tagBytes, type CryptoProvider } from '../crypto-provider.js';

export const packetTypes = { initiation: 0x50, response: 0x51, cookieReply: 0x52, data: 0x53, punch: 0x54 } as const;

export const introductionIdBytes = 16;
const timestampBytes = 8;
const epochBytes = 4;
export const macBytes = 16;
const initiationHeaderBytes = 8;
const responseHeaderBytes = 12;
export const dataHeaderBytes = 16;
const initiationPayloadBytes = introductionIdBytes + timestampBytes + epochBytes;
const initiationNoiseBytes = keyBytes + (keyBytes + tagBytes) + (initiationPayloadBytes + tagBytes);
const responseNoiseBytes = keyBytes + tagBytes;
export const initiationBytes = initiationHeaderBytes + initiationNoiseBytes + 2 * macBytes;
const responseBytes = responseHeaderBytes + responseNoiseBytes + 2 * macBytes;
const punchRandomBytes = 8;
export const punchBytes = 1 + punchRandomBytes;

const encoder = new TextEncoder();
/** Mixed into every handshake, so that no two protocols or versions can be confused. */
export const prologue = encoder.encode('parley transport 2');
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

/** 0: the keys of a first handshake alone, without user content. 1: final keys. */
export type Phase = 0 | 1;

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

  /** Says nothing about mac2. */
  verify(packet: Uint8Array): boolean {
    const mac1 = packet.subarray(-2 * macBytes, -macBytes);
    return this.#crypto.equal(mac1, this.#mac(packet.subarray(0, -2 * macBytes)));
  }

  #mac(bytes: Uint8Array): Uint8Array {
    return this.#crypto.blake2s.hmac(this.#key, bytes).subarray(0, macBytes);
  }
}

export function initiationHeader(senderIndex: number): Uint8Array {
  const header = new Uint8Array(initiationHeaderBytes);
  header[0] = packetTypes.initiation;
  writeU32(header, 4, senderIndex);
  return header;
}

export function responseHeader(senderIndex: number, receiverIndex: number): Uint8Array {
  const header = new Uint8Array(responseHeaderBytes);
  header[0] = packetTypes.response;
  writeU32(header, 4, senderIndex);
  writeU32(header, 8, receiverIndex);
  return header;
}

/** @param packet a whole datagram, of which the header is written. */
export function writeDataHeader(packet: Uint8Array, phase: Phase, receiverIndex: number, counter: number): void {
  packet[0] = packetTypes.data;
  packet[1] = phase;
  packet[2] = 0;
  packet[3] = 0;
  writeU32(packet, 4, receiverIndex);
  writeU32(packet, 8, Math.floor(counter / 2 ** 32));
  writeU32(packet, 12, counter);
}

/** Whether these bytes have the form of a data packet; then the functions below may be asked about it. */
export function isDataPacket(bytes: Uint8Array): boolean {
  return (
    bytes.length > dataHeaderBytes + tagBytes &&
    bytes[0] === packetTypes.data &&
    (bytes[1] === 0 || bytes[1] === 1) &&
    bytes[2] === 0 &&
    bytes[3] === 0 &&
    // No sender gets near 2^53 packets; beyond it JavaScript could not tell two counters apart.
    bytes[8] === 0 &&
    (bytes[9] ?? 0) < 0x20
  );
}

export function phaseOf(packet: Uint8Array): Phase {
  return packet[1] === 0 ? 0 : 1;
}

/** Of a data packet, a response (its second index stands at 8) or a cookie reply. */
export function receiverIndexOf(packet: Uint8Array, at = 4): number {
  return readU32(packet, at);
}

export function counterOf(packet: Uint8Array): number {
  return readU32(packet, 8) * 2 ** 32 + readU32(packet, 12);
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
    senderIndex: readU32(bytes, 4),
    header: bytes.subarray(0, initiationHeaderBytes),
    noise,
    ephemeral: noise.subarray(0, keyBytes),
  };
}

export function parseResponse(bytes: Uint8Array): ResponsePacket | undefined {
  if (bytes.length !== responseBytes || !startsWith(bytes, packetTypes.response)) return undefined;
  return {
    senderIndex: readU32(bytes, 4),
    receiverIndex: readU32(bytes, 8),
    header: bytes.subarray(0, responseHeaderBytes),
    noise: bytes.subarray(responseHeaderBytes, responseHeaderBytes + responseNoiseBytes),
  };
}

/** Whether a handshake packet carries no mac2. */
export function hasNoMac2(packet: Uint8Array): boolean {
  for (let at = packet.length - macBytes; at < packet.length; at += 1) if (packet[at] !== 0) return false;
  return true;
}

/** What message 1 says, encrypted: which introduction it is for, and when it was made. */
export interface InitiationPayload {
  readonly introductionId: Uint8Array;
  /** Milliseconds since 1970, strictly increasing among the initiations of one side for one introduction. */
  readonly timestamp: number;
  /** Which session of the introduction it is to begin: 0 for the first. */
  readonly epoch: number;
}

export function encodeInitiationPayload(payload: InitiationPayload): Uint8Array {
  const bytes = new Uint8Array(initiationPayloadBytes);
  bytes.set(payload.introductionId);
  writeU32(bytes, introductionIdBytes, Math.floor(payload.timestamp / 2 ** 32));
  writeU32(bytes, introductionIdBytes + 4, payload.timestamp);
  writeU32(bytes, introductionIdBytes + timestampBytes, payload.epoch);
  return bytes;
}

export function decodeInitiationPayload(bytes: Uint8Array): InitiationPayload | undefined {
  if (bytes.length !== initiationPayloadBytes) return undefined;
  const timestamp = readU32(bytes, introductionIdBytes) * 2 ** 32 + readU32(bytes, introductionIdBytes + 4);
  if (!Number.isSafeInteger(timestamp)) return undefined;
  const epoch = readU32(bytes, introductionIdBytes + timestampBytes);
  return { introductionId: bytes.slice(0, introductionIdBytes), timestamp, epoch };
}

function startsWith(bytes: Uint8Array, type: number): boolean {
  return bytes[0] === type && bytes[1] === 0 && bytes[2] === 0 && bytes[3] === 0;
}

function readU32(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0
  );
}

/** The low 32 bits of a whole number. */
function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
