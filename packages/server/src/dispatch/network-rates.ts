import { clientNetwork } from '../passwords/client-network.js';
import { TokenBucket, type Rate } from './token-bucket.js';

/** Networks that are remembered; beyond, the one is forgotten that was silent for the longest time. */
const networksMax = 4_096;

/** One rate for all connections of a network together: for those who may come anew as often as they like. */
export class NetworkRates {
  readonly #rate: Rate;
  readonly #monotonicMs: () => number;
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(rate: Rate, monotonicMs: () => number) {
    this.#rate = rate;
    this.#monotonicMs = monotonicMs;
  }

  /** @returns 0 when one more may pass, else after how many milliseconds it may */
  take(address: string): number {
    const now = this.#monotonicMs();
    const network = clientNetwork(address);
    const bucket = this.#buckets.get(network) ?? new TokenBucket(this.#rate, now);
    // Now the last in the order of the map.
    this.#buckets.delete(network);
    this.#buckets.set(network, bucket);
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size > networksMax && oldest !== undefined) this.#buckets.delete(oldest);
    return bucket.take(now);
  }
}
