/** What is said in simulations: bytes that tell who has said them, and in which place. */
import { SeededRandom } from '@parley/simulator';
import { transportLimits } from '../limits.js';

/** Flow and number. */
export const saidHeaderBytes = 8;

/** A prime, so that bytes which are off by any power of two are others. */
const period = 65_521;
const once = new SeededRandom(0xc0ffee).bytes(period);
/** Any part of it, up to a whole period, begins within the first. */
const noise = Buffer.concat([once, once, once]);

/**
 * @param flow a number for all that one side says in one way
 * @param length at least 8 bytes
 */
export function saidBytes(flow: number, number: number, length: number): Uint8Array {
  const bytes = Buffer.alloc(Math.max(length, saidHeaderBytes));
  bytes.writeUInt32BE(flow, 0);
  bytes.writeUInt32BE(number, 4);
  const start = (number * 7_919 + flow * 104_729) % period;
  noise.copy(bytes, saidHeaderBytes, start, start + bytes.length - saidHeaderBytes);
  return bytes;
}

/** The bytes of a stream from an offset on: a view, of at most 64 KiB. */
export function streamBytes(flow: number, offset: number, length: number): Uint8Array {
  if (length > transportLimits.messageBytes) throw new RangeError('too long a piece of a stream');
  const start = (offset + flow * 104_729) % period;
  return noise.subarray(start, start + length);
}
