/** The frames of a packet as plain objects, for tests that say what a packet holds, or look. */
import type { ByteWriter } from '../wire/byte-writer.js';
import { readFrames, type FrameSink } from '../wire/frame-reader.js';
import type { AckRange } from '../wire/frame-types.js';
import {
  writeAck,
  writeClose,
  writeCrypto,
  writeDatagram,
  writeMaxData,
  writeMaxStreamData,
  writeMaxStreams,
  writePathChallenge,
  writePathResponse,
  writePing,
  writeResetStream,
  writeStopSending,
  writeStream,
} from '../wire/frame-writer.js';

/** All but PADDING, which says nothing. */
export type LoggedFrame =
  | { readonly type: 'ping' }
  | { readonly type: 'ack'; readonly ranges: readonly AckRange[]; readonly delayUs: number }
  | { readonly type: 'crypto'; readonly offset: number; readonly data: Uint8Array }
  | {
      readonly type: 'stream';
      readonly id: number;
      readonly offset: number;
      readonly data: Uint8Array;
      readonly isEnd: boolean;
    }
  | { readonly type: 'max-data'; readonly limit: number }
  | { readonly type: 'max-stream-data'; readonly id: number; readonly limit: number }
  | { readonly type: 'max-streams'; readonly limit: number }
  | { readonly type: 'reset-stream'; readonly id: number; readonly code: number; readonly finalSize: number }
  | { readonly type: 'stop-sending'; readonly id: number; readonly code: number }
  | { readonly type: 'datagram'; readonly data: Uint8Array }
  | { readonly type: 'path-challenge'; readonly data: Uint8Array }
  | { readonly type: 'path-response'; readonly data: Uint8Array }
  | { readonly type: 'close'; readonly code: number; readonly reason: string };

/**
 * The frames in their order; their bytes are copies.
 * @throws MalformedError
 */
export function readFrameLog(bytes: Uint8Array): LoggedFrame[] {
  const log = new FrameLog();
  readFrames(bytes, log);
  return log.frames;
}

export function writeFrameLog(writer: ByteWriter, frames: readonly LoggedFrame[]): void {
  for (const frame of frames) writeFrame(writer, frame);
}

class FrameLog implements FrameSink {
  readonly frames: LoggedFrame[] = [];

  onPing(): void {
    this.frames.push({ type: 'ping' });
  }

  onAck({ ranges, delayUs }: { readonly ranges: readonly AckRange[]; readonly delayUs: number }): void {
    this.frames.push({ type: 'ack', ranges: ranges.map((range) => ({ ...range })), delayUs });
  }

  onCrypto(offset: number, data: Uint8Array): void {
    this.frames.push({ type: 'crypto', offset, data: new Uint8Array(data) });
  }

  onStream(id: number, offset: number, data: Uint8Array, isEnd: boolean): void {
    this.frames.push({ type: 'stream', id, offset, data: new Uint8Array(data), isEnd });
  }

  onMaxData(limit: number): void {
    this.frames.push({ type: 'max-data', limit });
  }

  onMaxStreamData(id: number, limit: number): void {
    this.frames.push({ type: 'max-stream-data', id, limit });
  }

  onMaxStreams(limit: number): void {
    this.frames.push({ type: 'max-streams', limit });
  }

  onResetStream(id: number, code: number, finalSize: number): void {
    this.frames.push({ type: 'reset-stream', id, code, finalSize });
  }

  onStopSending(id: number, code: number): void {
    this.frames.push({ type: 'stop-sending', id, code });
  }

  onDatagram(data: Uint8Array): void {
    this.frames.push({ type: 'datagram', data: new Uint8Array(data) });
  }

  onPathChallenge(data: Uint8Array): void {
    this.frames.push({ type: 'path-challenge', data: new Uint8Array(data) });
  }

  onPathResponse(data: Uint8Array): void {
    this.frames.push({ type: 'path-response', data: new Uint8Array(data) });
  }

  onClose(code: number, reason: string): void {
    this.frames.push({ type: 'close', code, reason });
  }
}

function writeFrame(writer: ByteWriter, frame: LoggedFrame): void {
  switch (frame.type) {
    case 'ping':
      writePing(writer);
      return;
    case 'ack':
      if (!writeAck(writer, frame)) throw new RangeError('no room for an ACK');
      return;
    case 'crypto':
      writeCrypto(writer, frame.offset, frame.data);
      return;
    case 'stream':
      writeStream(writer, frame.id, frame.offset, frame.data, frame.isEnd);
      return;
    case 'max-data':
      writeMaxData(writer, frame.limit);
      return;
    case 'max-stream-data':
      writeMaxStreamData(writer, frame.id, frame.limit);
      return;
    case 'max-streams':
      writeMaxStreams(writer, frame.limit);
      return;
    case 'reset-stream':
      writeResetStream(writer, frame.id, frame.code, frame.finalSize);
      return;
    case 'stop-sending':
      writeStopSending(writer, frame.id, frame.code);
      return;
    case 'datagram':
      writeDatagram(writer, frame.data);
      return;
    case 'path-challenge':
      writePathChallenge(writer, frame.data);
      return;
    case 'path-response':
      writePathResponse(writer, frame.data);
      return;
    case 'close':
      writeClose(writer, frame.code, frame.reason);
      return;
  }
}
