/**
 * What two devices say to each other inside the encrypted transport, one frame a transport message:
 *
 *     text     0x01, then the message record
 *     receipt  0x02, id (16)                the device of the sender of this frame holds that message
 *
 * A message record, hashed whole (SHA-256) for `previous` of the sender's next one:
 *
 *     id (16) · conversation (16) · sender (varint length, UTF-8) · chain (8) · seq (varint)
 *     · at (varint, ms since 1970) · previous (32) · body kind (1: text) · body (the rest)
 *
 * A chain is one run of a sender's numbers: a device begins one with random bytes whenever it begins or enters a
 * conversation. So (conversation, sender, chain, seq) names a message for good.
 */
import { ByteReader, ByteWriter, MalformedError } from './byte-codec.js';
import { limits } from './limits.js';
import { namePattern } from './values.js';

export const messageIdBytes = 16;
export const messageHashBytes = 32;
export const messageChainBytes = 8;

export interface MessageRecord {
  readonly id: Uint8Array;
  /** The session or the room's opening that it belongs to. */
  readonly conversation: Uint8Array;
  readonly sender: string;
  readonly chain: Uint8Array;
  /** 1 for the first message of the chain, then without gaps. */
  readonly seq: number;
  /** The sender's clock, milliseconds since 1970. */
  readonly at: number;
  /** Hash of the previous record of the chain; zeros in the first. */
  readonly previous: Uint8Array;
  /** Undefined for a kind of body that this version does not know; such a record still counts in its chain. */
  readonly text: string | undefined;
}

export type PeerFrame =
  | { readonly type: 'text'; readonly record: Uint8Array; readonly message: MessageRecord }
  | { readonly type: 'receipt'; readonly id: Uint8Array };

const frameTypes = { text: 1, receipt: 2 } as const;
const bodyText = 1;

const encoder = new TextEncoder();
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function encodeMessageRecord(message: MessageRecord & { readonly text: string }): Uint8Array {
  const sender = encoder.encode(message.sender);
  return new ByteWriter()
    .bytes(exactly(message.id, messageIdBytes))
    .bytes(exactly(message.conversation, messageIdBytes))
    .varint(sender.length)
    .bytes(sender)
    .bytes(exactly(message.chain, messageChainBytes))
    .varint(message.seq)
    .varint(message.at)
    .bytes(exactly(message.previous, messageHashBytes))
    .u8(bodyText)
    .bytes(encoder.encode(message.text))
    .finish();
}

export function encodeTextFrame(record: Uint8Array): Uint8Array {
  return new ByteWriter().u8(frameTypes.text).bytes(record).finish();
}

export function encodeReceiptFrame(id: Uint8Array): Uint8Array {
  return new ByteWriter().u8(frameTypes.receipt).bytes(exactly(id, messageIdBytes)).finish();
}

/**
 * Decodes one frame from a peer.
 * @returns undefined for a frame type that this version does not know, which is to be passed over.
 * @throws MalformedError when the bytes break the format or a limit.
 */
export function decodePeerFrame(bytes: Uint8Array): PeerFrame | undefined {
  const reader = new ByteReader(bytes);
  switch (reader.u8()) {
    case frameTypes.text: {
      const record = reader.rest();
      return { type: 'text', record, message: decodeMessageRecord(record) };
    }
    case frameTypes.receipt: {
      const id = reader.bytes(messageIdBytes);
      if (reader.remaining > 0) throw new MalformedError('bytes behind the end');
      return { type: 'receipt', id };
    }
    default:
      return undefined;
  }
}

export function decodeMessageRecord(record: Uint8Array): MessageRecord {
  const reader = new ByteReader(record);
  const id = reader.bytes(messageIdBytes);
  const conversation = reader.bytes(messageIdBytes);
  const sender = decodeUtf8(reader.bytes(reader.varint()));
  if (!namePattern.test(sender)) throw new MalformedError('the sender is no name');
  const chain = reader.bytes(messageChainBytes);
  const seq = reader.varint();
  if (seq === 0) throw new MalformedError('sequence numbers begin with 1');
  const at = reader.varint();
  if (at > maxClockMs) throw new MalformedError('the clock is out of range');
  const previous = reader.bytes(messageHashBytes);
  const text = reader.u8() === bodyText ? decodeUtf8(reader.rest()) : undefined;
  if (text !== undefined && textProblem(text)) throw new MalformedError('the text breaks a rule');
  return { id, conversation, sender, chain, seq, at, previous, text };
}

/** The largest time that a Date can show (ECMA-262, 21.4.1.1). */
const maxClockMs = 8.64e15;

// C0 but tab and line feed, DEL, C1
const controlCharacters = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/;

/** Why a text cannot be sent, in words, or undefined when it can. */
export function textProblem(text: string): string | undefined {
  if (text === '') return 'a text cannot be empty';
  if (!text.isWellFormed()) return 'the text is no valid Unicode';
  if (controlCharacters.test(text)) return 'the text holds control characters';
  // A UTF-16 unit makes one to three bytes: most texts need no encoding to be judged.
  if (text.length > limits.textBytes || (text.length * 3 > limits.textBytes && byteLength(text) > limits.textBytes)) {
    return `the text is longer than ${String(limits.textBytes)} bytes`;
  }
  return undefined;
}

function byteLength(text: string): number {
  return encoder.encode(text).length;
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new MalformedError('not UTF-8', { cause });
  }
}

function exactly(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length !== length) throw new RangeError(`expected ${String(length)} bytes, not ${String(bytes.length)}`);
  return bytes;
}
