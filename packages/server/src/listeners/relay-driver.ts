import { createHmac, randomBytes, randomInt, timingSafeEqual } from 'node:crypto';
import { Relay, type Address, type RelayLimits } from '@parley/rendezvous';
import type { Clock, RelayChannel, RelayChannels } from '../domain/index.js';
import type { RelayOnControl } from '../handlers/handler.js';
import type { Log } from '../log.js';

/** The two ways out. */
export interface RelayOutlets {
  /** By UDP. */
  readonly send: (bytes: Uint8Array, to: Address) => void;
  /** Nothing can be sent by UDP for the moment; it waits in the relay, where all get their turn. */
  readonly isFull: () => boolean;
  /** By the control connection of a user, each frame in base64; not more than may be in a line. */
  readonly deliver: (user: string, frames: string[]) => void;
}

export interface RelayDriverParts {
  readonly limits: RelayLimits;
  /** Frames in a line to a client. */
  readonly lineFrames: number;
  readonly clock: Clock;
  readonly monotonicMs: () => number;
  readonly log: Log;
}

/** Asked again whether the system takes more. */
const fullRetryMs = 1;
const mostChannel = 0xff_ff_ff_ff;
const tokenBytes = 32;
/** A full relay is told of, but not for each pair. */
const warnEveryMs = 60_000;

/** The relay with a clock, a timer and its ways out. */
export class RelayDriver implements RelayChannels, RelayOnControl {
  readonly #relay: Relay;
  readonly #parts: RelayDriverParts;
  #outlets: RelayOutlets | undefined;
  /** What leaves now on control connections: the frames of each in one line. */
  readonly #onControl = new Map<string, string[]>();
  #warnAt = -Infinity;
  #timerAt = Infinity;
  #stopTimer: () => void = () => undefined;

  constructor(parts: RelayDriverParts) {
    this.#parts = parts;
    this.#relay = new Relay(parts.monotonicMs(), {
      mac: (key, ...pieces) => {
        const hmac = createHmac('sha256', key);
        for (const piece of pieces) hmac.update(piece);
        return hmac.digest();
      },
      random: (length) => randomBytes(length),
      equal: (a, b) => a.length === b.length && timingSafeEqual(a, b),
      limits: parts.limits,
      onQuotaUsed: (user) => {
        parts.log.info({ user }, 'the relay quota of a user is used up');
      },
    });
  }

  /** To be called once there is a way out; before, nothing leaves. */
  start(outlets: RelayOutlets): void {
    this.#outlets = outlets;
    this.#arm(this.#parts.monotonicMs(), outlets);
  }

  draw(): RelayChannel {
    let number: number;
    do number = randomInt(1, mostChannel + 1);
    while (this.#relay.has(number));
    const token = (): string => randomBytes(tokenBytes).toString('base64');
    return { number, tokens: [token(), token()] };
  }

  allow({ number, tokens }: RelayChannel, users: readonly [string, string]): boolean {
    const secrets = [Buffer.from(tokens[0], 'base64'), Buffer.from(tokens[1], 'base64')] as const;
    const now = this.#parts.monotonicMs();
    const isAllowed = this.#relay.allow(now, { channel: number, users, tokens: secrets });
    if (!isAllowed && now >= this.#warnAt) {
      this.#warnAt = now + warnEveryMs;
      this.#parts.log.warn({ users }, 'the relay has no channel left: without a direct path these have none');
    }
    return isAllowed;
  }

  revoke(number: number): void {
    this.#relay.revoke(number);
  }

  /** @param bytes not used by the caller any more */
  receiveByUdp(from: Address, bytes: Uint8Array): void {
    const now = this.#parts.monotonicMs();
    this.#relay.handleDatagram(now, from, bytes);
    this.#transmit(now);
  }

  receiveOnControl(user: string, frames: readonly string[]): void {
    const now = this.#parts.monotonicMs();
    for (const frame of frames) this.#relay.handleControlFrame(now, user, Buffer.from(frame, 'base64'));
    this.#transmit(now);
  }

  stop(): void {
    this.#outlets = undefined;
    this.#stopTimer();
  }

  #transmit(now: number): void {
    const outlets = this.#outlets;
    if (!outlets) return;
    while (!outlets.isFull()) {
      const next = this.#relay.pollTransmit(now);
      if (!next) break;
      if (next.to.kind === 'udp') outlets.send(next.bytes, next.to.address);
      else this.#collect(outlets, next.to.user, next.bytes);
    }
    if (this.#onControl.size > 0) {
      for (const [user, frames] of this.#onControl) outlets.deliver(user, frames);
      this.#onControl.clear();
    }
    this.#arm(now, outlets);
  }

  #collect(outlets: RelayOutlets, user: string, bytes: Uint8Array): void {
    const frames = this.#onControl.get(user) ?? [];
    frames.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64'));
    this.#onControl.set(user, frames);
    if (frames.length < this.#parts.lineFrames) return;
    this.#onControl.delete(user);
    outlets.deliver(user, frames);
  }

  /** One timer for all; most datagrams leave it as it is. */
  #arm(now: number, outlets: RelayOutlets): void {
    const at = outlets.isFull() ? now + fullRetryMs : this.#relay.nextTimeout(now);
    if (at >= this.#timerAt) return;
    this.#stopTimer();
    this.#timerAt = at;
    this.#stopTimer = this.#parts.clock.after(Math.max(0, Math.ceil(at - now)), () => {
      this.#timerAt = Infinity;
      const then = this.#parts.monotonicMs();
      this.#relay.handleTimeout(then);
      this.#transmit(then);
    });
  }
}
