/**
 * The blind relay: forwards what two devices say to each other, when they have no direct path. It reads nothing of it,
 * and sends to nobody but the two: each on the control connection of its user, whose login is the proof, or at an
 * address that has proved itself:
 *
 *     client                          relay
 *     bind             ->
 *                      <-             challenge: a cookie, made from the address and a secret; nothing is remembered
 *     prove            ->             the cookie again, and HMAC(token, cookie) by the token of its side
 *                      <-             bound
 *     data             <->            to where the other side is: its address, or its control connection
 *
 * A side is where it was last heard: on its control connection from the beginning, by UDP from its proof on, and back
 * on the control connection when data comes by that, or when the proof is too old.
 * So nobody names a target: whoever forges a source never hears the cookie, and whoever has no token cannot prove. No
 * answer is longer than what it answers. All else gets silence.
 */
import { ByteBucket } from './byte-bucket.js';
import { FairQueue } from './fair-queue.js';
import {
  decodeRelayFrame,
  encodeRelayFrame,
  isRelayData,
  relayChannelOf,
  relayCookieBytes,
  relayProofBytes,
  relaySideOf,
  type RelayFrame,
  type RelaySide,
} from './relay-frames.js';
import type { Address } from './stun-message.js';

export interface RelayOptions {
  /** HMAC-SHA-256 or as good: 32 bytes. */
  readonly mac: (key: Uint8Array, ...parts: readonly Uint8Array[]) => Uint8Array;
  readonly random: (length: number) => Uint8Array;
  readonly equal: (a: Uint8Array, b: Uint8Array) => boolean;
  readonly limits: RelayLimits;
  /** A user has sent all that one may in this period; told once in it. */
  readonly onQuotaUsed?: (user: string) => void;
}

/** What users may take: bytes of frames that they send, each counted as `leastCostBytes` at least. */
export interface RelayLimits {
  readonly channels: number;
  readonly channelsPerUser: number;
  /** Of one user, each second; a quarter of a second's worth may come at once. */
  readonly userBytesPerSecond: number;
  /** Of all together. Infinity for no bound but the machine's. */
  readonly bytesPerSecond: number;
  /** Of one user, in `quotaPeriodMs`. */
  readonly userQuotaBytes: number;
  readonly quotaPeriodMs: number;
  /** One direction of one channel. */
  readonly queueDatagrams: number;
  readonly queueBytes: number;
  /** All that waits to leave; nobody may take more than what is still free. */
  readonly queuesBytes: number;
}

/** What an introduction allows. */
export interface RelayGrant {
  readonly channel: number;
  /** By side: who pays for what it sends. */
  readonly users: readonly [string, string];
  /** By side, 32 bytes; known to that side alone. */
  readonly tokens: readonly [Uint8Array, Uint8Array];
}

/** Where a side is: at an address that has proved itself, or on the control connection of its user. */
export type RelayPlace = { readonly kind: 'udp'; readonly address: Address } | ControlPlace;
interface ControlPlace {
  readonly kind: 'control';
  readonly user: string;
}

export interface RelayTransmit {
  readonly to: RelayPlace;
  readonly bytes: Uint8Array;
}

interface Side {
  readonly user: User;
  readonly token: Uint8Array;
  readonly control: ControlPlace;
  /** The last that it has proved. */
  udp: { readonly kind: 'udp'; readonly address: Address } | undefined;
  provedAt: number;
  /** It was last heard on the control connection. */
  isOnControl: boolean;
}

type Channel = readonly [Side, Side];

interface User {
  readonly name: string;
  readonly bucket: ByteBucket;
  channels: number;
  quotaSince: number;
  quotaBytes: number;
  isQuotaUsed: boolean;
}

interface ChannelSide {
  readonly channel: number;
  readonly side: RelaySide;
}

const burstMs = 250;
/** A cookie is good for one to two of these. */
const cookieMs = 30_000;
/** An address is used for so long after its proof, which clients renew every 20 s: it may be another's by then. */
const proofMs = 60_000;
const secretBytes = 32;
const sweepMs = 10_000;
/** Answers that wait for the socket; those beyond are lost, and asked for again. */
const mostAnswers = 256;
/** A small datagram is as much work as a large one. */
const leastCostBytes = 256;

