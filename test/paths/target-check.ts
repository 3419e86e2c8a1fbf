/** No device sends to an address that its peer has not offered and that nothing was heard from. */
import { type Address, type Route } from '@parley/rendezvous';

export class TargetCheck {
  readonly #allowed = new Set<string>();
  readonly #offeredIps = new Set<string>();
  /** Birthday punching has its turn. */
  mayTryPorts = false;

  constructor(servers: readonly Address[]) {
    for (const server of servers) this.#allowed.add(textOf(server));
  }

  handleOffer(candidates: readonly Address[]): void {
    for (const candidate of candidates) {
      this.#allowed.add(textOf(candidate));
      this.#offeredIps.add(candidate.address);
    }
  }

  /** Something came from there. */
  handleHeard(route: Route): void {
    if (route.kind !== 'relay') this.#allowed.add(textOf(route.to));
  }

  /** It is to be probed: while birthday punching has its turn that may be any port of an address that was offered. */
  handleProbe(route: Route): void {
    if (route.kind === 'relay' || !this.mayTryPorts || !this.#offeredIps.has(route.to.address)) return;
    this.#allowed.add(textOf(route.to));
  }

  /** @returns the same @throws Error when it goes where it must not go */
  checked<D extends { readonly to: Address }>(datagram: D): D {
    const { to } = datagram;
    if (!this.#allowed.has(textOf(to))) {
      throw new Error(`a datagram to ${textOf(to)}, which was neither offered nor heard from`);
    }
    return datagram;
  }
}

function textOf({ address, port }: Address): string {
  return `${address} ${String(port)}`;
}
