/** A link of two devices in a simulated network: as much of the transport as a path agent sees of it. */
import type { Host, Network, Protocol, Realm } from '@parley/simulator';
import { keyOf } from '../candidates.js';
import type { PathAgent, PathAction } from '../path-agent.js';
import type { Address } from '../stun-message.js';
import { routeOf, spareAddress } from '../virtual-address.js';

type Packet =
  | { readonly type: 'challenge' | 'response'; readonly id: number }
  /** `probing` packets do not make the peer follow; these do. */
  | { readonly type: 'data' | 'ack'; readonly number: number };

const statusEveryMs = 250;
const dataEveryMs = 100;
/** Data without an acknowledgement for so long counts as lost. */
const lostAfterMs = 500;
const movesWithinMs = 10_000;
const heardEveryMs = 100;
const followsMs = 1_000;

export interface FakeLinkOptions {
  readonly agent: PathAgent;
  readonly network: Network;
  readonly at: Address;
  readonly realm: Realm;
  /** What is sent to the virtual address of the relay. */
  readonly sendRelay: (bytes: Uint8Array) => void;
  /** Takes actions that are not the link's: offers, reflexive addresses, birthdays. */
  readonly onAction: (now: number, action: PathAction) => void;
  /** STUN, which shares the socket. */
  readonly onForeign: (now: number, from: Address, bytes: Uint8Array) => void;
}

export class FakeLink implements Protocol {
  readonly host: Host;
  readonly agent: PathAgent;
  readonly moves: Address[] = [];
  readonly received: number[] = [];
  path: Address | undefined;
  /** When data began and ended to be sent, one every 100 ms. */
  talksUntil = -Infinity;
  probesSent = 0;
  readonly #options: FakeLinkOptions;
  readonly #spares = new Map<number, Host>();
  readonly #outbox: { readonly to: Address; readonly bytes: Uint8Array }[] = [];
  readonly #challenges = new Map<number, { readonly to: Address; readonly at: number }>();
  readonly #answeredAt = new Map<string, number>();
  readonly #inFlight = new Map<number, number>();
  #sent = 0;
  #lost = 0;
  #nextId = 1;
  #newest = -1;
  #heardAt = -Infinity;
  #waitingSince: number | undefined;
  #leftBehind: { readonly path: Address; readonly until: number } | undefined;
  #nextDataAt = -Infinity;
  #nextStatusAt = Infinity;

  constructor(options: FakeLinkOptions) {
    this.#options = options;
    this.agent = options.agent;
    this.host = options.network.attach(
      this,
      options.at,
      (now) => {
        this.#act(now);
      },
      options.realm,
    );
  }

  /** The handshake went through there. */
  connect(now: number, path: Address): void {
    this.path = path;
    this.#tellPath(now);
    this.host.wake();
  }

  talk(now: number, forMs: number): void {
    this.talksUntil = now + forMs;
    this.#nextDataAt = now;
    this.#nextStatusAt = now + statusEveryMs;
    this.host.wake();
  }

  sendForeign(bytes: Uint8Array, to: Address): void {
    this.#outbox.push({ to, bytes });
    this.host.wake();
  }

  openSpares(count: number): number[] {
    const { network, at } = this.#options;
    const numbers = Array.from({ length: count }, (_, i) => i + 1);
    for (const number of numbers) {
      const spare: Protocol = {
        handleDatagram: (now, from, bytes) => {
          this.handleDatagram(now, spareAddress(number, from), bytes);
          this.host.wake();
        },
        handleTimeout: () => undefined,
        pollTransmit: () => this.#spareOutbox.get(number)?.shift(),
        nextTimeout: () => undefined,
      };
      const host = network.attach(spare, { ...this.host.address, port: at.port + number }, undefined, this.host.realm);
      this.#spares.set(number, host);
    }
    return numbers;
  }

  closeSpares(keep: number | undefined): void {
    for (const [number, host] of this.#spares) {
      if (number === keep) continue;
      this.#options.network.detach(host);
      this.#spares.delete(number);
    }
  }

  get spareCount(): number {
    return this.#spares.size;
  }

  readonly #spareOutbox = new Map<number, { readonly to: Address; readonly bytes: Uint8Array }[]>();