const encoder = new TextEncoder();

export class Relay {
  readonly #options: RelayOptions;
  readonly #channels = new Map<number, Channel>();
  readonly #users = new Map<string, User>();
  readonly #answers: RelayTransmit[] = [];
  readonly #queue: FairQueue<Side, RelayTransmit>;
  readonly #total: ByteBucket;
  readonly #secret: Uint8Array;
  #sweepAt: number;

  constructor(now: number, options: RelayOptions) {
    const { limits } = options;
    this.#options = options;
    this.#secret = options.random(secretBytes);
    const { queueDatagrams, queueBytes, queuesBytes } = limits;
    this.#queue = new FairQueue({ datagrams: queueDatagrams, bytes: queueBytes, totalBytes: queuesBytes });
    this.#total = new ByteBucket(now, limits.bytesPerSecond, burstMs);
    this.#sweepAt = now + sweepMs;
  }

  get channelCount(): number {
    return this.#channels.size;
  }

  has(channel: number): boolean {
    return this.#channels.has(channel);
  }

  /**
   * Lets the two sides of an introduction talk.
   * @returns false when there are too many channels, of one of them or in all, or already one of this number
   */
  allow(now: number, { channel, users: names, tokens }: RelayGrant): boolean {
    const { channels, channelsPerUser } = this.#options.limits;
    if (this.#channels.size >= channels || this.#channels.has(channel)) return false;
    const users = [this.#user(now, names[0]), this.#user(now, names[1])] as const;
    if (users.some((user) => user.channels >= channelsPerUser)) return false;
    for (const user of users) user.channels += 1;
    this.#channels.set(channel, [newSide(users[0], tokens[0]), newSide(users[1], tokens[1])]);
    return true;
  }

  /** Forwards nothing of it any more. What waits still leaves. */
  revoke(channel: number): void {
    const ended = this.#channels.get(channel);
    if (!ended) return;
    this.#channels.delete(channel);
    for (const { user } of ended) {
      user.channels -= 1;
      // One who has sent something stays until its period is over: coming back gives no new quota.
      if (user.channels === 0 && user.quotaBytes === 0) this.#users.delete(user.name);
    }
  }

  /** @param bytes by UDP, of anybody; kept until they leave */
  handleDatagram(now: number, from: Address, bytes: Uint8Array): void {
    if (isRelayData(bytes)) {
      const side = relaySideOf(bytes);
      const channel = this.#channels.get(relayChannelOf(bytes));
      if (!channel || side === undefined) return;
      const own = channel[side];
      const proved = own.udp?.address;
      if (proved?.port !== from.port || proved.address !== from.address || now >= own.provedAt + proofMs) return;
      own.isOnControl = false;
      this.#forward(now, own, channel[side === 0 ? 1 : 0], bytes);
      return;
    }
    const frame = decodeRelayFrame(bytes);
    const channel = frame && this.#channels.get(frame.channel);
    if (channel) this.#handleAsk(now, from, frame, channel[frame.side]);
  }

  /**
   * @param bytes by the control connection on which `user` is logged in; kept until they leave. Only data is taken: there
   * is nothing to prove.
   */
  handleControlFrame(now: number, user: string, bytes: Uint8Array): void {
    if (!isRelayData(bytes)) return;
    const side = relaySideOf(bytes);
    const channel = this.#channels.get(relayChannelOf(bytes));
    if (!channel || side === undefined || channel[side].user.name !== user) return;
    channel[side].isOnControl = true;
    this.#forward(now, channel[side], channel[side === 0 ? 1 : 0], bytes);
  }

  pollTransmit(now: number): RelayTransmit | undefined {
    if (this.#answers.length > 0) return this.#answers.shift();
    if (this.#queue.isEmpty || this.#total.readyAt(now) > now) return undefined;
    const next = this.#queue.shift();
    if (next) this.#total.take(now, costOf(next.bytes));
    return next;
  }

  handleTimeout(now: number): void {
    if (now < this.#sweepAt) return;
    this.#sweepAt = now + sweepMs;
    const { quotaPeriodMs } = this.#options.limits;
    for (const [name, user] of this.#users) {
      const isOver = user.quotaBytes === 0 || now >= user.quotaSince + quotaPeriodMs;
      if (user.channels === 0 && isOver) this.#users.delete(name);
    }
  }

  nextTimeout(now: number): number {
    return this.#queue.isEmpty ? this.#sweepAt : Math.min(this.#sweepAt, this.#total.readyAt(now));
  }

  #handleAsk(now: number, from: Address, frame: RelayFrame, side: Side): void {
    switch (frame.type) {
      case 'bind':
        this.#answer(from, { ...frame, type: 'challenge', cookie: this.#cookie(epochOf(now), from, frame) });
        return;
      case 'prove': {
        const { equal } = this.#options;
        const epoch = epochOf(now);
        const isFresh = [epoch, epoch - 1].some((one) => equal(frame.cookie, this.#cookie(one, from, frame)));
        if (!isFresh || !equal(frame.proof, this.#proof(side.token, frame.cookie))) return;
        side.udp = { kind: 'udp', address: { address: from.address, port: from.port } };
        side.provedAt = now;
        side.isOnControl = false;
        this.#answer(from, { type: 'bound', side: frame.side, channel: frame.channel });
        return;
      }
      case 'data':
      case 'challenge':
      case 'bound':
        // Data has been taken before; the others only a relay says.
        return;
    }
  }

  #forward(now: number, from: Side, to: Side, bytes: Uint8Array): void {
    const isAtAddress = !to.isOnControl && now < to.provedAt + proofMs;
    const place = (isAtAddress ? to.udp : undefined) ?? to.control;
    if (this.#takeQuota(now, from.user, costOf(bytes))) this.#queue.push(from, { to: place, bytes }, bytes.length);
  }

  #user(now: number, name: string): User {
    let user = this.#users.get(name);
    if (!user) {
      const bucket = new ByteBucket(now, this.#options.limits.userBytesPerSecond, burstMs);
      this.#users.set(name, (user = { name, bucket, channels: 0, quotaSince: now, quotaBytes: 0, isQuotaUsed: false }));
    }
    return user;
  }

  #takeQuota(now: number, user: User, bytes: number): boolean {
    const { userQuotaBytes, quotaPeriodMs } = this.#options.limits;
    if (now >= user.quotaSince + quotaPeriodMs) {
      user.quotaSince = now;
      user.quotaBytes = 0;
      user.isQuotaUsed = false;
    }
    if (user.quotaBytes + bytes > userQuotaBytes) {
      if (!user.isQuotaUsed) this.#options.onQuotaUsed?.(user.name);
      user.isQuotaUsed = true;
      return false;
    }
    if (!user.bucket.take(now, bytes)) return false;
    user.quotaBytes += bytes;
    return true;
  }

  #answer(address: Address, frame: RelayFrame): void {
    if (this.#answers.length >= mostAnswers) return;
    this.#answers.push({ to: { kind: 'udp', address }, bytes: encodeRelayFrame(frame) });
  }

  #cookie(epoch: number, { address, port }: Address, { side, channel }: ChannelSide): Uint8Array {
    const text = `${String(epoch)} ${address} ${String(port)} ${String(channel)} ${String(side)}`;
    return this.#options.mac(this.#secret, encoder.encode(text)).slice(0, relayCookieBytes);
  }

  #proof(token: Uint8Array, cookie: Uint8Array): Uint8Array {
    return this.#options.mac(token, cookie).slice(0, relayProofBytes);
  }
}

function newSide(user: User, token: Uint8Array): Side {
  const control = { kind: 'control', user: user.name } as const;
  return { user, token, control, udp: undefined, provedAt: 0, isOnControl: true };
}

function costOf(bytes: Uint8Array): number {
  return Math.max(leastCostBytes, bytes.length);
}

function epochOf(now: number): number {
  return Math.floor(now / cookieMs);
}
