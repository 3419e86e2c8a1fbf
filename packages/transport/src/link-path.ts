/** The path of one link: what is sent along it, which other addresses are asked, and what a move means. */
import { sameAddress, type Address } from './address.js';
import { pathProbeBytes, type Connection } from './connection.js';
import type { RandomSource } from './crypto-provider.js';
import type { Farewell } from './farewell.js';
import type { LinkEvents } from './link-events.js';
import type { Transmit } from './link-event.js';
import type { Role } from './noise/handshake.js';
import type { Outbox } from './outbox.js';
import { HeardAddresses } from './paths/heard-addresses.js';
import { isProbing, PathProbes } from './paths/path-probes.js';
import { PathValidator, type FirstPath, type PathChange } from './paths/path-validator.js';
import type { Session } from './session/session.js';
import type { Timers } from './timers.js';
import { packetView } from './wire/packet-view.js';
import { initiationBytes } from './wire/packets.js';

const closePacketBytes = 400;
/**
 * Whoever has moved follows nobody for so long, and three round trips of the new path: in two of them the peer has
 * followed. Not the same for both, so that of two who move at once one follows the other.
 */
const stayMs: Readonly<Record<Role, number>> = { initiator: 2_000, responder: 1_000 };
const stayRoundTrips = 3;

export interface LinkPathOptions {
  readonly role: Role;
  readonly connection: Connection;
  readonly outbox: Outbox;
  readonly timers: Timers;
  readonly random: RandomSource;
  readonly events: LinkEvents;
}

export class LinkPath {
  readonly #options: LinkPathOptions;
  readonly #connection: Connection;
  readonly #validator: PathValidator;
  /** Most links ask nobody, and hear nobody from elsewhere. */
  #probes: PathProbes | undefined;
  #heard: HeardAddresses | undefined;

