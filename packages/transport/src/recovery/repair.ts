/**
 * Repairs a loss before anyone has noticed it: what is small and unacknowledged rides once more in a packet that leaves
 * anyway and has room. A message every 20 ms that was lost is there 20 or 40 ms later, with the message behind it,
 * instead of after a round trip and more.
 */
import type { ByteWriter } from '../wire/byte-writer.js';
import type { LossRecovery } from './loss-recovery.js';
import type { SentContent } from './sent-packet.js';

/** What is older and still in flight was repeated already, or is about to be found lost. */
const repairedPackets = 8;
/** Younger packets share the fate of this one: a burst that a queue drops, it drops whole. */
const youngestMs = 4;
/** Of one packet. Repeating begins below this, so that the last content may pass it. */
const repairBytes = 600;

export class Repair {
  /** Repetitions that are records of their own. They are not repeated in their turn: their originals are. */
  #repetitions: WeakSet<SentContent> | undefined;

  /** Nothing is in flight that was repeated. */
  rest(): void {
    this.#repetitions = undefined;
  }

  /**
   * To be called for a packet that is to leave and has been given all there was to send. Newest packets first: what was
   * sent last has been repeated least. Each content decides whether it is small enough, fits and may be repeated (at
   * most twice, which are the next two packets).
   *
   * @param contents of the packet; what was repeated is added to it
   * @returns how many were repeated
   */
  repeatInto(now: number, recovery: LossRecovery, writer: ByteWriter, contents: SentContent[]): number {
    const ownContents = contents.length;
    const start = writer.length;
    for (const packet of recovery.newest(repairedPackets)) {
      if (packet.isMtuProbe || now - packet.sentAt < youngestMs) continue;
      for (const content of packet.contents) {
        if (writer.room === 0 || writer.length - start >= repairBytes) return contents.length - ownContents;
        // A record may stand for its repetitions too, and so be in several of these packets, or in this one already.
        if (this.#repetitions?.has(content) || contents.includes(content)) continue;
        const repetition = content.repeat(writer);
        if (!repetition) continue;
        if (repetition !== content) (this.#repetitions ??= new WeakSet()).add(repetition);
        contents.push(repetition);
      }
    }
    return contents.length - ownContents;
  }
}
