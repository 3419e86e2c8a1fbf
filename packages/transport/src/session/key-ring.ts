/**
 * The sessions of one link: the one in use, the one before it, for packets that are still on their way, and one that
 * waits for the peer's first packet. WireGuard keeps the same three (its paper, section 6.3).
 */
import { keyLimits } from './key-limits.js';
import type { Session } from './session.js';

export class KeyRing {
  readonly #releaseIndex: (index: number) => void;
  /** The pre-shared key of the first handshake. */
  #psk: Uint8Array | undefined;
  #current: Session | undefined;
  #previous: Session | undefined;
  #next: Session | undefined;
  /** For the handshake after the current session; outlives its keys, so that a link can wake after long silence. */
  #nextPsk: Uint8Array | undefined;
  #epoch = -1;

  constructor(psk: Uint8Array, releaseIndex: (index: number) => void) {
    this.#psk = psk;
    this.#releaseIndex = releaseIndex;
  }

  /** The epoch of the session in use; -1 before the first. */
  get epoch(): number {
    return this.#epoch;
  }

  /** What is sent under; undefined before the first handshake and when its keys have expired. */
  get current(): Session | undefined {
    return this.#current;
  }

  /** Whether a session waits for the peer's first packet. */
  get isExpecting(): boolean {
    return this.#next !== undefined;
  }

  find(localIndex: number): Session | undefined {
    if (this.#current?.localIndex === localIndex) return this.#current;
    if (this.#previous?.localIndex === localIndex) return this.#previous;
    return this.#next?.localIndex === localIndex ? this.#next : undefined;
  }

  /** The pre-shared key for a handshake that begins this epoch; undefined for one that cannot come next. */
  pskFor(epoch: number): Uint8Array | undefined {
    if (epoch === 0) return this.#epoch < 0 ? this.#psk : undefined;
    if (epoch === this.#epoch + 1) return this.#nextPsk;
    return this.#next && epoch === this.#next.epoch + 1 ? this.#next.next : undefined;
  }

  /** A handshake that we began is complete: sends under its keys from now on. */
  adopt(session: Session): void {
    this.#drop(this.#next);
    this.#next = undefined;
    this.#promote(session);
  }

  /** We have answered a handshake: whoever sent it may have replayed it, and has to show the keys first. */
  expect(session: Session): void {
    if (this.#next && session.epoch > this.#next.epoch) {
      // Its answer proves that the peer had the session that we still waited for.
      this.#promote(this.#next);
    } else {
      this.#drop(this.#next);
    }
    this.#next = session;
  }

  /** An authentic packet came under this session. @returns whether it is in use only since now */
  confirm(session: Session): boolean {
    if (session !== this.#next) return false;
    this.#next = undefined;
    this.#promote(session);
    return true;
  }

  /** The post-quantum secret was mixed into the first session. */
  onFinal(session: Session): void {
    if (session === this.#current) this.#rememberNext(session);
  }

  /** Erases the keys that are too old to be used. */
  expire(now: number): void {
    if (isExpired(this.#previous, now)) {
      this.#drop(this.#previous);
      this.#previous = undefined;
    }
    if (isExpired(this.#next, now)) {
      this.#drop(this.#next);
      this.#next = undefined;
    }
    if (isExpired(this.#current, now)) {
      this.#drop(this.#current);
      this.#current = undefined;
    }
  }

  /** When `expire` has something to erase. */
  get expiresAt(): number | undefined {
    let oldest: number | undefined;
    for (const session of [this.#current, this.#previous, this.#next]) {
      if (session) oldest = Math.min(oldest ?? Infinity, session.createdAt);
    }
    return oldest === undefined ? undefined : oldest + keyLimits.rejectAfterMs;
  }

  eraseAll(): void {
    for (const session of [this.#current, this.#previous, this.#next]) this.#drop(session);
    this.#current = undefined;
    this.#previous = undefined;
    this.#next = undefined;
    this.#nextPsk?.fill(0);
    this.#nextPsk = undefined;
  }

  #promote(session: Session): void {
    this.#drop(this.#previous);
    this.#previous = this.#current;
    this.#current = session;
    this.#epoch = session.epoch;
    this.#psk = undefined;
    this.#rememberNext(session);
  }

  #rememberNext(session: Session): void {
    // Whoever reads this device's memory later learns nothing about the handshakes before.
    this.#nextPsk?.fill(0);
    this.#nextPsk = session.next;
  }

  #drop(session: Session | undefined): void {
    if (!session) return;
    session.erase();
    if (session.next !== this.#nextPsk) session.next?.fill(0);
    this.#releaseIndex(session.localIndex);
  }
}

function isExpired(session: Session | undefined, now: number): boolean {
  return session !== undefined && now >= session.createdAt + keyLimits.rejectAfterMs;
}
