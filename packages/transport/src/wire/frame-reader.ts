/** Reads the frames of a packet, and hands each to whom it concerns. */
import { transportLimits } from '../limits.js';
import { ByteReader, MalformedError } from './byte-reader.js';
import { frameTypes, pathDataBytes, type AckFrame, type AckRange } from './frame-types.js';

/** Takes the frames of a packet in their order. All `data` are views into the packet, good during the call. */
export interface FrameSink {
  onPing(): void;
  onAck(frame: AckFrame): void;
  onCrypto(offset: number, data: Uint8Array): void;
  onStream(id: number, offset: number, data: Uint8Array, isEnd: boolean): void;
  onMaxData(limit: number): void;
  onMaxStreamData(id: number, limit: number): void;
  onMaxStreams(limit: number): void;
  onResetStream(id: number, code: number, finalSize: number): void;
  onStopSending(id: number, code: number): void;
  onDatagram(data: Uint8Array): void;
  onPathChallenge(data: Uint8Array): void;
  onPathResponse(data: Uint8Array): void;
  onClose(code: number, reason: string): void;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * @returns whether the packet asks for an acknowledgement
 * @throws MalformedError for bytes that are none, or no frames; those before have been handed over then
 */
export function readFrames(bytes: Uint8Array, sink: FrameSink): boolean {
  const reader = new ByteReader(bytes);
  if (reader.remaining === 0) throw new MalformedError('a packet without frames');
  let isAckEliciting = false;
  while (reader.remaining > 0) {
    const type = reader.u8();
    if (type !== frameTypes.padding && type !== frameTypes.ack && type !== frameTypes.close) isAckEliciting = true;
    readFrame(type, reader, sink);
  }
  return isAckEliciting;
}

function readFrame(type: number, reader: ByteReader, sink: FrameSink): void {
  switch (type) {
    case frameTypes.padding:
      return;
    case frameTypes.ping:
      sink.onPing();
      return;
    case frameTypes.ack:
      sink.onAck(readAck(reader));
      return;
    case frameTypes.crypto: {
      const offset = reader.varint();
      sink.onCrypto(offset, readData(reader, offset));
      return;
    }
    case frameTypes.stream:
    case frameTypes.streamEnd: {
      const id = reader.varint();
      const offset = reader.varint();
      sink.onStream(id, offset, readData(reader, offset), type === frameTypes.streamEnd);
      return;
    }
    case frameTypes.maxData:
      sink.onMaxData(reader.varint());
      return;
    case frameTypes.maxStreamData:
      sink.onMaxStreamData(reader.varint(), reader.varint());
      return;
    case frameTypes.maxStreams:
      sink.onMaxStreams(reader.varint());
      return;
    case frameTypes.resetStream:
      sink.onResetStream(reader.varint(), reader.varint(), reader.varint());
      return;
    case frameTypes.stopSending:
      sink.onStopSending(reader.varint(), reader.varint());
      return;
    case frameTypes.datagram:
      sink.onDatagram(reader.bytes(reader.varint()));
      return;
    case frameTypes.pathChallenge:
      sink.onPathChallenge(reader.bytes(pathDataBytes));
      return;
    case frameTypes.pathResponse:
      sink.onPathResponse(reader.bytes(pathDataBytes));
      return;
    case frameTypes.close: {
      const code = reader.varint();
      sink.onClose(code, readReason(reader));
      return;
    }
    default:
      throw new MalformedError(`unknown frame type ${String(type)}`);
  }
}

function readData(reader: ByteReader, offset: number): Uint8Array {
  const data = reader.bytes(reader.varint());
  if (!Number.isSafeInteger(offset + data.length)) throw new MalformedError('an offset beyond 2^53');
  return data;
}

function readAck(reader: ByteReader): AckFrame {
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
  return { ranges, delayUs };
}

function readReason(reader: ByteReader): string {
  const length = reader.varint();
  if (length > transportLimits.closeReasonBytes) throw new MalformedError('a long close reason');
  const bytes = reader.bytes(length);
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new MalformedError('a close reason that is no UTF-8', { cause });
  }
}
