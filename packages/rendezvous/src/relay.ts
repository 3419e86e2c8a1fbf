/**
 * The blind relay: forwards what two devices say to each other, when they have no direct path. It reads nothing of it,
 * and sends to nobody but the two, each at an address that has proved itself:
 *
 *     client                          relay
 *     bind             ->
 *                      <-             challenge: a cookie, made from the address and a secret; nothing is remembered
 *     prove            ->             the cookie again, and HMAC(token, cookie) by the token of its side
 *                      <-             bound
 *     data             <->            to where the other side has proved itself
 *
 * So nobody names a target: whoever forges a source never hears the cookie, and whoever has no token cannot prove. No
 * answer is longer than what it answers. All else gets silence.
 */
import { ByteBucket } from './byte-bucket.js';
import { FairQueue } from './fair-queue.js';
import {
  decodeRelayFrame,
  encodeRelayFrame,
  relayCookieBytes,
  relayProofBytes,
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
}

/** What users may take; payload bytes, of both directions together. */
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
  /** A channel ends when nothing was forwarded on it for so long. */
  readonly idleMs: number;
  /** One direction of one channel. */
  readonly queueDatagrams: number;
  readonly queueBytes: number;
}

/** What an introduction allows. */
export interface RelayGrant {
  readonly channel: number;
  /** By side: who pays for what it sends. */
  readonly users: readonly [string, string];
  /** By side, 32 bytes; known to that side alone. */
  readonly tokens: readonly [Uint8Array, Uint8Array];
}

export interface RelayTransmit {
  readonly to: Address;
  readonly bytes: Uint8Array;
}

interface ChannelSide {
  readonly channel: number;
  readonly side: RelaySide;
}

interface Channel {
  readonly grant: RelayGrant;
  /** By side; undefined until it has proved one. */
  readonly addresses: [Address | undefined, Address | undefined];
  usedAt: number;
}

interface User {
  readonly bucket: ByteBucket;
  channels: number;
  quotaSince: number;
  quotaBytes: number;
}

const burstMs = 250;
/** A cookie is good for one to two of these. */
const cookieMs = 30_000;
const secretBytes = 32;
const sweepMs = 10_000;
/** Answers that wait for the socket; those beyond are lost, and asked for again. */
const mostAnswers = 256;

const encoder = new TextEncoder();

export class Relay {
  readonly #options: RelayOptions;
  readonly #channels = new Map<number, Channel>();
  readonly #users = new Map<string, User>();
  readonly #answers: RelayTransmit[] = [];
  readonly #queue: FairQueue<RelayTransmit>;
  readonly #total: ByteBucket;
  readonly #secret: Uint8Array;
  #sweepAt: number;

  constructor(now: number, options: RelayOptions) {
    const { limits } = options;
    this.#options = options;
    this.#secret = options.random(secretBytes);
    this.#queue = new FairQueue({ datagrams: limits.queueDatagrams, bytes: limits.queueBytes });
    this.#total = new ByteBucket(now, limits.bytesPerSecond, burstMs);
    this.#sweepAt = now + sweepMs;
  }

  get channelCount(): number {
    return this.#channels.size;
  }

