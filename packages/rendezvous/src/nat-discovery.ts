/**
 * What kind of NAT lies before a client, asked of a server with two ports at one address (RFC 5780, sections 4.3 and 4.4, as
 * far as one address tells). The order matters: whatever is sent to the second port opens the way back from it.
 *
 *  1. Binding to the first port: the reflexive address.
 *  2. Binding to the first port with the answer from the second: filtering.
 *  3. Binding to the second port: mapping.
 *  4. When that was another address, Binding to the first port once more: a NAT that has just forgotten its binding would
 *     seem to give each destination another port.
 */
import { BindingTransaction } from './binding.js';
import type { Address } from './stun-message.js';

export interface NatDiscoveryOptions {
  readonly server: Address;
  /** Undefined: there is none, and only the reflexive address can be found. */
  readonly otherPort: number | undefined;
  /** The client's own, without ports: with one of them as the reflexive address there is no NAT. */
  readonly ownAddresses: readonly string[];
  readonly random: (length: number) => Uint8Array;
  /**
   * What was found before from the same socket. While the reflexive address is the same its filtering is not asked again:
   * the third step has opened the way for the second.
   */
  readonly before?: NatFindings | undefined;
}

export type SeenMapping = 'none' | 'endpoint-independent' | 'endpoint-dependent';
/** One address cannot tell whether a NAT heeds addresses, only whether it heeds ports. */
export type SeenFiltering = 'not-by-port' | 'address-and-port-dependent';

/** What is known so far; undefined is not known, or was not answered. */
export interface NatFindings {
  readonly reflexive: Address | undefined;
  readonly mapping: SeenMapping | undefined;
  readonly filtering: SeenFiltering | undefined;
  /** Nothing came back from the server for some seconds, or at all. */
  readonly isUdpBlocked: boolean;
}

const steps = ['reflexive', 'filtering', 'mapping', 'confirmation'] as const;
type Step = (typeof steps)[number];

/** 500 + 1,000 ms, twice at most: an answer that is filtered never comes. */
const filteringSends = 2;
const mappingSends = 4;
/** 500 + 1,000 + 2,000 ms without an answer. */
const blockedAfterSends = 3;
const transactionIdBytes = 12;

export class NatDiscovery {
  readonly #options: NatDiscoveryOptions;
  #step: Step | undefined = 'reflexive';
  #transaction: BindingTransaction;
  #unsent: Uint8Array | undefined;
  #answeredBy = 0;
  #asked = 1;
  /** As seen by the second port, when that differs. */
  #seenByOther: Address | undefined;
  #findings: NatFindings = { reflexive: undefined, mapping: undefined, filtering: undefined, isUdpBlocked: false };

  constructor(now: number, options: NatDiscoveryOptions) {
    this.#options = options;
    this.#transaction = this.#begin(now, 'reflexive');
  }

  get findings(): NatFindings {
    return this.#findings;
  }

  get isDone(): boolean {
    return this.#step === undefined;
  }

  /** @returns whether it was an answer to a question of this one */
  handleDatagram(now: number, from: Address, bytes: Uint8Array): boolean {
    const { server, otherPort } = this.#options;
    if (this.#step === undefined || from.address !== server.address) return false;
    // A server that has no second port to answer from says so by the first.
    const isFirstPort = this.#step === 'reflexive' || this.#step === 'confirmation';
    if (from.port !== (isFirstPort ? server.port : otherPort)) {
      if (this.#step !== 'filtering' || from.port !== server.port) return false;
    }
    if (!this.#transaction.handleDatagram(bytes)) return false;
    this.#answeredBy = from.port;
    this.#conclude(now);
    return true;
  }

  nextTimeout(): number | undefined {
    return this.#step === undefined ? undefined : this.#transaction.nextTimeout();
  }

  handleTimeout(now: number): void {
    if (this.#step === undefined) return;
    const again = this.#transaction.handleTimeout(now);
    this.#unsent = again ?? this.#unsent;
    if (again && this.#step === 'reflexive') this.#askAgain();
    if (this.#transaction.state.kind === 'failed') this.#conclude(now);
  }

  pollTransmit(): { readonly to: Address; readonly bytes: Uint8Array } | undefined {
    const bytes = this.#unsent;
    if (!bytes) return undefined;
    this.#unsent = undefined;
    const { server, otherPort } = this.#options;
    const isOther = this.#step === 'mapping' && otherPort !== undefined;
    return { to: isOther ? { address: server.address, port: otherPort } : server, bytes };
  }

  /** It is asked for 39 s (RFC 8489), but nobody wants to wait so long to hear that nothing comes back. */
  #askAgain(): void {
    this.#asked += 1;
    if (this.#asked > blockedAfterSends) this.#findings = { ...this.#findings, isUdpBlocked: true };
  }

  #conclude(now: number): void {
    const { state } = this.#transaction;
    const mapped = state.kind === 'done' ? state.mapped : undefined;
    const findings = this.#findings;
    switch (this.#step) {
      case 'reflexive':
        this.#findings = { ...findings, reflexive: mapped, isUdpBlocked: !mapped };
        break;
      case 'filtering':
        if (this.#answeredBy === this.#options.server.port) break;
        this.#findings = { ...findings, filtering: mapped ? 'not-by-port' : 'address-and-port-dependent' };
        break;
      case 'mapping':
        if (mapped && !isSame(mapped, findings.reflexive)) this.#seenByOther = mapped;
        else this.#findings = { ...findings, mapping: mapped && this.#kindOfSame(mapped) };
        break;
      case 'confirmation':
        this.#findings = this.#confirm(mapped);
        break;
      case undefined:
        return;
    }
    this.#answeredBy = 0;
    const { before, otherPort } = this.#options;
    const goesOn = otherPort !== undefined && (mapped !== undefined || this.#step !== 'reflexive');
    let next = goesOn ? steps[steps.indexOf(this.#step) + 1] : undefined;
    if (next === 'confirmation' && !this.#seenByOther) next = undefined;
    if (next === 'filtering' && before?.filtering && mapped && isSame(mapped, before.reflexive)) {
      this.#findings = { ...this.#findings, filtering: before.filtering };
      next = 'mapping';
    }
    this.#step = next;
    this.#unsent = undefined;
    if (next) this.#transaction = this.#begin(now, next);
  }

  #begin(now: number, step: Step): BindingTransaction {
    const id = this.#options.random(transactionIdBytes);
    const transaction =
      step === 'reflexive'
        ? new BindingTransaction(now, id)
        : step === 'filtering'
          ? new BindingTransaction(now, id, { asksOtherPort: true, sends: filteringSends })
          : new BindingTransaction(now, id, { sends: mappingSends });
    this.#unsent = transaction.handleTimeout(now);
    return transaction;
  }

  /** @param again as seen by the first port now; undefined: it has not answered */
  #confirm(again: Address | undefined): NatFindings {
    if (!again || isSame(again, this.#findings.reflexive)) return { ...this.#findings, mapping: 'endpoint-dependent' };
    const isOne = isSame(again, this.#seenByOther);
    return { ...this.#findings, reflexive: again, mapping: isOne ? this.#kindOfSame(again) : 'endpoint-dependent' };
  }

  /** Of a NAT that gives both ports the same. */
  #kindOfSame({ address }: Address): SeenMapping {
    return this.#options.ownAddresses.includes(address) ? 'none' : 'endpoint-independent';
  }
}

function isSame(a: Address, b: Address | undefined): boolean {
  return b !== undefined && a.address === b.address && a.port === b.port;
}
