/** Which addresses beside the path the peer is heard from: each is told of once, however much comes from there. */
import { sameAddress, type Address } from '../address.js';

export const heardLimits = {
  /** So many are remembered; the one that was new first is forgotten first. */
  addresses: 32,
  /** Somebody who sends copies of packets from everywhere makes no more news than this. */
  intervalMs: 100,
} as const;

export class HeardAddresses {
  readonly #known: Address[] = [];
  #toldAt = -Infinity;

  /** It is the path, or was: no news. */
  know({ address, port }: Address): void {
    if (this.#known.some((known) => known.port === port && known.address === address)) return;
    if (this.#known.length === heardLimits.addresses) this.#known.shift();
    this.#known.push({ address, port });
  }

  /** @returns whether to tell of it; what has to wait for its time is told with a later packet */
  isNews(now: number, from: Address): boolean {
    if (now - this.#toldAt < heardLimits.intervalMs) return false;
    if (this.#known.some((known) => sameAddress(known, from))) return false;
    this.#toldAt = now;
    this.know(from);
    return true;
  }
}
