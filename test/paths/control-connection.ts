/** The TCP connection of one device with its server: in order, nothing lost while it stands; when it breaks, what is under way is. */
import type { Host, Network } from '@parley/simulator';

export class ControlConnection {
  readonly #network: Network;
  /** One way, in milliseconds, as it is at the moment. */
  readonly #latencyMs: () => number;
  readonly #arrivesAt = { client: -Infinity, server: -Infinity };
  /** What was sent on an earlier connection does not arrive. */
  #number = 0;
  #isUp = true;

  constructor(network: Network, latencyMs: () => number) {
    this.#network = network;
    this.#latencyMs = latencyMs;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  break(): void {
    this.#isUp = false;
    this.#number += 1;
  }

  connect(): void {
    this.#isUp = true;
    this.#arrivesAt.client = this.#arrivesAt.server = -Infinity;
  }

  /** @param host whom the arrival concerns */
  toClient(arrive: () => void, host: Host): void {
    this.#send('client', arrive, host);
  }

  toServer(arrive: () => void, host: Host): void {
    this.#send('server', arrive, host);
  }

  #send(end: 'client' | 'server', arrive: () => void, host: Host): void {
    if (!this.#isUp) return;
    const number = this.#number;
    const at = Math.max(this.#arrivesAt[end], this.#network.now + this.#latencyMs());
    this.#arrivesAt[end] = at;
    const arriveIfUp = (): void => {
      if (number === this.#number) arrive();
    };
    this.#network.schedule(at - this.#network.now, arriveIfUp, host);
  }
}
