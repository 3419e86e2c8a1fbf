/** Writes frames into a packet. All throw RangeError when the writer has no room; ask for it before. */
import { varintBytes } from './byte-reader.js';
import type { ByteWriter } from './byte-writer.js';
import { frameTypes, type AckFrame } from './frame-types.js';

const encoder = new TextEncoder();

export function writePing(writer: ByteWriter): void {
  writer.u8(frameTypes.ping);
}

/**
 * As many ranges as there is room for, the newest first.
 * @param keptBytes of the room are left for what follows
 * @returns whether there was room for one
 */
export function writeAck(writer: ByteWriter, { ranges, delayUs }: AckFrame, keptBytes = 0): boolean {
  const [first] = ranges;
  if (!first) throw new RangeError('an ACK frame has at least one range');
  let room =
    writer.room - keptBytes - 1 - varintBytes(first.largest) - varintBytes(delayUs) - varintBytes(ranges.length - 1);
  room -= varintBytes(first.largest - first.smallest);
  if (room < 0) return false;
  let fitting = 1;
  let previous = first.smallest;
  for (; fitting < ranges.length; fitting += 1) {
    const range = ranges[fitting];
    if (!range) break;
    room -= varintBytes(previous - range.largest - 2) + varintBytes(range.largest - range.smallest);
    if (room < 0) break;
    previous = range.smallest;
  }
  writer
    .u8(frameTypes.ack)
    .varint(first.largest)
    .varint(delayUs)
    .varint(fitting - 1);
  writer.varint(first.largest - first.smallest);
  previous = first.smallest;
  for (let i = 1; i < fitting; i += 1) {
    const range = ranges[i];
    if (!range) break;
    writer.varint(previous - range.largest - 2).varint(range.largest - range.smallest);
    previous = range.smallest;
  }
  return true;
}

export function writeCrypto(writer: ByteWriter, offset: number, data: Uint8Array): void {
  writer.u8(frameTypes.crypto).varint(offset).varint(data.length).bytes(data);
}

/** The most that a CRYPTO frame adds to its data. */
export function cryptoFrameOverhead(offset: number, length: number): number {
  return 1 + varintBytes(offset) + varintBytes(length);
}

export function writeStream(writer: ByteWriter, id: number, offset: number, data: Uint8Array, isEnd: boolean): void {
  writer
    .u8(isEnd ? frameTypes.streamEnd : frameTypes.stream)
    .varint(id)
    .varint(offset)
    .varint(data.length)
    .bytes(data);
}

/** The most that a STREAM frame adds to its data. */
export function streamFrameOverhead(id: number, offset: number, length: number): number {
  return 1 + varintBytes(id) + varintBytes(offset) + varintBytes(length);
}

export function writeMaxData(writer: ByteWriter, limit: number): void {
  writer.u8(frameTypes.maxData).varint(limit);
}

export function writeMaxStreamData(writer: ByteWriter, id: number, limit: number): void {
  writer.u8(frameTypes.maxStreamData).varint(id).varint(limit);
}

export function writeMaxStreams(writer: ByteWriter, limit: number): void {
  writer.u8(frameTypes.maxStreams).varint(limit);
}

export function writeResetStream(writer: ByteWriter, id: number, code: number, finalSize: number): void {
  writer.u8(frameTypes.resetStream).varint(id).varint(code).varint(finalSize);
}

export function writeStopSending(writer: ByteWriter, id: number, code: number): void {
  writer.u8(frameTypes.stopSending).varint(id).varint(code);
}

export function writeDatagram(writer: ByteWriter, data: Uint8Array): void {
  writer.u8(frameTypes.datagram).varint(data.length).bytes(data);
}

export function writePathChallenge(writer: ByteWriter, data: Uint8Array): void {
  writer.u8(frameTypes.pathChallenge).bytes(data);
}

export function writePathResponse(writer: ByteWriter, data: Uint8Array): void {
  writer.u8(frameTypes.pathResponse).bytes(data);
}

export function writeClose(writer: ByteWriter, code: number, reason: string): void {
  const bytes = encoder.encode(reason);
  writer.u8(frameTypes.close).varint(code).varint(bytes.length).bytes(bytes);
}

/** The most bytes that a control frame with up to three numbers takes. */
export const controlFrameBytes = 1 + 3 * 8;
