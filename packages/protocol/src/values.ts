import { z } from 'zod';
import { limits } from './limits.js';

/** Names of users and rooms: compared as typed, lower case only. */
export const namePattern = /^[a-z0-9][a-z0-9_-]{1,31}$/;

export const nameSchema = z.string().regex(namePattern);

/** A name that is only looked up: whatever cannot exist is answered like whatever does not. */
export const lookupNameSchema = z.string().max(256);

/** Looked at by the password rules of the server, which answer PASSWORD_INVALID. */
export const passwordSchema = z.string();

const base64Of32Bytes = z.string().regex(/^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/);

/** An X25519 public key, base64. */
export const deviceKeySchema = base64Of32Bytes;

/** 16 random bytes in hexadecimal: names a session, a room's opening, or an introduction. */
export const idSchema = z.string().regex(/^[0-9a-f]{32}$/);

export const resumeTokenSchema = base64Of32Bytes;

/** One address where a device may be reached over UDP. */
export const candidateSchema = z.object({
  /** `host` or `reflexive`; a newer device may know others. */
  kind: z.string().regex(/^[a-z][a-z-]{0,15}$/),
  address: z.union([z.ipv4(), z.ipv6()]),
  port: z.int().min(1).max(65_535),
});
export type Candidate = z.infer<typeof candidateSchema>;

export const candidatesSchema = z.array(candidateSchema).max(limits.candidates);

/**
 * By which door a user came in: `native`, with a device of its own, or the gateway of an older system, `line` or `peer`.
 * A newer server may know others.
 */
export const doorSchema = z.string().regex(/^[a-z][a-z-]{0,15}$/);

/** One side of a channel of the server's blind relay, for the two devices of one introduction. */
export const relayGrantSchema = z.object({
  channel: z.int().min(1).max(0xff_ff_ff_ff),
  /** 0 for the initiator, 1 for the responder; what was restored says it anew. */
  side: z.union([z.literal(0), z.literal(1)]),
  /** Known to this side and the relay: proves that an address is of this side. */
  token: base64Of32Bytes,
});
export type RelayGrant = z.infer<typeof relayGrantSchema>;

/** Where a device may be reached, readable by the other device of the introduction alone. */
export const sealedOfferSchema = z.base64().max(limits.offerCharacters);

/** Relay frames (docs/protocol/relay.md), each base64, on the control connection where UDP is blocked. */
export const relayFramesSchema = z.array(z.base64().max(limits.relayFrameCharacters)).min(1).max(limits.relayFrames);

/** What the server tells a device about a user, so that the two can talk: directly where that user has a device. */
export const introductionSchema = z.discriminatedUnion('via', [
  z.object({
    via: z.literal('device'),
    id: idSchema,
    peer: nameSchema,
    deviceKey: deviceKeySchema,
    /** Pre-shared key of this introduction, base64: authorises the handshake, is not relied on for secrecy. */
    psk: base64Of32Bytes,
    /** Who sends the first handshake message. */
    role: z.enum(['initiator', 'responder']),
    /** What the peer has told in the clear; most devices tell it by `path.offer`, sealed. */
    candidates: candidatesSchema,
    /** Null where the server relays nothing, or no more for one of the two. */
    relay: relayGrantSchema.nullable().default(null),
  }),
  /** A user of an older system, reached with gateway.send: the server can read what is said. */
  z.object({ via: z.literal('gateway'), id: idSchema, peer: nameSchema, door: doorSchema }),
]);
export type Introduction = z.infer<typeof introductionSchema>;
export type DeviceIntroduction = Extract<Introduction, { via: 'device' }>;
export type GatewayIntroduction = Extract<Introduction, { via: 'gateway' }>;

/** Peer frames between a device and a gateway, as `FrameStream` numbers them. */
export const frameBatchShape = {
  /** The number of the first one, counted from 1 in each direction of a conversation. */
  first: z.int().min(1),
  /** Each a peer frame (peer-message.ts), base64. */
  frames: z.array(z.base64().max(limits.frameCharacters)).max(limits.batchFrames),
  /** How many frames have come the other way. */
  received: z.int().min(0),
};

/** Why a session ended; what a newer device or server calls otherwise counts as `ended`. */
export const closeReasonSchema = z.enum(['ended', 'NO_PATH', 'PEER_LOST', 'KEY_CHANGED']);
export type CloseReason = z.infer<typeof closeReasonSchema>;

/** Lists come in pages: names after `after`, and `next` to go on from, or null at the end. */
export const pageParams = {
  after: lookupNameSchema.optional(),
  limit: z.int().min(1).max(limits.pageNames).optional(),
};
export const pageNext = z.string().nullable();
