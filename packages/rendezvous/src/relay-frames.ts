/**
 * What a client and the blind relay tell each other, one frame a datagram; over the control connection the same frames.
 * Numbers are big-endian. `side` is 0 for the initiator of the introduction and 1 for its responder: that of the
 * client, and in data that of whoever sent the payload, in both directions.
 *
 *     bind       0x60 · side (1) · channel (4) · zeros (32)                38 bytes: more than the answer
 *     challenge  0x61 · side (1) · channel (4) · cookie (16)               22 bytes
 *     prove      0x62 · side (1) · channel (4) · cookie (16) · proof (16)  38 bytes
 *     bound      0x63 · side (1) · channel (4)                              6 bytes
 *     data       0x64 · side (1) · channel (4) · payload (1 to 1,500)
 *
 * The first bytes are neither those of STUN (0-3) nor of TURN (64-79), nor those of the transport (RFC 7983).
 */

export type RelaySide = 0 | 1;

export type RelayFrame =
  | { readonly type: 'bind' | 'bound'; readonly side: RelaySide; readonly channel: number }
  | { readonly type: 'challenge'; readonly side: RelaySide; readonly channel: number; readonly cookie: Uint8Array }
  | {
      readonly type: 'prove';
      readonly side: RelaySide;
      readonly channel: number;
      readonly cookie: Uint8Array;
      readonly proof: Uint8Array;
    }
  /** The payload is a view of the datagram. */
  | { readonly type: 'data'; readonly side: RelaySide; readonly channel: number; readonly payload: Uint8Array };

const types = { bind: 0x60, challenge: 0x61, prove: 0x62, bound: 0x63, data: 0x64 } as const;
export const relayHeaderBytes = 6;
export const relayCookieBytes = 16;
export const relayProofBytes = 16;
/** Of one data frame; what is longer is no frame. */
export const relayPayloadBytes = 1_500;
const askBytes = relayHeaderBytes + relayCookieBytes + relayProofBytes;
const challengeBytes = relayHeaderBytes + relayCookieBytes;

/** Whether a datagram is for the relay at all. */
export function looksLikeRelay(bytes: Uint8Array): boolean {
  const first = bytes[0] ?? 0;
  return first >= types.bind && first <= types.data;
}

/** Whether it is a data frame; its side and channel are then read without taking it apart. */
export function isRelayData(bytes: Uint8Array): boolean {
  const { length } = bytes;
  return bytes[0] === types.data && length > relayHeaderBytes && length <= relayHeaderBytes + relayPayloadBytes;
}

/** Of bytes with a whole header; undefined when there is no such side. */
export function relaySideOf(bytes: Uint8Array): RelaySide | undefined {
  const side = bytes[1];
  return side === 0 || side === 1 ? side : undefined;
}

/** Of bytes with a whole header. */
export function relayChannelOf(bytes: Uint8Array): number {
  const high = ((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0);
  const low = ((bytes[4] ?? 0) << 8) | (bytes[5] ?? 0);
  // A shift would make it negative.
  return high * 0x1_00_00 + low;
}

/** Undefined for what is not exactly one frame. */
export function decodeRelayFrame(bytes: Uint8Array): RelayFrame | undefined {
  const type: number = bytes[0] ?? 0;
  const side = relaySideOf(bytes);
  if (bytes.length < relayHeaderBytes || side === undefined) return undefined;
  const channel = relayChannelOf(bytes);
  switch (type) {
    case types.bind:
      return bytes.length === askBytes ? { type: 'bind', side, channel } : undefined;
    case types.challenge:
      if (bytes.length !== challengeBytes) return undefined;
      return { type: 'challenge', side, channel, cookie: bytes.slice(relayHeaderBytes) };
    case types.prove: {
      if (bytes.length !== askBytes) return undefined;
      const cookie = bytes.slice(relayHeaderBytes, challengeBytes);
      return { type: 'prove', side, channel, cookie, proof: bytes.slice(challengeBytes) };
    }
    case types.bound:
      return bytes.length === relayHeaderBytes ? { type: 'bound', side, channel } : undefined;
    case types.data:
      if (!isRelayData(bytes)) return undefined;
      return { type: 'data', side, channel, payload: bytes.subarray(relayHeaderBytes) };
    default:
      return undefined;
  }
}

export function encodeRelayFrame(frame: RelayFrame): Uint8Array {
  switch (frame.type) {
    case 'bind':
      return framed(types.bind, frame, askBytes);
    case 'bound':
      return framed(types.bound, frame, relayHeaderBytes);
    case 'challenge':
      return framed(types.challenge, frame, challengeBytes, frame.cookie);
    case 'prove':
      return framed(types.prove, frame, askBytes, frame.cookie, frame.proof);
    case 'data':
      return framed(types.data, frame, relayHeaderBytes + frame.payload.length, frame.payload);
  }
}

function framed(
  type: number,
  { side, channel }: { readonly side: RelaySide; readonly channel: number },
  length: number,
  ...parts: Uint8Array[]
): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes[0] = type;
  bytes[1] = side;
  new DataView(bytes.buffer).setUint32(2, channel);
  let at = relayHeaderBytes;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
