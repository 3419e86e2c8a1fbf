/** Finds the addresses under which this device may be reached, and what NAT is before it; asks anew when the network changes. */
import { randomBytes } from 'node:crypto';
import { networkInterfaces } from 'node:os';
import { limits } from '@parley/protocol';
import {
  gatherCandidates,
  NatDiscovery,
  type Address,
  type Candidate,
  type NatFindings,
  type NatKind,
} from '@parley/rendezvous';
import type { Interfaces } from './interface-watch.js';

/** The server's STUN ports. */
export interface StunServer {
  readonly address: string;
  readonly port: number;
  /** Undefined on a server that has one port only: then the kind of NAT stays unknown. */
  readonly otherPort: number | undefined;
}

export interface ReachabilityOptions {
  /** Where the one socket is bound. */
  readonly bound: Address;
  /** Sends on the one socket. */
  send(bytes: Uint8Array, to: Address): void;
  /** Addresses or the kind of NAT are known better, or are others. */
  onChange(): void;
  /** Those of this machine unless told. */
  readonly interfaces?: () => Interfaces;
}

const nothingFound: NatFindings = {
  reflexive: undefined,
  mapping: undefined,
  filtering: undefined,
  isUdpBlocked: false,
};

export class Reachability {
  readonly #options: ReachabilityOptions;
  readonly #interfaces: () => Interfaces;
  #server: StunServer | undefined;
  #discovery: NatDiscovery | undefined;
  #findings = nothingFound;
  #mapped: Address | undefined;
  #timer: NodeJS.Timeout | undefined;
  #done: () => void = () => undefined;
  #asking: Promise<void> | undefined;

  constructor(options: ReachabilityOptions) {
    this.#options = options;
    this.#interfaces = options.interfaces ?? networkInterfaces;
  }

  /** What is known now; while it is asked anew, what was known before. */
  get findings(): NatFindings {
    return this.#findings;
  }

  get nat(): NatKind {
    const { mapping, filtering, isUdpBlocked } = this.#findings;
    return { mapping, filtering, isUdpBlocked };
  }

  /** The server to ask; undefined when there is none any more. What it saw goes with it. */
  setServer(server: StunServer | undefined): void {
    this.stop();
    this.#server = server;
    this.#findings = nothingFound;
  }

  /** The address that the router gave, or none any more. */
  setMapped(mapped: Address | undefined): void {
    this.#mapped = mapped;
    this.#options.onChange();
  }

  /** Asks the server what it sees; settles when it has answered, or will not. Who asks meanwhile waits for the same. */
  ask(): Promise<void> {
    if (this.#asking) return this.#asking;
    const asking = new Promise<void>((resolve) => {
      this.#done = resolve;
    });
    this.#asking = asking;
    this.#begin();
    return asking;
  }

  /** As `ask`, but what is being asked already is asked anew, for it may have left by a network that is gone. */
  askAnew(): Promise<void> {
    if (this.#asking) this.#begin();
    return this.ask();
  }

  /** Takes a datagram that may be an answer to a question of STUN. */
  handleDatagram(bytes: Uint8Array, from: Address): void {
    if (!this.#discovery?.handleDatagram(performance.now(), from, bytes)) return;
    this.#take(this.#discovery.findings);
    this.#drive();
  }

  /** The most useful first. @param mayUseLoopback the peer may be on this machine */
  candidates(mayUseLoopback: boolean): Candidate[] {
    const interfaces = Object.entries(this.#interfaces()).flatMap(([name, addresses]) =>
      (addresses ?? []).map(({ address, internal }) => ({ name, address, internal })),
    );
    const { reflexive } = this.#findings;
    const { bound } = this.#options;
    return gatherCandidates({
      ...{ interfaces, bound, reflexive, mapped: this.#mapped, mayUseLoopback, most: limits.candidates },
    });
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#discovery = undefined;
    // Whoever asks from now on, begins anew.
    this.#asking = undefined;
    this.#done();
  }

  #begin(): void {
    const server = this.#server;
    if (!server) {
      this.stop();
      return;
    }
    this.#discovery = new NatDiscovery(performance.now(), {
      server: { address: server.address, port: server.port },
      otherPort: server.otherPort,
      ownAddresses: Object.values(this.#interfaces()).flatMap((list) => (list ?? []).map(({ address }) => address)),
      random: (length) => randomBytes(length),
      before: this.#findings,
    });
    this.#drive();
  }

  #drive(): void {
    clearTimeout(this.#timer);
    const discovery = this.#discovery;
    if (!discovery) return;
    discovery.handleTimeout(performance.now());
    this.#take(discovery.findings);
    for (let next = discovery.pollTransmit(); next; next = discovery.pollTransmit()) {
      this.#options.send(next.bytes, next.to);
    }
    const at = discovery.nextTimeout();
    if (discovery.isDone || at === undefined) {
      this.#take(discovery.findings);
      this.stop();
      return;
    }
    this.#timer = setTimeout(
      () => {
        this.#drive();
      },
      Math.max(1, at - performance.now()),
    );
  }

  /** While it is being found out, what was known of the kind of NAT stays: it seldom changes. */
  #take(found: NatFindings): void {
    const before = this.#findings;
    const isDone = this.#discovery?.isDone === true;
    this.#findings = {
      reflexive: found.reflexive ?? (isDone ? undefined : before.reflexive),
      mapping: found.mapping ?? (isDone ? undefined : before.mapping),
      filtering: found.filtering ?? (isDone ? undefined : before.filtering),
      isUdpBlocked: found.isUdpBlocked || (!isDone && !found.reflexive && before.isUdpBlocked),
    };
    if (!isSame(before, this.#findings)) this.#options.onChange();
  }
}

function isSame(a: NatFindings, b: NatFindings): boolean {
  return (
    a.reflexive?.address === b.reflexive?.address &&
    a.reflexive?.port === b.reflexive?.port &&
    a.mapping === b.mapping &&
    a.filtering === b.filtering &&
    a.isUdpBlocked === b.isUdpBlocked
  );
}
