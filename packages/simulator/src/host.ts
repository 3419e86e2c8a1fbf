import type { Address } from './address.js';
import type { Path } from './path.js';
import type { Realm } from './realm.js';

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
  onMoving(host: Host, to: Address, realm: Realm): void;
}

/** One protocol at one address. */
export class Host {
  readonly protocol: Protocol;
  /** Called after everything that happens to the protocol, to read its events; it may give it more to say. */
  readonly onTurn: (now: number) => void;
  readonly #keeper: HostKeeper;
  #address: Address;
  #realm: Realm;

  // The network's own notes, which nobody else touches.
  isAttached = true;
  isAwake = false;
  /** A timer has gone off. */
  isDue = false;
  /** When the network will ask for the timers; Infinity for never. */
  armedAt = Infinity;
  /** The path of the last datagram: most go where the last one went. */
  lastPath: Path | undefined;

  constructor(protocol: Protocol, address: Address, onTurn: (now: number) => void, keeper: HostKeeper, realm: Realm) {
    this.protocol = protocol;
    this.#address = address;
    this.#realm = realm;
    this.onTurn = onTurn;
    this.#keeper = keeper;
  }

  get address(): Address {
    return this.#address;
  }

  get realm(): Realm {
    return this.#realm;
  }

  /**
   * What comes to the old address from now on reaches nobody.
   * @param realm another one, as from the inside of one NAT to that of another
   * @throws Error when somebody else is there
   */
  moveTo(address: Address, realm = this.#realm): void {
    const isSame = address.address === this.#address.address && address.port === this.#address.port;
    if (isSame && realm === this.#realm) return;
    this.#keeper.onMoving(this, address, realm);
    this.#address = address;
    this.#realm = realm;
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
