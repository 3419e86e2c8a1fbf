import type { Address } from './address.js';
import type { Path } from './path.js';

/** A protocol without a socket, as ARCHITECTURE.md describes it. */
export interface Protocol {
  handleDatagram(now: number, from: Address, bytes: Uint8Array): void;
  handleTimeout(now: number): void;
  /** The bytes may be a view into a buffer of the protocol: they are copied before anything else happens to it. */
  pollTransmit(now: number): { readonly to: Address; readonly bytes: Uint8Array } | undefined;
  nextTimeout(): number | undefined;
}

/** What a host tells its network. */
export interface HostKeeper {
  onWoken(host: Host): void;
  /** @throws Error when somebody else is there */
  onMoving(host: Host, to: Address): void;
}

/** One protocol at one address. */
export class Host {
  readonly protocol: Protocol;
  /** Called after everything that happens to the protocol, to read its events; it may give it more to say. */
  readonly onTurn: (now: number) => void;
  readonly #keeper: HostKeeper;
  #address: Address;

  // The network's own notes, which nobody else touches.
  isAttached = true;
  isAwake = false;
  /** A timer has gone off. */
  isDue = false;
  /** When the network will ask for the timers; Infinity for never. */
  armedAt = Infinity;
  /** The path of the last datagram: most go where the last one went. */
  lastPath: Path | undefined;

  constructor(protocol: Protocol, address: Address, onTurn: (now: number) => void, keeper: HostKeeper) {
    this.protocol = protocol;
    this.#address = address;
    this.onTurn = onTurn;
    this.#keeper = keeper;
  }

  get address(): Address {
    return this.#address;
  }

  /** What comes to the old address from now on reaches nobody. @throws Error when somebody else is there */
  moveTo(address: Address): void {
    if (address.address === this.#address.address && address.port === this.#address.port) return;
    this.#keeper.onMoving(this, address);
    this.#address = address;
    this.lastPath = undefined;
  }

  /** A NAT on the way has given it another port: what comes to the old one reaches nobody. */
  rebind(port: number): void {
    this.moveTo({ address: this.#address.address, port });
  }

  /**
   * Asks the protocol for datagrams and timers again. Needed only after the protocol was given something to do while
   * the network runs, and neither in its own `onTurn` nor in a scheduled call.
   */
  wake(): void {
    this.#keeper.onWoken(this);
  }
}
