// Messages with a number and a time in them, so that the receiver sees order, loss and age.
import { sharedNowMs } from './samples.mjs';

/**
 * A transport may refer to so many messages after `send` has returned: those within its high-water mark. One that refers
 * to more would send wrong numbers, which the receiver sees. Few enough to stay in the cache.
 */
const ringSlots = 1_024;
const numberAt = 0;
const timeAt = 4;
const headBytes = 12;

export class NumberedMessages {
  #ring = [];
  sent = 0;

  constructor(messageBytes) {
    if (messageBytes < headBytes) throw new RangeError('too short for number and time');
    this.#ring = Array.from({ length: ringSlots }, () => Buffer.alloc(messageBytes, 'message '));
  }

  /** The time is left out where nobody looks at it. */
  next(withTime) {
    const message = this.#ring[this.sent % ringSlots];
    message.writeUInt32LE(this.sent >>> 0, numberAt);
    if (withTime) message.writeDoubleLE(sharedNowMs(), timeAt);
    this.sent += 1;
    return message;
  }
}

export class MessageCounter {
  #isReliable;
  received = 0;

  /** @param isReliable then every number must come, in order */
  constructor(isReliable) {
    this.#isReliable = isReliable;
  }

  /** @throws Error when one is missing or out of its order */
  take(message) {
    const number = message[0] | (message[1] << 8) | (message[2] << 16) | (message[3] << 24);
    if (this.#isReliable && number !== (this.received | 0)) {
      throw new Error(`message ${this.received} was expected, ${number} came`);
    }
    this.received += 1;
  }
}

/** How old a message is, in ms. */
export function ageMs(message) {
  return sharedNowMs() - new DataView(message.buffer, message.byteOffset, message.byteLength).getFloat64(timeAt, true);
}
