/** Two links of one introduction, and what each side has said to the other: every message once, whole and in order. */
import { SeededRandom } from '@parley/simulator';
import { transportLimits } from '../limits.js';
import type { Link } from '../link.js';
import type { LinkEnd } from '../link-event.js';

export type SideName = 'a' | 'b';

export function otherSide(side: SideName): SideName {
  return side === 'a' ? 'b' : 'a';
}

/** Conversation and number of the message. */
const headerBytes = 8;

/** What messages are filled with: each with another part of it. */
const noise = Buffer.from(new SeededRandom(0xc0ffee).bytes(2 * transportLimits.messageBytes));

class Half {
  /** Of each message that was sent. */
  readonly lengths: number[] = [];
  receivedMessages = 0;
  receivedBytes = 0;
  sentBytes = 0;
  link: Link | undefined;
  isEstablished = false;
  hasClosed = false;
  closedAt = Infinity;
  bufferedAtClose = 0;
  end: LinkEnd | undefined;
}

export class Conversation {
  readonly number: number;
  readonly halves: Readonly<Record<SideName, Half>> = { a: new Half(), b: new Half() };
  readonly openedAt: number;
  /** One side is gone without a word: nothing is expected of the other but that it notices. */
  isBroken = false;

  constructor(number: number, openedAt: number) {
    this.number = number;
    this.openedAt = openedAt;
  }

  /** Whether both sides are, or may still become, able to talk. */
  get isLive(): boolean {
    return !this.isBroken && this.#all((half) => half.end === undefined && !half.hasClosed);
  }

  get isEstablished(): boolean {
    return this.#all((half) => half.isEstablished);
  }

  get isOver(): boolean {
    return this.#all((half) => half.end !== undefined || half.link === undefined);
  }

  /** Whether all that was said has arrived and is acknowledged. */
  get isQuiet(): boolean {
    const { a, b } = this.halves;
    return hasAll(a, b) && hasAll(b, a);
  }

  /** @param length at least 8 bytes */
  send(from: SideName, length: number): void {
    const half = this.halves[from];
    const message = this.#message(from, half.lengths.length, length);
    half.link?.send(message);
    half.lengths.push(message.length);
    half.sentBytes += message.length;
  }

  /** @throws Error when it is not exactly the next of what the other side has sent */
  receive(to: SideName, bytes: Uint8Array): void {
    const half = this.halves[to];
    const from = otherSide(to);
    const number = half.receivedMessages;
    const length = this.halves[from].lengths[number];
    if (length === undefined) throw new Error(`${to} hears more than ${from} has said`);
    if (Buffer.compare(bytes, this.#message(from, number, length)) !== 0) {
      throw new Error(`${to} hears something else than message ${String(number)} of ${from}`);
    }
    half.receivedMessages += 1;
    half.receivedBytes += length;
  }

  #message(from: SideName, number: number, length: number): Uint8Array {
    const message = Buffer.alloc(Math.max(length, headerBytes));
    message.writeUInt32BE(this.number * 2 + (from === 'a' ? 0 : 1), 0);
    message.writeUInt32BE(number, 4);
    const start = (number * 7_919 + this.number * 104_729) % transportLimits.messageBytes;
    noise.copy(message, headerBytes, start, start + message.length - headerBytes);
    return message;
  }

  #all(holds: (half: Half) => boolean): boolean {
    return holds(this.halves.a) && holds(this.halves.b);
  }
}

function hasAll(receiver: Half, sender: Half): boolean {
  return receiver.receivedMessages === sender.lengths.length && (sender.link?.bufferedBytes ?? 0) === 0;
}
