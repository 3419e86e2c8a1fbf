import type { SentPacket } from './sent-packet.js';

/** Waits for all packets of one loss episode to arrive after all: one that does not was lost indeed. */
export class UndoWatch {
  #fromNumber = 0;
  #missing = 0;

  /** A new episode begins with this packet; those before it are no matter of it. */
  begin(number: number): void {
    this.#fromNumber = number;
    this.#missing = 0;
  }

  onLost(packets: number): void {
    this.#missing += packets;
  }

  /** @returns whether the episode was none; said once */
  onSpuriousLoss(packets: readonly SentPacket[]): boolean {
    if (this.#missing === 0) return false;
    for (const { number } of packets) if (number >= this.#fromNumber && this.#missing > 0) this.#missing -= 1;
    return this.#missing === 0;
  }

  /** What was lost can no longer be made undone. */
  forget(): void {
    this.#missing = 0;
  }
}
