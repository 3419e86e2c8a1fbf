/** The streams of one link, and messages on stream 0. */
import type { ByteWriter } from '../wire/byte-writer.js';
import { closeCodes, TransportError, Violation } from '../errors.js';
import { encodeFrame, streamFrameOverhead, type StreamFrame } from '../wire/frames.js';
import { transportLimits } from '../limits.js';
import { framedBytes, lengthPrefix, MessageReader } from './message-framing.js';
import { ReceiveStream } from './receive-stream.js';
import { SendStream, type StreamPiece } from './send-stream.js';

/** The stream that messages are on. */
const messageStream = 0;
/** A frame with less data than this is left for the next packet, unless it is all there is. */
const smallestPieceBytes = 32;

export interface SentPiece extends StreamPiece {
  readonly streamId: number;
}

interface Stream {
  readonly send: SendStream;
  readonly receive: ReceiveStream;
  readonly messages: MessageReader;
}

export class Streams {
  readonly #streams: Stream[] = [];
  readonly #sendBufferBytes: number;

  constructor(sendBufferBytes: number) {
    this.#sendBufferBytes = sendBufferBytes;
    for (let id = 0; id < transportLimits.streams; id += 1) {
      const receive = new ReceiveStream();
      this.#streams.push({ send: new SendStream(), receive, messages: new MessageReader(receive) });
    }
  }

  get bufferedBytes(): number {
    return this.#streams.reduce((sum, { send }) => sum + send.bufferedBytes, 0);
  }

  get unacknowledgedBytes(): number {
    return this.#streams.reduce((sum, { send }) => sum + send.unacknowledgedBytes, 0);
  }

  /** Whether `write` has something to write. */
  get hasPiece(): boolean {
    return this.#streams.some(({ send }) => send.hasPiece);
  }

  /** Whether the reader is so far behind that no more may come in. */
  get isFull(): boolean {
    return this.#streams.some(({ receive }) => receive.unreadBytes >= transportLimits.unreadBytes);
  }

  /** Bytes held for received data, read or not. */
  get receiveCapacityBytes(): number {
    return this.#streams.reduce((sum, { receive }) => sum + receive.capacityBytes, 0);
  }

  sendMessage(message: Uint8Array): void {
    if (message.length === 0 || message.length > transportLimits.messageBytes) {
      throw new TransportError('MESSAGE_SIZE', `a message has 1 to ${String(transportLimits.messageBytes)} bytes`);
    }
    if (this.bufferedBytes + framedBytes(message.length) > this.#sendBufferBytes) {
      throw new TransportError('SEND_BUFFER_FULL', 'the peer has not acknowledged enough of what was sent before');
    }
    const { send } = this.#stream(messageStream);
    send.write(lengthPrefix(message.length));
    send.write(message);
  }

  nextMessage(): Uint8Array | undefined {
    return this.#stream(messageStream).messages.next();
  }

  /** Fills the packet with STREAM frames. @returns what it wrote, to be remembered with the packet. */
  write(writer: ByteWriter): SentPiece[] {
    const pieces: SentPiece[] = [];
    for (const [streamId, { send }] of this.#streams.entries()) {
      while (send.hasPiece) {
        const room = writer.room - streamFrameOverhead(streamId, send.nextOffset, writer.room);
        if (room < smallestPieceBytes) break;
        const piece = send.take(room);
        if (!piece) break;
        encodeFrame(writer, {
          type: 'stream',
          id: streamId,
          offset: piece.offset,
          data: send.bytesOf(piece),
          end: false,
        });
        pieces.push({ streamId, ...piece });
      }
    }
    return pieces;
  }

  onAcknowledged(piece: SentPiece): void {
    this.#stream(piece.streamId).send.onAcknowledged(piece);
  }

  onLost(piece: SentPiece): void {
    this.#stream(piece.streamId).send.onLost(piece);
  }

  /** Whether all of the frames can be taken; if not, none may be, and the packet counts as lost. */
  hasRoomFor(frames: readonly StreamFrame[]): boolean {
    if (this.isFull) return frames.length === 0;
    let gaps = 0;
    for (const frame of frames) {
      const stream = this.#streams[frame.id];
      if (stream?.receive.wouldAddGap(frame)) gaps = Math.max(gaps, stream.receive.gaps) + 1;
    }
    return gaps <= transportLimits.streamGaps;
  }

  /** @throws Violation when the peer breaks a rule. */
  receive(frame: StreamFrame): void {
    const stream = this.#streams[frame.id];
    if (!stream) throw new Violation(closeCodes.streamState, 'a stream that cannot exist');
    stream.receive.receive(frame);
    stream.messages.check();
  }

  #stream(id: number): Stream {
    const stream = this.#streams[id];
    if (!stream) throw new Error(`no stream ${String(id)}`);
    return stream;
  }
}
