import type { Clock } from '../domain/index.js';
import type { GatewaySocket } from './gateway-listener.js';
import type { LineWorld } from './line-gateway-world.js';

/** From so much unread on, those who write on wait, each after a share of its own; and go on from so little. In characters. */
const highUnread = 16 * 1024;
const ownShare = 8 * 1024;
const lowUnread = 4 * 1024;

/**
 * With so much unread, a client gets no more of what line users say, who are told: many who each say a little could else
 * have one dropped that reads as fast as it can.
 */
const cloggedUnread = 128 * 1024;

/** A client that others wait for, and that reads nothing for so long, is dropped. */
const stallMs = 5_000;

/**
 * One connection of the line service. What its system has not taken is counted, so that whoever writes to it faster
 * than it reads is slowed down before the queue is full and it is dropped.
 */
export class LineGatewayClient {
  readonly fd: number;
  readonly socket: GatewaySocket;
  readonly world: LineWorld;
  isGone = false;
  /** Its next turn comes. */
  isGoingOn = false;
  isClogged = false;
  readonly #clock: Clock;
  readonly #goOn: (client: LineGatewayClient) => void;
  /** To be told that what was written last has been taken. */
  #delivered: (() => void)[] = [];
  #unread = 0;
  /** What each has written since so much is unread: who says a word is not held up because others say too much. */
  readonly #shares = new Map<LineGatewayClient, number>();
  /** Those who wait for this one to read. */
  readonly #held = new Set<LineGatewayClient>();
  /** How many this one waits for. */
  #waitsFor = 0;
  #stopStall: () => void = () => undefined;
  #isPaused = false;
  #read: () => void = () => undefined;

  /** @param goOn called when this client need not wait for others any more */
  constructor(
    fd: number,
    { socket, world, clock }: { socket: GatewaySocket; world: LineWorld; clock: Clock },
    goOn: (client: LineGatewayClient) => void,
  ) {
    this.fd = fd;
    this.socket = socket;
    this.world = world;
    this.#clock = clock;
    this.#goOn = goOn;
  }

  get mustWait(): boolean {
    return this.#waitsFor > 0;
  }

  /** @param read called when it is no longer clogged */
  whenRead(read: () => void): void {
    this.#read = read;
  }

  /** Calls `delivered` when the system has taken all that is written next. */
  whenWritten(delivered: () => void): void {
    this.#delivered.push(delivered);
  }

  /** @param source whose lines caused it; waits if that is too much */
  write(data: string | Uint8Array, source: LineGatewayClient | undefined): void {
    const { length } = data;
    const delivered = this.#delivered;
    if (delivered.length > 0) this.#delivered = [];
    this.#unread += length;
    if (this.#unread > cloggedUnread) this.isClogged = true;
    this.socket.write(data, () => {
      for (const tell of delivered) tell();
      this.#unread -= length;
      if (this.#held.size > 0) this.#watchStall();
      if (this.#unread > lowUnread) return;
      if (this.isClogged) this.#read();
      this.isClogged = false;
      this.#shares.clear();
      this.#release();
    });
    if (!source || this.#unread <= highUnread || this.isGone) return;
    const share = (this.#shares.get(source) ?? 0) + length;
    this.#shares.set(source, share);
    if (share > ownShare) this.#hold(source);
  }

  /** Whether more is to be read from it. */
  setPaused(isPaused: boolean): void {
    if (isPaused === this.#isPaused) return;
    this.#isPaused = isPaused;
    if (isPaused) this.socket.pause();
    else this.socket.resume();
  }

  gone(): void {
    this.isGone = true;
    this.#delivered = [];
    this.#shares.clear();
    this.#release();
  }

  #hold(source: LineGatewayClient): void {
    if (this.#held.has(source)) return;
    if (this.#held.size === 0) this.#watchStall();
    this.#held.add(source);
    source.#waitsFor += 1;
  }

  /** From now on, or from when it read last. */
  #watchStall(): void {
    this.#stopStall();
    this.#stopStall = this.#clock.after(stallMs, () => {
      this.socket.destroy();
    });
  }

  #release(): void {
    if (this.#held.size === 0) return;
    this.#stopStall();
    const held = [...this.#held];
    this.#held.clear();
    for (const source of held) {
      source.#waitsFor -= 1;
      if (source.#waitsFor === 0 && !source.isGone) this.#goOn(source);
    }
  }
}
