/**
 * The frames inside a data packet; a packet holds one at least. Numbers are varints (RFC 9000, section 16) in their
 * shortest form, of at most 2^53 - 1.
 *
 *     PADDING  0x00
 *     PING     0x01                                                         asks for an acknowledgement
 *     ACK      0x02 · largest · delay (us) · count · first length · count x (gap · length)    RFC 9000, section 19.3
 *     STREAM   0x08, or 0x09 with which the stream ends · id · offset · length · data
 *     CLOSE    0x1c · code · reason length · reason (UTF-8)                       nothing follows on this link
 *
 * 0x10-0x1b are kept for flow control, path and datagram frames of a later version. Unknown types end the link.
 */
import { ByteReader, MalformedError, varintBytes } from './byte-reader.js';
import type { ByteWriter } from './byte-writer.js';
import { transportLimits } from '../limits.js';

const frameTypes = { padding: 0x00, ping: 0x01, ack: 0x02, stream: 0x08, streamEnd: 0x09, close: 0x1c } as const;

/** Packet numbers from `smallest` to `largest`, both included. */
export interface AckRange {
  readonly smallest: number;
  readonly largest: number;
}

export interface AckFrame {
  readonly type: 'ack';
  /** From the largest down, with a gap between each two. */
  readonly ranges: readonly AckRange[];
  /** How long the acknowledgement of the largest waited, in microseconds. */
  readonly delayUs: number;
}

export interface StreamFrame {
  readonly type: 'stream';
  readonly id: number;
  readonly offset: number;
  /** A view into the packet when decoded. */
  readonly data: Uint8Array;
  /** The stream ends behind the data. */
  readonly end: boolean;
}

export interface CloseFrame {
  readonly type: 'close';
  readonly code: number;
  readonly reason: string;
}

export type Frame =
  | { readonly type: 'padding'; readonly length: number }
  | { readonly type: 'ping' }
  | AckFrame
  | StreamFrame
  | CloseFrame;

const encoder = new TextEncoder();
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Whether the peer is to acknowledge a packet that holds this frame (RFC 9000, section 13.2). */
export function isAckEliciting(frame: Frame): boolean {
  return frame.type === 'ping' || frame.type === 'stream';
}

/** @throws RangeError when the writer has no room for it. */
export function encodeFrame(writer: ByteWriter, frame: Frame): void {
  switch (frame.type) {
    case 'padding':
      for (let i = 0; i < frame.length; i += 1) writer.u8(frameTypes.padding);
      return;
    case 'ping':
      writer.u8(frameTypes.ping);
      return;
    case 'ack':
      encodeAck(writer, frame);
      return;
    case 'stream':
      writer
        .u8(frame.end ? frameTypes.streamEnd : frameTypes.stream)
        .varint(frame.id)
        .varint(frame.offset)
        .varint(frame.data.length)
        .bytes(frame.data);
      return;
    case 'close': {
      const reason = encoder.encode(frame.reason);
      writer.u8(frameTypes.close).varint(frame.code).varint(reason.length).bytes(reason);
      return;
    }
  }
}

/** The most that a STREAM frame adds to its data. */
export function streamFrameOverhead(id: number, offset: number, length: number): number {
  return 1 + varintBytes(id) + varintBytes(offset) + varintBytes(length);
}

/** All frames of a packet. @throws MalformedError for bytes that are none, or no frame at all. */
export function decodeFrames(bytes: Uint8Array): Frame[] {
  const reader = new ByteReader(bytes);
  const frames: Frame[] = [];
  while (reader.remaining > 0) {
    const type = reader.u8();
    const last = frames.at(-1);
    if (type === frameTypes.padding && last?.type === 'padding') {
      frames[frames.length - 1] = { type: 'padding', length: last.length + 1 };
    } else {
      frames.push(decodeFrame(type, reader));
    }
  }
  if (frames.length === 0) throw new MalformedError('a packet without frames');
  return frames;
}

function decodeFrame(type: number, reader: ByteReader): Frame {
  switch (type) {
    case frameTypes.padding:
      return { type: 'padding', length: 1 };
    case frameTypes.ping:
      return { type: 'ping' };
    case frameTypes.ack:
      return decodeAck(reader);
    case frameTypes.stream:
    case frameTypes.streamEnd:
      return decodeStream(reader, type === frameTypes.streamEnd);
    case frameTypes.close:
      return decodeClose(reader);
    default:
      throw new MalformedError(`unknown frame type ${String(type)}`);
  }
}

function encodeAck(writer: ByteWriter, frame: AckFrame): void {
  const [first, ...rest] = frame.ranges;
  if (!first) throw new RangeError('an ACK frame has at least one range');
  writer.u8(frameTypes.ack).varint(first.largest).varint(frame.delayUs).varint(rest.length);
  writer.varint(first.largest - first.smallest);
  let previous = first.smallest;
  for (const range of rest) {
    writer.varint(previous - range.largest - 2).varint(range.largest - range.smallest);
    previous = range.smallest;
  }
}

function decodeAck(reader: ByteReader): AckFrame {
  let largest = reader.varint();
  const delayUs = reader.varint();
  const count = reader.varint();
  const ranges: AckRange[] = [];
  // Each range takes bytes, so a false count ends with the packet.
  for (let i = 0; i <= count; i += 1) {
    if (i > 0) largest = (ranges.at(-1)?.smallest ?? 0) - reader.varint() - 2;
    const smallest = largest - reader.varint();
    if (smallest < 0) throw new MalformedError('an ACK range below zero');
    ranges.push({ smallest, largest });
  }
  return { type: 'ack', ranges, delayUs };
}

function decodeStream(reader: ByteReader, end: boolean): StreamFrame {
  const id = reader.varint();
  const offset = reader.varint();
  const data = reader.bytes(reader.varint());
  if (!Number.isSafeInteger(offset + data.length)) throw new MalformedError('a stream offset beyond 2^53');
  return { type: 'stream', id, offset, data, end };
}

function decodeClose(reader: ByteReader): CloseFrame {
  const code = reader.varint();
  const length = reader.varint();
  if (length > transportLimits.closeReasonBytes) throw new MalformedError('a long close reason');
  try {
    return { type: 'close', code, reason: utf8.decode(reader.bytes(length)) };
  } catch (cause) {
    throw cause instanceof MalformedError ? cause : new MalformedError('a close reason that is no UTF-8', { cause });
  }
}
