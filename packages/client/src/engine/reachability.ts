/** Finds the addresses under which this device may be reached: its interfaces', and what the server's STUN port sees. */
import { randomBytes } from 'node:crypto';
import { networkInterfaces } from 'node:os';
import { limits, type Candidate } from '@parley/protocol';
import { BindingTransaction, gatherCandidates, type Address } from '@parley/rendezvous';
import type { PeerTransport } from './ports.js';

export class Reachability {
  readonly #transport: PeerTransport;
  #transaction: BindingTransaction | undefined;
  #stun: Address | undefined;
  #timer: NodeJS.Timeout | undefined;
  #reflexive: Address | undefined;
  #settled: () => void = () => undefined;

  constructor(transport: PeerTransport) {
    this.#transport = transport;
  }

  /** Asks a STUN server anew; settles when it has answered or will not. */
  async ask(stun: Address): Promise<void> {
    this.stop();
    this.#stun = stun;
    this.#reflexive = undefined;
    this.#transaction = new BindingTransaction(performance.now(), randomBytes(12));
    const settled = new Promise<void>((resolve) => {
      this.#settled = resolve;
    });
    this.#drive();
    await settled;
  }

  /** Takes a datagram that is not the transport's own. */
  handleDatagram(bytes: Uint8Array, from: Address): void {
    if (from.address !== this.#stun?.address || from.port !== this.#stun.port) return;
    if (!this.#transaction?.handleDatagram(bytes)) return;
    const { state } = this.#transaction;
    if (state.kind === 'done') this.#reflexive = state.mapped;
    this.stop();
  }

  candidates(): Candidate[] {
    const interfaces = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
    const bound = this.#transport.localAddress;
    return gatherCandidates({ interfaces, bound, reflexive: this.#reflexive, most: limits.candidates });
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#transaction = undefined;
    this.#settled();
  }

  #drive(): void {
    const transaction = this.#transaction;
    if (!transaction || !this.#stun) return;
    const request = transaction.handleTimeout(performance.now());
    if (request) this.#transport.sendForeign(request, this.#stun);
    const next = transaction.nextTimeout();
    if (next === undefined) {
      this.stop();
      return;
    }
    this.#timer = setTimeout(() => {
      this.#drive();
    }, next - performance.now());
  }
}