  constructor(first: FirstPath, options: LinkPathOptions) {
    this.#options = options;
    this.#connection = options.connection;
    this.#validator = new PathValidator(first, options.random);
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

  /** Whether an address is to be asked, or answered, which needs keys. */
  get wantsToProbe(): boolean {
    return this.#probes?.isWaiting === true;
  }

  /** As `PathValidator.proveFirst`. */
  proveFirst(): void {
    this.#validator.proveFirst();
  }

  /** As `Link.probe`. */
  probe(now: number, to: Address): void {
    this.#allProbes.ask(now, to);
  }

  /** As `Link.moveTo`. */
  moveTo(now: number, to: Address): boolean {
    const rttMs = this.#probes?.answeredRttMs(now, to);
    if (rttMs === undefined) return false;
    const change = this.#validator.moveTo(now, to, stayMs[this.#options.role] + stayRoundTrips * rttMs);
    if (change === 'none') return true;
    this.#onChanged(now, change);
    if (change === 'move') this.#connection.seedRtt(rttMs);
    // The peer follows what is no probing packet; and what is in flight has its loss noticed if that is lost, too.
    this.#connection.ping();
    return true;
  }

  /** An authentic packet came. */
  onPacket(now: number, from: Address, bytes: number, isNewest: boolean, frames: Uint8Array): void {
    this.#onDatagram(now, from, bytes, isNewest && !isProbing(frames));
  }

  /** As for a packet, of a fresh initiation. @param answer goes there, if the bound allows it */
  onInitiation(now: number, from: Address, answer: Uint8Array | undefined): void {
    this.#onDatagram(now, from, initiationBytes, true);
    if (!answer || !this.#validator.maySend(from, answer.length)) return;
    this.#validator.onSentTo(from, answer.length);
    this.#options.outbox.push(from, answer);
  }

  /** A PATH_CHALLENGE came, and is answered to where it came from: so the answer says that the way there works, too. */
  onChallenge(now: number, from: Address, data: Uint8Array): void {
    this.#allProbes.answer(now, from, data);
  }

  /** A PATH_RESPONSE came. */
  onResponse(now: number, data: Uint8Array): void {
    const change = this.#validator.onResponse(data);
    if (change !== 'none') {
      this.#onChanged(now, change);
      return;
    }
    const answered = this.#probes?.onResponse(now, data);
    if (answered) this.#options.events.pushPath({ type: 'probed', to: answered.to, rttMs: answered.rttMs });
  }

  onChallengeTimeout(now: number): void {
    this.#validator.onTimeout(now, this.#connection.ptoMs);
    this.#armChallenge();
  }

  /** The next datagram of the connection, or one that asks or answers some address; in `buffer`. */
  pollTransmit(now: number, buffer: Uint8Array, session: Session): Transmit | undefined {
    const probing = session.isFinal ? this.#pollProbing(now, buffer, session) : undefined;
    if (probing) return probing;
    const length = this.#connection.pollTransmit(now, buffer, session, this.budgetBytes);
    if (length === 0) return undefined;
    this.#validator.onSent(length);
    return { to: this.address, bytes: packetView(buffer, length) };
  }

  /** What does not wait for its turn: to an address that is not proven it goes only within its bound. */
  send(bytes: Uint8Array): void {
    if (bytes.length > this.budgetBytes) return;
    this.#validator.onSent(bytes.length);
    this.#options.outbox.push(this.address, bytes);
  }

  /** Without keys there is nobody who would believe it. */
  sendClose(session: Session | undefined, { code, reason }: Farewell): void {
    if (!session) return;
    const packet = new Uint8Array(closePacketBytes);
    this.send(packet.subarray(0, this.#connection.sealClose(packet, session, code, reason)));
  }

  get #allProbes(): PathProbes {
    return (this.#probes ??= new PathProbes(this.#options.random));
  }

  #onDatagram(now: number, from: Address, bytes: number, leads: boolean): void {
    this.#validator.onDatagram(now, from, bytes, leads, this.#connection.ptoMs);
    this.#armChallenge();
    if (sameAddress(from, this.address)) return;
    this.#heard ??= new HeardAddresses();
    if (!this.#heard.isNews(now, from)) return;
    const { address, port } = from;
    this.#options.events.pushPath({ type: 'heard', from: { address, port } });
  }

  #onChanged(now: number, change: Exclude<PathChange, 'none'>): void {
    this.#armChallenge();
    (this.#heard ??= new HeardAddresses()).know(this.address);
    this.#connection.onPathChanged(now, change === 'rebinding');
    this.#options.events.pushPath({ type: 'moved' });
  }

  /** What is asked or answered waits for no window, and is in no flight: it tells of its own path. */
  #pollProbing(now: number, buffer: Uint8Array, session: Session): Transmit | undefined {
    const challenge = this.#validator.takeProbe(pathProbeBytes);
    if (challenge) return this.#sealProbing(buffer, session, 'challenge', challenge.to, challenge.data);
    if (!this.#probes) return undefined;
    for (let frame = this.#probes.take(now); frame; frame = this.#probes.take(now)) {
      const { type, to, data } = frame;
      const isOwn = type === 'challenge' && !sameAddress(to, this.address);
      // Whom to ask unasked is the caller's business; all else is bounded by what came from there.
      if (!isOwn) {
        if (!this.#validator.mayAnswer(to, pathProbeBytes)) continue;
        this.#validator.onSentTo(to, pathProbeBytes);
      }
      return this.#sealProbing(buffer, session, type, to, data);
    }
    return undefined;
  }

  #sealProbing(
    buffer: Uint8Array,
    session: Session,
    type: 'challenge' | 'response',
    to: Address,
    data: Uint8Array,
  ): Transmit {
    return { to, bytes: packetView(buffer, this.#connection.sealPathProbe(buffer, session, type, data)) };
  }

  #armChallenge(): void {
    this.#options.timers.set('path-challenge', this.#validator.deadline);
  }
}
