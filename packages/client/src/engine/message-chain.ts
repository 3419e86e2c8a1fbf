/**
 * A sender's messages in one conversation form a chain: each has the next sequence number and the hash of the one
 * before. So a receiver sees a message that comes twice, one that is missing, and one that was exchanged.
 */
import { encodeMessageRecord, messageHashBytes, type MessageRecord } from '@parley/protocol';

export type Hash = (bytes: Uint8Array) => Uint8Array;

export class OutgoingChain {
  readonly #hash: Hash;
  #seq = 0;
  #previous: Uint8Array = new Uint8Array(messageHashBytes);

  constructor(hash: Hash) {
    this.#hash = hash;
  }

  /** The encoded record of the next message. */
  next(message: Omit<MessageRecord, 'seq' | 'previous'>): Uint8Array {
    const record = encodeMessageRecord({ ...message, seq: this.#seq + 1, previous: this.#previous });
    this.#seq += 1;
    this.#previous = this.#hash(record);
    return record;
  }
}

/** `gap`: messages before it are missing. `fork`: its sender told others, or us, something else before. */
export type ChainVerdict = 'next' | 'duplicate' | 'gap' | 'fork';

export class IncomingChain {
  readonly #hash: Hash;
  /** Undefined until the first message: a newcomer does not know what was said before. */
  #last: { seq: number; hash: Uint8Array } | undefined;

  constructor(hash: Hash) {
    this.#hash = hash;
  }

  accept(message: MessageRecord, record: Uint8Array): ChainVerdict {
    const last = this.#last;
    if (last && message.seq <= last.seq) return 'duplicate';
    this.#last = { seq: message.seq, hash: this.#hash(record) };
    if (!last) return 'next';
    if (message.seq > last.seq + 1) return 'gap';
    return message.previous.every((byte, i) => byte === last.hash[i]) ? 'next' : 'fork';
  }
}
