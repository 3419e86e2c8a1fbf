/** Spreads datagrams over time (RFC 9002, section 7.7): a bucket of credit that the pacing rate fills. */
import { initialWindowBytes } from './initial-window.js';

/** The driver's timers fire on the millisecond, and late: the credit of a few of them can be held. */
const burstMs = 3;
/**
 * A driver that comes later than it was asked to was busy, not idle; what it missed meanwhile it may send at once. Without
 * that, an event loop that others hold for 10 ms a turn would lower the rate with each turn, and the controller would
 * take the lower rate for that of the path. Beyond this much the burst would hurt more than the pause.
 */
const catchUpMs = 25;

export class Pacer {
  #datagramBytes: number;
  #bytesPerMs = Infinity;
  #creditBytes: number;
  #filledAt = -Infinity;
  /** When a driver that has something to send was told to come back. */
  #wakeAt = Infinity;

  constructor(datagramBytes: number) {
    this.#datagramBytes = datagramBytes;
    this.#creditBytes = this.burstBytes;
  }

  /** Leaves at once after a pause: some milliseconds' worth, as much as an initial window, and two datagrams at least. */
  get burstBytes(): number {
    const byRate = Number.isFinite(this.#bytesPerMs) ? this.#bytesPerMs * burstMs : 0;
    return Math.max(byRate, initialWindowBytes(this.#datagramBytes));
  }

  /**
   * Asked before each datagram, and only when there is one to send that the window has room for.
   * @returns `now` when it may leave, else when to ask again
   */
  nextSendAt(now: number): number {
    if (this.#bytesPerMs === Infinity) return now;
    this.#fill(now);
    // A byte less is enough, so that rounding cannot make a wait that is too short for the clock to pass.
    const missingBytes = this.#datagramBytes - 1 - this.#creditBytes;
    if (missingBytes <= 0) return now;
    this.#wakeAt = now + missingBytes / this.#bytesPerMs;
    return this.#wakeAt;
  }

  /** Whatever leaves counts, also what did not ask: probes and acknowledgements with data go into debt. */
  onSent(now: number, bytes: number): void {
    if (this.#bytesPerMs === Infinity) return;
    this.#fill(now);
    this.#creditBytes = Math.max(this.#creditBytes - bytes, -this.burstBytes);
  }

  /** There is nothing to send: the time from here on is a pause and no delay of the driver's. */
  onIdle(): void {
    this.#wakeAt = Infinity;
  }

  /** @param bytesPerMs above 0; Infinity: nothing waits */
  setRate(bytesPerMs: number): void {
    if (!(bytesPerMs > 0)) throw new RangeError('a pacing rate is above 0');
    this.#bytesPerMs = bytesPerMs;
  }

  onDatagramSizeChanged(datagramBytes: number): void {
    this.#datagramBytes = datagramBytes;
  }

  #fill(now: number): void {
    const elapsedMs = now - this.#filledAt;
    if (elapsedMs <= 0) return;
    this.#filledAt = now;
    const lateMs = Math.min(Math.max(now - this.#wakeAt, 0), catchUpMs);
    this.#wakeAt = Infinity;
    const mostBytes = this.burstBytes + lateMs * this.#bytesPerMs;
    this.#creditBytes = Math.min(this.#creditBytes + elapsedMs * this.#bytesPerMs, mostBytes);
  }
}
