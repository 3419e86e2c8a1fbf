import type { Address } from './address.js';
import type { Host } from './host.js';
import type { Nat } from './nat.js';

/**
 * Where addresses are unique: the internet, or the inside of one NAT. Whoever is in it reaches all others in it; the way
 * out of it is its gateway.
 */
export class Realm {
  /** Undefined for the internet. */
  readonly gateway: Nat | undefined;
  readonly #hosts = new Map<string, Map<number, Host>>();
  readonly #nats = new Map<string, Nat>();

  constructor(gateway?: Nat) {
    this.gateway = gateway;
  }

  /** Whether somebody in this realm has the IP address. */
  has(address: string): boolean {
    return this.#nats.has(address) || (this.#hosts.get(address)?.size ?? 0) > 0;
  }

  hostAt({ address, port }: Address): Host | undefined {
    return this.#hosts.get(address)?.get(port);
  }

  natAt(address: string): Nat | undefined {
    return this.#nats.get(address);
  }

  /** @throws Error when somebody is there already */
  place(host: Host, at: Address): void {
    let ports = this.#hosts.get(at.address);
    if (!ports) this.#hosts.set(at.address, (ports = new Map<number, Host>()));
    if (ports.has(at.port) || this.#nats.has(at.address)) {
      throw new Error(`somebody is at ${at.address} ${String(at.port)} already`);
    }
    ports.set(at.port, host);
  }

  remove({ address, port }: Address): void {
    this.#hosts.get(address)?.delete(port);
  }

  /** @throws Error when somebody has its address already */
  placeNat(nat: Nat): void {
    if (this.has(nat.address)) throw new Error(`somebody is at ${nat.address} already`);
    this.#nats.set(nat.address, nat);
  }
}