  /** Lets the two sides of an introduction bind. @returns false when there are too many channels, of one of them or in all */
  allow(now: number, grant: RelayGrant): boolean {
    const { channels, channelsPerUser } = this.#options.limits;
    if (this.#channels.has(grant.channel)) throw new RangeError('a channel is granted once');
    const users = grant.users.map((name) => this.#user(now, name));
    if (this.#channels.size >= channels || users.some((user) => user.channels >= channelsPerUser)) return false;
    for (const user of users) user.channels += 1;
    this.#channels.set(grant.channel, { grant, addresses: [undefined, undefined], usedAt: now });
    return true;
  }

  /** Forwards nothing of it any more. What waits still leaves. */
  revoke(channel: number): void {
    const ended = this.#channels.get(channel);
    if (!ended) return;
    this.#channels.delete(channel);
    for (const name of ended.grant.users) {
      const user = this.#users.get(name);
      if (user) user.channels -= 1;
    }
  }

  /** @param bytes of anybody; kept until they leave */
  handleDatagram(now: number, from: Address, bytes: Uint8Array): void {
    const frame = decodeRelayFrame(bytes);
    const channel = frame && this.#channels.get(frame.channel);
    if (!channel) return;
    const { side } = frame;
    switch (frame.type) {
      case 'bind':
        this.#answer(from, { ...frame, type: 'challenge', cookie: this.#cookie(epochOf(now), from, frame) });
        return;
      case 'prove': {
        const epoch = epochOf(now);
        const isFresh = [epoch, epoch - 1].some((one) =>
          this.#options.equal(frame.cookie, this.#cookie(one, from, frame)),
        );
        if (!isFresh || !this.#options.equal(frame.proof, this.#proof(channel.grant.tokens[side], frame.cookie)))
          return;
        channel.addresses[side] = from;
        channel.usedAt = now;
        this.#answer(from, { type: 'bound', side, channel: frame.channel });
        return;
      }
      case 'data': {
        const own = channel.addresses[side];
        const to = channel.addresses[side === 0 ? 1 : 0];
        if (!to || own?.address !== from.address || own.port !== from.port) return;
        if (!this.#takeQuota(now, channel.grant.users[side], frame.payload.length)) return;
        channel.usedAt = now;
        this.#queue.push(`${String(frame.channel)} ${String(side)}`, { to, bytes }, bytes.length);
        return;
      }
      case 'challenge':
      case 'bound':
        // What only a relay says.
        return;
    }
  }

  pollTransmit(now: number): RelayTransmit | undefined {
    const answer = this.#answers.shift();
    if (answer) return answer;
    if (this.#queue.isEmpty || this.#total.readyAt(now) > now) return undefined;
    const next = this.#queue.shift();
    if (next) this.#total.take(now, next.bytes.length);
    return next;
  }

  handleTimeout(now: number): void {
    if (now < this.#sweepAt) return;
    this.#sweepAt = now + sweepMs;
    const { idleMs, quotaPeriodMs } = this.#options.limits;
    for (const [id, { usedAt }] of this.#channels) if (now >= usedAt + idleMs) this.revoke(id);
    for (const [name, user] of this.#users) {
      if (user.channels === 0 && now >= user.quotaSince + quotaPeriodMs) this.#users.delete(name);
    }
  }

  nextTimeout(now: number): number {
    return this.#queue.isEmpty ? this.#sweepAt : Math.min(this.#sweepAt, this.#total.readyAt(now));
  }

  #user(now: number, name: string): User {
    let user = this.#users.get(name);
    if (!user) {
      const bucket = new ByteBucket(now, this.#options.limits.userBytesPerSecond, burstMs);
      this.#users.set(name, (user = { bucket, channels: 0, quotaSince: now, quotaBytes: 0 }));
    }
    return user;
  }

  #takeQuota(now: number, name: string, bytes: number): boolean {
    const { userQuotaBytes, quotaPeriodMs } = this.#options.limits;
    const user = this.#user(now, name);
    if (now >= user.quotaSince + quotaPeriodMs) {
      user.quotaSince = now;
      user.quotaBytes = 0;
    }
    if (user.quotaBytes + bytes > userQuotaBytes || !user.bucket.take(now, bytes)) return false;
    user.quotaBytes += bytes;
    return true;
  }

  #answer(to: Address, frame: RelayFrame): void {
    if (this.#answers.length < mostAnswers) this.#answers.push({ to, bytes: encodeRelayFrame(frame) });
  }

  #cookie(epoch: number, { address, port }: Address, { side, channel }: ChannelSide): Uint8Array {
    const text = `${String(epoch)} ${address} ${String(port)} ${String(channel)} ${String(side)}`;
    return this.#options.mac(this.#secret, encoder.encode(text)).slice(0, relayCookieBytes);
  }

  #proof(token: Uint8Array, cookie: Uint8Array): Uint8Array {
    return this.#options.mac(token, cookie).slice(0, relayProofBytes);
  }
}

function epochOf(now: number): number {
  return Math.floor(now / cookieMs);
}
