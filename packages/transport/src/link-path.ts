/** The path of one link: what is sent along it, where the peer is asked, and what a move means for the connection. */
import type { Address } from './address.js';
import { pathProbeBytes, type Connection } from './connection.js';
import type { RandomSource } from './crypto-provider.js';
import type { Farewell } from './farewell.js';
import type { Transmit } from './link-event.js';
import type { Outbox } from './outbox.js';
import { PathValidator, type FirstPath, type PathChange } from './paths/path-validator.js';
import type { Session } from './session/session.js';
import type { Timers } from './timers.js';
import { packetView } from './wire/packet-view.js';
import { initiationBytes } from './wire/packets.js';

const closePacketBytes = 400;

export interface LinkPathOptions {
  readonly connection: Connection;
  readonly outbox: Outbox;
  readonly timers: Timers;
  readonly random: RandomSource;
}

export class LinkPath {
  readonly #connection: Connection;
  readonly #outbox: Outbox;
  readonly #timers: Timers;
  readonly #validator: PathValidator;

  constructor(first: FirstPath, { connection, outbox, timers, random }: LinkPathOptions) {
    this.#connection = connection;
    this.#outbox = outbox;
    this.#timers = timers;
    this.#validator = new PathValidator(first, random);
  }

  /** Where packets go. */
  get address(): Address {
    return this.#validator.address;
  }

  get isProven(): boolean {
    return this.#validator.isProven;
  }

  /** How many bytes may leave for `address` now. */
  get budgetBytes(): number {
    return this.#validator.budgetBytes;
  }

  /** As `PathValidator.proveFirst`. */
  proveFirst(): void {
    this.#validator.proveFirst();
  }

  /** An authentic packet came. */
  onPacket(now: number, from: Address, bytes: number, isNewest: boolean): void {
    this.#validator.onDatagram(now, from, bytes, isNewest, this.#connection.ptoMs);
    this.#armChallenge();
  }

  /** As for a packet, of a fresh initiation. @param answer goes there, if the bound allows it */
  onInitiation(now: number, from: Address, answer: Uint8Array | undefined): void {
    this.onPacket(now, from, initiationBytes, true);
    if (!answer || !this.#validator.maySend(from, answer.length)) return;
    this.#validator.onSentTo(from, answer.length);
    this.#outbox.push(from, answer);
  }

  /** A PATH_RESPONSE came. */
  onResponse(data: Uint8Array): PathChange {
    const change = this.#validator.onResponse(data);
    if (change === 'none') return change;
    this.#armChallenge();
    this.#connection.onPathChanged(change === 'rebinding');
    return change;
  }

  onChallengeTimeout(now: number): void {
    this.#validator.onTimeout(now, this.#connection.ptoMs);
    this.#armChallenge();
  }

  /** The next datagram of the connection, or one that asks at another address; in `buffer`. */
  pollTransmit(now: number, buffer: Uint8Array, session: Session): Transmit | undefined {
    const probe = session.isFinal ? this.#validator.takeProbe(pathProbeBytes) : undefined;
    if (probe) {
      const length = this.#connection.sealPathProbe(buffer, session, probe.data);
      return { to: probe.to, bytes: packetView(buffer, length) };
    }
    const length = this.#connection.pollTransmit(now, buffer, session, this.budgetBytes);
    if (length === 0) return undefined;
    this.#validator.onSent(length);
    return { to: this.address, bytes: packetView(buffer, length) };
  }

  /** What does not wait for its turn: to an address that is not proven it goes only within its bound. */
  send(bytes: Uint8Array): void {
    if (bytes.length > this.budgetBytes) return;
    this.#validator.onSent(bytes.length);
    this.#outbox.push(this.address, bytes);
  }

  /** Without keys there is nobody who would believe it. */
  sendClose(session: Session | undefined, { code, reason }: Farewell): void {
    if (!session) return;
    const packet = new Uint8Array(closePacketBytes);
    this.send(packet.subarray(0, this.#connection.sealClose(packet, session, code, reason)));
  }

  #armChallenge(): void {
    this.#timers.set('path-challenge', this.#validator.deadline);
  }
}
