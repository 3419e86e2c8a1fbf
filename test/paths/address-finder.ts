/** What a device knows of its own addresses and its NAT, as the client's Reachability finds it. */
import {
  gatherCandidates,
  NatDiscovery,
  type Address,
  type Candidate,
  type NatFindings,
  type NatKind,
} from '@parley/rendezvous';

export interface AddressFinderOptions {
  readonly server: Address;
  readonly otherPort: number;
  /** Where the device is now. */
  readonly at: () => Address;
  readonly random: (length: number) => Uint8Array;
  send(bytes: Uint8Array, to: Address): void;
  /** Something is known better, or is another. */
  onChange(now: number): void;
}

/** As many as the client tells. */
const mostCandidates = 32;

export class AddressFinder {
  readonly #options: AddressFinderOptions;
  #discovery: NatDiscovery | undefined;
  #findings: NatFindings = { reflexive: undefined, mapping: undefined, filtering: undefined, isUdpBlocked: false };

  constructor(options: AddressFinderOptions) {
    this.#options = options;
  }

  get isDone(): boolean {
    return this.#discovery === undefined;
  }

  get reflexive(): Address | undefined {
    return this.#findings.reflexive;
  }

  get nat(): NatKind {
    const { mapping, filtering, isUdpBlocked } = this.#findings;
    return { mapping, filtering, isUdpBlocked };
  }

  get candidates(): Candidate[] {
    const bound = this.#options.at();
    const interfaces = [{ address: bound.address, internal: false }];
    return gatherCandidates({ interfaces, bound, reflexive: this.#findings.reflexive, most: mostCandidates });
  }

  /** Who asks while it is being asked waits for the same. */
  ask(now: number): void {
    if (!this.#discovery) this.askAnew(now);
  }

  /** What is being asked may have left by a network that is gone. */
  askAnew(now: number): void {
    const { server, otherPort, at, random } = this.#options;
    const ownAddresses = [at().address];
    this.#discovery = new NatDiscovery(now, { server, otherPort, ownAddresses, random, before: this.#findings });
    this.handleTimeout(now);
  }

  handleDatagram(now: number, from: Address, bytes: Uint8Array): void {
    const discovery = this.#discovery;
    if (discovery?.handleDatagram(now, from, bytes) !== true) return;
    this.#take(now, discovery.findings);
    this.handleTimeout(now);
  }

  handleTimeout(now: number): void {
    const discovery = this.#discovery;
    if (!discovery) return;
    discovery.handleTimeout(now);
    for (let next = discovery.pollTransmit(); next; next = discovery.pollTransmit()) {
      this.#options.send(next.bytes, next.to);
    }
    if (!discovery.isDone) return;
    this.#take(now, discovery.findings);
    this.#discovery = undefined;
  }

  nextTimeout(): number | undefined {
    return this.#discovery?.nextTimeout();
  }

  #take(now: number, found: NatFindings): void {
    const before = this.#findings;
    const isDone = this.#discovery?.isDone === true;
    this.#findings = {
      reflexive: found.reflexive ?? (isDone ? undefined : before.reflexive),
      mapping: found.mapping ?? (isDone ? undefined : before.mapping),
      filtering: found.filtering ?? (isDone ? undefined : before.filtering),
      isUdpBlocked: found.isUdpBlocked,
    };
    if (JSON.stringify(before) !== JSON.stringify(this.#findings)) this.#options.onChange(now);
  }
}
