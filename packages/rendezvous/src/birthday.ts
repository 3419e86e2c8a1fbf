/**
 * Birthday punching, for one NAT that gives each destination another port (endpoint-dependent) against one that does not
 * but lets in only whom it has written to. The hard side writes to the easy side from 256 sockets, so its NAT has 256
 * ports that wait for an answer; the easy side, whose own port is known, tries ports of the hard side at random: 1,750
 * tries at 20 ms meet one of 256 in 64,512 with 99.9 % (HyperDHT does the same). All of them are probes of the session,
 * so nobody but the peer can answer.
 *
 * The hard side begins, and says in its offer how many sockets wait; then the easy side begins. Each first asks its driver,
 * who lets one conversation of a client do this at a time.
 */
import type { NatKind } from './path-offer.js';
import type { Address } from './stun-message.js';
import { routeOf, spareAddress } from './virtual-address.js';

export const birthdaySockets = 256;
export const birthdayProbes = 1_750;
const easyGapMs = 20;
const hardGapMs = 5;
/** A NAT may forget a port without an answer after 30 s (RFC 4787 wants 120 s, Linux gives 30 s). */
const hardAgainMs = 12_000;
const mostMs = 40_000;
/** It is dear for both sides and for their NATs. */
const pauseMs = 600_000;
/** The peer may have chosen another of two that met: which one the path is shows soon. */
const settleMs = 1_000;
const lowestPort = 1_024;
const ports = 65_536 - lowestPort;

export type BirthdaySide = 'hard' | 'easy';

/** The part of this device; undefined when birthday punching is of no use between the two. */
export function birthdaySide(own: NatKind, peer: NatKind): BirthdaySide | undefined {
  const isHard = ({ mapping }: NatKind): boolean => mapping === 'endpoint-dependent';
  const isEasy = ({ mapping }: NatKind): boolean => mapping === 'none' || mapping === 'endpoint-independent';
  if (isHard(own) && isEasy(peer)) return 'hard';
  return isEasy(own) && isHard(peer) ? 'easy' : undefined;
}

export type BirthdayState =
  | { readonly kind: 'idle' }
  /** Asked of the driver. */
  | { readonly kind: 'asked'; readonly side: BirthdaySide }
  | { readonly kind: 'running'; readonly side: BirthdaySide; readonly target: Address; readonly endsAt: number }
  /** Something met; the hard side's other sockets are closed at `endsAt`. */
  | { readonly kind: 'met'; readonly endsAt: number };

/** What a tick of it asks of its owner. */
export type BirthdayStep = { readonly type: 'probe'; readonly to: Address } | { readonly type: 'end' } | undefined;

export class Birthday {
  readonly #random: (length: number) => Uint8Array;
  #state: BirthdayState = { kind: 'idle' };
  #mayBeginAt = -Infinity;
  #sockets: readonly number[] = [];
  #sent = 0;
  #nextAt = 0;
  #hasFailed = false;

  constructor(random: (length: number) => Uint8Array) {
    this.#random = random;
  }

  get state(): BirthdayState {
    return this.#state;
  }

  /** It ran to its end and nothing met. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** For the offer. */
  get spareSockets(): number {
    return this.#state.kind === 'running' ? this.#sockets.length : 0;
  }

  /** @returns whether it is to be asked of the driver */
  ask(now: number, side: BirthdaySide): boolean {
    if (this.#state.kind !== 'idle' || now < this.#mayBeginAt) return false;
    this.#state = { kind: 'asked', side };
    return true;
  }

  /**
   * @param target the reflexive address of the peer; of a hard one only the IP address counts
   * @param sockets the numbers of the spare ones; an easy side has none
   */
  begin(now: number, target: Address, sockets: readonly number[]): void {
    if (this.#state.kind !== 'asked') return;
    const { side } = this.#state;
    this.#sockets = side === 'hard' ? sockets : [];
    this.#sent = 0;
    this.#nextAt = now;
    this.#hasFailed = false;
    this.#state = { kind: 'running', side, target, endsAt: now + mostMs };
  }

  /** One of its probes was answered. The easy side is done; the hard one waits for what the peer chooses. */
  handleMet(now: number): void {
    if (this.#state.kind !== 'running') return;
    this.#state = { kind: 'met', endsAt: this.#state.side === 'hard' ? now + settleMs : now };
  }

  /** The network is another one: what failed may work. */
  handleAddressChange(): void {
    this.#mayBeginAt = -Infinity;
    this.#hasFailed = false;
  }

  /** Whether an answer from there can be one to a probe of this. */
  covers(from: Address): boolean {
    if (this.#state.kind !== 'running') return false;
    const { side, target } = this.#state;
    const route = routeOf(from);
    if (side === 'easy') return route.kind === 'plain' && from.address === target.address;
    return route.kind === 'spare' && this.#sockets.includes(route.socket) && route.to.address === target.address;
  }

  nextTimeout(): number | undefined {
    switch (this.#state.kind) {
      case 'idle':
      case 'asked':
        return undefined;
      case 'running':
        return Math.min(this.#nextAt, this.#state.endsAt);
      case 'met':
        return this.#state.endsAt;
    }
  }

  /** What is due; ask until there is nothing. */
  step(now: number): BirthdayStep {
    const state = this.#state;
    switch (state.kind) {
      case 'idle':
      case 'asked':
        return undefined;
      case 'met':
        return now < state.endsAt ? undefined : this.end(now);
      case 'running':
        if (now >= state.endsAt) {
          this.#hasFailed = true;
          return this.end(now);
        }
        return now < this.#nextAt ? undefined : this.#probe(now, state.side, state.target);
    }
  }

  /** Whatever it was at, it is over: sockets and the turn go back. */
  end(now: number): BirthdayStep {
    if (this.#state.kind === 'idle') return undefined;
    this.#state = { kind: 'idle' };
    this.#mayBeginAt = now + pauseMs;
    this.#sockets = [];
    return { type: 'end' };
  }

  #probe(now: number, side: BirthdaySide, target: Address): BirthdayStep {
    const sent = this.#sent;
    this.#sent += 1;
    if (side === 'easy') {
      // After the last, answers may still come.
      this.#nextAt = sent + 1 < birthdayProbes ? now + easyGapMs : Infinity;
      return { type: 'probe', to: { address: target.address, port: this.#randomPort() } };
    }
    const socket = this.#sockets[sent % this.#sockets.length];
    if (socket === undefined) return this.end(now);
    this.#nextAt = now + ((sent + 1) % this.#sockets.length === 0 ? hardAgainMs : hardGapMs);
    return { type: 'probe', to: spareAddress(socket, target) };
  }

  #randomPort(): number {
    const [high = 0, low = 0, more = 0] = this.#random(3);
    return lowestPort + (((high << 16) | (low << 8) | more) % ports);
  }
}
