import type { Address } from '../address.js';

interface Account {
  receivedBytes: number;
  sentBytes: number;
  /** Since when something of ours has arrived there. */
  reachedAt: number;
  isProven: boolean;
}

/**
 * Keeps book of one endpoint's dealings with each address (RFC 9000, section 8). An address can have proved itself only
 * when something that left it after a datagram of ours had arrived there came back here; until then no more than three
 * times of what came from it may go there.
 */
export class AmplificationCheck {
  readonly #accounts = new Map<string, Map<number, Account>>();
  /** Most datagrams go to and come from where the last did. */
  #lastProven: Address | undefined;

  /** A server has named the address: handshakes may go there unasked. */
  grant(to: Address, bytes: number): void {
    this.#account(to).sentBytes -= bytes;
  }

  /** A datagram of this endpoint has arrived at that address. */
  onReached(address: Address, now: number): void {
    if (this.#isLastProven(address)) return;
    const account = this.#account(address);
    account.reachedAt = Math.min(account.reachedAt, now);
  }

  onReceived(from: Address, bytes: number, sentAt: number): void {
    if (this.#isLastProven(from)) return;
    const account = this.#account(from);
    account.receivedBytes += bytes;
    if (sentAt >= account.reachedAt) account.isProven = true;
    if (account.isProven) this.#lastProven = from;
  }

  /** @returns what is wrong with sending so much there, or undefined */
  onSending(to: Address, bytes: number): string | undefined {
    if (this.#isLastProven(to)) return undefined;
    const account = this.#account(to);
    account.sentBytes += bytes;
    if (account.isProven || account.sentBytes <= 3 * account.receivedBytes) return undefined;
    return `${String(account.sentBytes)} bytes sent for ${String(account.receivedBytes)} from an address without proof`;
  }

  #isLastProven(address: Address): boolean {
    const last = this.#lastProven;
    return last !== undefined && last.port === address.port && last.address === address.address;
  }

  #account(address: Address): Account {
    let ports = this.#accounts.get(address.address);
    if (!ports) this.#accounts.set(address.address, (ports = new Map<number, Account>()));
    let account = ports.get(address.port);
    if (!account) {
      account = { receivedBytes: 0, sentBytes: 0, reachedAt: Infinity, isProven: false };
      ports.set(address.port, account);
    }
    return account;
  }
}