  handleDatagram(now: number, from: Address, bytes: Uint8Array): void {
    if ((bytes[0] ?? 0) < 4) {
      this.#options.onForeign(now, from, bytes);
      return;
    }
    const packet = JSON.parse(new TextDecoder().decode(bytes)) as Packet;
    if (!this.path) return;
    const isPath = keyOf(from) === keyOf(this.path);
    switch (packet.type) {
      case 'challenge':
        this.#send({ type: 'response', id: packet.id }, from);
        break;
      case 'response': {
        const challenge = this.#challenges.get(packet.id);
        if (!challenge) break;
        this.#challenges.delete(packet.id);
        this.#answeredAt.set(keyOf(challenge.to), now);
        this.agent.handleProbed(now, challenge.to, now - challenge.at);
        break;
      }
      case 'data':
        this.received.push(packet.number);
        if (packet.number > this.#newest) {
          this.#newest = packet.number;
          if (!isPath && !this.#isLeftBehind(now, from)) this.#follow(now, from);
        }
        if (isPath) this.#leftBehind = undefined;
        this.#send({ type: 'ack', number: packet.number }, this.path);
        break;
      case 'ack':
        this.#inFlight.delete(packet.number);
        this.#waitingSince = this.#inFlight.size > 0 ? now : undefined;
        break;
    }
    if (!isPath && now - this.#heardAt >= heardEveryMs && keyOf(from) !== keyOf(this.path)) {
      this.#heardAt = now;
      this.agent.handleHeard(now, from);
    }
  }

  handleTimeout(now: number): void {
    if (now >= this.#nextDataAt && now < this.talksUntil) {
      this.#nextDataAt = now + dataEveryMs;
      this.#say(now);
    }
    for (const [number, at] of this.#inFlight) {
      if (now - at < lostAfterMs) continue;
      this.#inFlight.delete(number);
      this.#lost += 1;
      this.#say(now);
    }
    if (now >= this.#nextStatusAt) {
      this.#nextStatusAt = this.#inFlight.size > 0 || now < this.talksUntil ? now + statusEveryMs : Infinity;
      this.#tellPath(now);
    }
    this.agent.handleTimeout(now);
  }

  pollTransmit(now: number): { readonly to: Address; readonly bytes: Uint8Array } | undefined {
    this.#act(now);
    return this.#outbox.shift();
  }

  nextTimeout(): number | undefined {
    const oldest = this.#inFlight.values().next().value;
    const at = Math.min(
      this.agent.nextTimeout() ?? Infinity,
      this.#nextDataAt < this.talksUntil ? this.#nextDataAt : Infinity,
      this.#nextStatusAt,
      oldest === undefined ? Infinity : oldest + lostAfterMs,
    );
    return at === Infinity ? undefined : at;
  }

  #act(now: number): void {
    for (let action = this.agent.pollAction(); action; action = this.agent.pollAction()) {
      if (action.type === 'probe') {
        this.probesSent += 1;
        const id = this.#nextId++;
        this.#challenges.set(id, { to: action.to, at: now });
        this.#send({ type: 'challenge', id }, action.to);
      } else if (action.type === 'move') {
        this.#move(now, action.to);
      } else {
        this.#options.onAction(now, action);
      }
    }
  }

  #move(now: number, to: Address): void {
    if (now - (this.#answeredAt.get(keyOf(to)) ?? -Infinity) > movesWithinMs) return;
    this.moves.push(to);
    if (this.path && keyOf(to) !== keyOf(this.path)) this.#leftBehind = { path: this.path, until: now + followsMs };
    this.path = to;
    this.#say(now);
    this.#tellPath(now);
  }

  /** What was on its way by the old path when we moved does not call us back; if the new one is dead, the peer does. */
  #isLeftBehind(now: number, from: Address): boolean {
    return (
      this.#leftBehind !== undefined && now < this.#leftBehind.until && keyOf(from) === keyOf(this.#leftBehind.path)
    );
  }

  #follow(now: number, from: Address): void {
    this.path = from;
    this.#tellPath(now);
  }

  #say(now: number): void {
    if (!this.path) return;
    const number = this.#sent++;
    this.#inFlight.set(number, now);
    this.#waitingSince ??= now;
    if (this.#nextStatusAt === Infinity) this.#nextStatusAt = now + statusEveryMs;
    this.#send({ type: 'data', number }, this.path);
  }

  #tellPath(now: number): void {
    const unansweredMs = this.#waitingSince === undefined ? 0 : now - this.#waitingSince;
    const counts = { sentPackets: this.#sent, lostPackets: this.#lost };
    this.agent.handlePath(now, { path: this.path, rttMs: undefined, unansweredMs, ...counts });
  }

  #send(packet: Packet, to: Address): void {
    const bytes = new TextEncoder().encode(JSON.stringify(packet));
    const route = routeOf(to);
    switch (route.kind) {
      case 'plain':
        this.#outbox.push({ to, bytes });
        return;
      case 'relay':
        this.#options.sendRelay(bytes);
        return;
      case 'spare': {
        const queue = this.#spareOutbox.get(route.socket) ?? [];
        queue.push({ to: route.to, bytes });
        this.#spareOutbox.set(route.socket, queue);
        this.#spares.get(route.socket)?.wake();
      }
    }
  }
}
