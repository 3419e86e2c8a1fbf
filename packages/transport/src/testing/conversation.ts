/** Two links of one introduction, and what each side has said to the other: every message once, whole and in order. */
import type { Link } from '../link.js';
import type { LinkEnd } from '../link-event.js';
import type { StreamSet } from '../streams/stream-set.js';
import { DatagramTalk } from './datagram-talk.js';
import { saidBytes } from './said-bytes.js';
import { otherSide, type SideName } from './side-name.js';
import { StreamTalk } from './stream-talk.js';
import { unlessRefused } from './unless-refused.js';

/** More than there are conversations in a run, and flows in a conversation. */
const datagramFlows = 1_000_000;
const streamFlows = 2_000_000;
const flowsOfConversation = 100_000;

class Half {
  /** Of each message that was sent. */
  readonly lengths: number[] = [];
  receivedMessages = 0;
  receivedBytes = 0;
  sentBytes = 0;
  /** `send` has said that more has to wait, and nobody has said since that it need not. */
  waitsForDrain = false;
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
  readonly datagrams: DatagramTalk;
  readonly streams: StreamTalk;
  /** One side is gone without a word: nothing is expected of the other but that it notices. */
  isBroken = false;

  constructor(number: number, openedAt: number) {
    this.number = number;
    this.openedAt = openedAt;
    this.datagrams = new DatagramTalk(datagramFlows + 2 * number);
    this.streams = new StreamTalk(streamFlows + flowsOfConversation * number);
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
    return hasAll(a, b) && hasAll(b, a) && (this.streams.isEmpty || this.#areStreamsSettled);
  }

  /** Whether, beyond that, nothing is on its way, nor waits for it. */
  get isAtRest(): boolean {
    if (!this.isEstablished || !this.isQuiet) return false;
    return this.#all(({ link }) => link?.usage.bytesInFlight === 0 && !link.streams.hasContent);
  }

  /** The streams of a side's link, while they can be used. */
  streamsOf(side: SideName): StreamSet | undefined {
    const { link } = this.halves[side];
    return link?.state === 'connecting' || link?.state === 'established' ? link.streams : undefined;
  }

  /** Unless its buffer has no room for it. @param length at least 8 bytes */
  send(from: SideName, length: number): void {
    const half = this.halves[from];
    const message = this.#message(from, half.lengths.length, length);
    const mayGoOn = unlessRefused(['SEND_BUFFER_FULL'], () => half.link?.send(message) ?? true);
    if (mayGoOn === undefined) return;
    half.lengths.push(message.length);
    half.sentBytes += message.length;
    if (!mayGoOn) half.waitsForDrain = true;
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
    return saidBytes(this.number * 2 + (from === 'a' ? 0 : 1), number, length);
  }

  /** All is heard, and what has ended on both sides is forgotten. */
  get #areStreamsSettled(): boolean {
    if (!this.streams.isSettled) return false;
    return (['a', 'b'] as const).every((side) => this.streamsOf(side)?.openStreams === this.streams.openFor(side));
  }

  #all(holds: (half: Half) => boolean): boolean {
    return holds(this.halves.a) && holds(this.halves.b);
  }
}

function hasAll(receiver: Half, sender: Half): boolean {
  return (
    !sender.waitsForDrain &&
    receiver.receivedMessages === sender.lengths.length &&
    (sender.link?.bufferedBytes ?? 0) === 0
  );
}
