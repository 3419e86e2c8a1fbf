import type { AcknowledgedEvent, CongestionController, LostEvent } from './congestion-control.js';
import { transportLimits } from '../limits.js';

const datagramBytes = transportLimits.datagramBytes;
export const initialWindowBytes = 10 * datagramBytes;
export const minimumWindowBytes = 2 * datagramBytes;

/** NewReno as in RFC 9002, section 7 and appendix B. */
export class NewReno implements CongestionController {
  #windowBytes = initialWindowBytes;
  #slowStartThresholdBytes = Infinity;
  /** Losses of packets sent before this moment belong to a reduction that was made already. */
  #recoveryStartedAt = -Infinity;
  #acknowledgedBytes = 0;

  get windowBytes(): number {
    return this.#windowBytes;
  }

  onAcknowledged(event: AcknowledgedEvent): void {
    if (event.appLimited || event.sentAt <= this.#recoveryStartedAt) return;
    if (this.#windowBytes < this.#slowStartThresholdBytes) {
      this.#grow(event.bytes);
      return;
    }
    this.#acknowledgedBytes += event.bytes;
    if (this.#acknowledgedBytes >= this.#windowBytes) {
      this.#acknowledgedBytes -= this.#windowBytes;
      this.#grow(datagramBytes);
    }
  }

  onLost(event: LostEvent): void {
    if (event.newestSentAt > this.#recoveryStartedAt) {
      this.#recoveryStartedAt = event.now;
      this.#windowBytes = Math.max(this.#windowBytes / 2, minimumWindowBytes);
      this.#slowStartThresholdBytes = this.#windowBytes;
      this.#acknowledgedBytes = 0;
    }
    if (event.persistentCongestion) {
      this.#windowBytes = minimumWindowBytes;
      this.#recoveryStartedAt = -Infinity;
    }
  }

  #grow(bytes: number): void {
    this.#windowBytes = Math.min(this.#windowBytes + bytes, transportLimits.congestionWindowBytes);
  }
}
