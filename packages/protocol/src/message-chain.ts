/**
 * A sender's messages form a chain: each has the next sequence number and the hash of the one before. So a receiver
 * sees a message that comes twice, one that is missing, and one that does not fit what was said before. What a sender
 * tells others it does not see.
 */
import { encodeMessageRecord, messageHashBytes, type MessageRecord } from './peer-message.js';

/** SHA-256. */
export type Hash = (bytes: Uint8Array) => Uint8Array;

export class OutgoingChain {
  readonly #hash: Hash;
  readonly #chain: Uint8Array;
  #seq = 0;
  #previous: Uint8Array = new Uint8Array(messageHashBytes);

  /** @param chain 8 random bytes that name it */
  constructor(hash: Hash, chain: Uint8Array) {
    this.#hash = hash;
    this.#chain = chain;
  }

  /** The encoded record of the next message. */
  next(message: { id: Uint8Array; conversation: Uint8Array; sender: string; at: number; text: string }): Uint8Array {
    const place = { chain: this.#chain, seq: this.#seq + 1, previous: this.#previous };
    const record = encodeMessageRecord({ ...message, ...place });
    this.#seq += 1;
    this.#previous = this.#hash(record);
    return record;
  }
}

/**
 * `duplicate`: the very message that came last. `stale`: an older number, of which no more is known.
 * `gap`: messages before it are missing. `fork`: it contradicts what this sender said before.
 */
export type ChainVerdict = 'next' | 'duplicate' | 'stale' | 'gap' | 'fork';

export class IncomingChain {
  readonly #hash: Hash;
  /** Undefined until the first message. */
  #last: { chain: Uint8Array; seq: number; hash: Uint8Array } | undefined;

  constructor(hash: Hash) {
    this.#hash = hash;
  }

  /**
   * A chain that is new here may begin anywhere: a newcomer does not know what was said before.
   * A message that is `stale`, `duplicate` or an exchanged last one changes nothing.
   */
  accept(message: MessageRecord, record: Uint8Array): ChainVerdict {
    const { chain, seq, previous } = message;
    const last = this.#last && sameBytes(this.#last.chain, chain) ? this.#last : undefined;
    if (last && seq < last.seq) return 'stale';
    const hash = this.#hash(record);
    if (last?.seq === seq) return sameBytes(last.hash, hash) ? 'duplicate' : 'fork';
    this.#last = { chain, seq, hash };
    if (!last) return 'next';
    if (seq > last.seq + 1) return 'gap';
    return sameBytes(previous, last.hash) ? 'next' : 'fork';
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
