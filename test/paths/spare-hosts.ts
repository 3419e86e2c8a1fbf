/** The sockets beside the one that birthday punching opens: hosts of the simulated network. */
import { spareAddress, type Address } from '@parley/rendezvous';
import type { Host, Network, Realm } from '@parley/simulator';

interface Datagram {
  readonly to: Address;
  readonly bytes: Uint8Array;
}

interface Spare {
  readonly host: Host;
  readonly outbox: Datagram[];
}

const firstPort = 20_000;

export class SpareHosts {
  readonly #network: Network;
  readonly #main: Host;
  readonly #receive: (now: number, from: Address, bytes: Uint8Array) => void;
  readonly #spares = new Map<number, Spare>();
  #next = 1;

  /** @param receive told the address `via-N ...` */
  constructor(network: Network, main: Host, receive: (now: number, from: Address, bytes: Uint8Array) => void) {
    this.#network = network;
    this.#main = main;
    this.#receive = receive;
  }

  get count(): number {
    return this.#spares.size;
  }

  open(count: number): number[] {
    return Array.from({ length: count }, () => {
      const number = this.#next++;
      const outbox: Datagram[] = [];
      const protocol = {
        handleDatagram: (now: number, from: Address, bytes: Uint8Array) => {
          this.#receive(now, spareAddress(number, from), bytes);
        },
        handleTimeout: () => undefined,
        pollTransmit: () => outbox.shift(),
        nextTimeout: () => undefined,
      };
      const at = { address: this.#main.address.address, port: firstPort + number };
      const host = this.#network.attach(protocol, at, undefined, this.#main.realm);
      this.#spares.set(number, { host, outbox });
      return number;
    });
  }

  send(number: number, datagram: Datagram): void {
    const spare = this.#spares.get(number);
    spare?.outbox.push(datagram);
    spare?.host.wake();
  }

  closeAllBut(keep: number | undefined): void {
    for (const [number, { host }] of this.#spares) {
      if (number === keep) continue;
      this.#network.detach(host);
      this.#spares.delete(number);
    }
  }

  /** Sockets that are bound to every interface go where the machine goes. */
  moveTo(address: string, realm: Realm): void {
    for (const { host } of this.#spares.values()) host.moveTo({ address, port: host.address.port }, realm);
  }
}
