/** The frames of the packets that come, each handed to whom it concerns. */
import { closeCodes, Violation } from './errors.js';
import type { PostQuantumExchange } from './session/post-quantum-exchange.js';
import type { Session } from './session/session.js';
import type { StreamSet } from './streams/stream-set.js';
import { MalformedError } from './wire/byte-reader.js';
import type { AckFrame } from './wire/frame-types.js';
import { readFrames, type FrameSink } from './wire/frame-reader.js';
import type { Phase } from './wire/packets.js';

export interface CloseFrame {
  readonly code: number;
  readonly reason: string;
}

export class IncomingFrames implements FrameSink {
  /** Until both sides have final keys. */
  exchange: PostQuantumExchange | undefined;
  readonly #streams: StreamSet;
  readonly #onAck: (now: number, frame: AckFrame) => void;
  #now = 0;
  #phase: Phase = 0;
  #session: Session | undefined;
  #close: CloseFrame | undefined;
  #isFinished = false;
  #pathChallenge: Uint8Array | undefined;
  #pathResponse: Uint8Array | undefined;

  constructor(streams: StreamSet, exchange: PostQuantumExchange, onAck: (now: number, frame: AckFrame) => void) {
    this.#streams = streams;
    this.exchange = exchange;
    this.#onAck = onAck;
  }

  /** The CLOSE of the packet that was read last, if it had one. */
  get close(): CloseFrame | undefined {
    return this.#close;
  }

  /** @returns whether the packet asks for an acknowledgement @throws Violation when the peer breaks a rule */
  read(now: number, session: Session, phase: Phase, frames: Uint8Array): boolean {
    this.#now = now;
    this.#session = session;
    this.#phase = phase;
    this.#close = undefined;
    try {
      return readFrames(frames, this);
    } catch (error) {
      if (error instanceof MalformedError) throw new Violation(closeCodes.frameEncoding, error.message);
      throw error;
    }
  }

  /** The post-quantum secret was mixed into the keys since the last call. */
  takeFinished(): boolean {
    const isFinished = this.#isFinished;
    this.#isFinished = false;
    return isFinished;
  }

  /** The 8 bytes of the last PATH_CHALLENGE since the last call: a packet with many gets one answer. */
  takePathChallenge(): Uint8Array | undefined {
    const data = this.#pathChallenge;
    this.#pathChallenge = undefined;
    return data;
  }

  /** The 8 bytes of a PATH_RESPONSE that came since the last call. */
  takePathResponse(): Uint8Array | undefined {
    const data = this.#pathResponse;
    this.#pathResponse = undefined;
    return data;
  }

  onPing(): void {
    // Asks for an acknowledgement, and nothing more.
  }

  onAck(frame: AckFrame): void {
    this.#onAck(this.#now, frame);
  }

  onCrypto(offset: number, data: Uint8Array): void {
    if (this.#phase !== 0) throw new Violation(closeCodes.protocolViolation, 'a CRYPTO frame under final keys');
    this.exchange?.onCrypto(offset, data);
    const secret = this.exchange?.secret;
    if (!secret || !this.#session || this.#session.isFinal) return;
    this.#session.finish(secret);
    this.#isFinished = true;
  }

  onStream(id: number, offset: number, data: Uint8Array, isEnd: boolean): void {
    this.#requireFinal();
    this.#streams.onStream(id, offset, data, isEnd);
  }

  onMaxData(limit: number): void {
    this.#requireFinal();
    this.#streams.onMaxData(limit);
  }

  onMaxStreamData(id: number, limit: number): void {
    this.#requireFinal();
    this.#streams.onMaxStreamData(id, limit);
  }

  onMaxStreams(limit: number): void {
    this.#requireFinal();
    this.#streams.onMaxStreams(limit);
  }

  onResetStream(id: number, code: number, finalSize: number): void {
    this.#requireFinal();
    this.#streams.onResetStream(id, code, finalSize);
  }

  onStopSending(id: number, code: number): void {
    this.#requireFinal();
    this.#streams.onStopSending(id, code);
  }

  onDatagram(data: Uint8Array): void {
    this.#requireFinal();
    this.#streams.onDatagram(data);
  }

  onPathChallenge(data: Uint8Array): void {
    this.#requireFinal();
    this.#pathChallenge = data.slice();
  }

  onPathResponse(data: Uint8Array): void {
    this.#requireFinal();
    this.#pathResponse = data.slice();
  }

  onClose(code: number, reason: string): void {
    this.#close = { code, reason };
  }

  #requireFinal(): void {
    if (this.#phase === 0) {
      throw new Violation(closeCodes.protocolViolation, 'user content before the post-quantum exchange');
    }
  }
}

/** For a closed link, to which nothing else in a packet matters. */
export function isCloseIn(frames: Uint8Array): boolean {
  let isClose = false;
  const nothing = (): void => undefined;
  const sink: FrameSink = {
    onPing: nothing,
    onAck: nothing,
    onCrypto: nothing,
    onStream: nothing,
    onMaxData: nothing,
    onMaxStreamData: nothing,
    onMaxStreams: nothing,
    onResetStream: nothing,
    onStopSending: nothing,
    onDatagram: nothing,
    onPathChallenge: nothing,
    onPathResponse: nothing,
    onClose: () => {
      isClose = true;
    },
  };
  try {
    readFrames(frames, sink);
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
  }
  return isClose;
}
