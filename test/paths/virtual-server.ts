/** A server in virtual time: STUN at two ports, the blind relay by UDP and by control connections, and introductions. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { answerBindingRequest, looksLikeStun, Relay, type Address, type RelayLimits } from '@parley/rendezvous';
import type { Host, Network, Protocol, SeededRandom } from '@parley/simulator';
import type { ControlConnection } from './control-connection.js';

const [port, otherPort] = [4433, 4434];

/** As `msa` has them for a small machine. */
const relayLimits: RelayLimits = {
  channels: 20_000,
  channelsPerUser: 512,
  userBytesPerSecond: 2_000_000,
  bytesPerSecond: 20_000_000,
  userQuotaBytes: 10_000_000_000,
  quotaPeriodMs: 24 * 3_600_000,
  queueDatagrams: 32,
  queueBytes: 64 * 1024,
  queuesBytes: 32 * 1024 * 1024,
};

/** What a device is told of its channel. */
export interface ChannelGrant {
  readonly channel: number;
  readonly side: 0 | 1;
  readonly token: Uint8Array;
}

export interface ServerClient {
  readonly name: string;
  readonly control: ControlConnection;
  readonly host: Host;
  /** Relay frames came on the control connection. */
  handleFrame(now: number, bytes: Uint8Array): void;
}

export function mac(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const hmac = createHmac('sha256', key);
  for (const part of parts) hmac.update(part);
  return hmac.digest();
}

export class VirtualServer {
  readonly address: Address;
  readonly other: Address;
  isUp = true;
  readonly #network: Network;
  readonly #random: SeededRandom;
  readonly #clients = new Map<string, ServerClient>();
  readonly #ports: Readonly<Record<'main' | 'other', Port>>;
  #relay: Relay;
  #nextChannel = 1;
  #grants: readonly [ChannelGrant, ChannelGrant] | undefined;

  constructor(network: Network, random: SeededRandom, ip: string) {
    this.#network = network;
    this.#random = random;
    this.address = { address: ip, port };
    this.other = { address: ip, port: otherPort };
    this.#relay = this.#newRelay();
    const main = new Port(this.address, network, (now, from, bytes) => {
      if (!this.isUp) return;
      if (looksLikeStun(bytes)) this.#answerStun('main', from, bytes);
      else this.#relay.handleDatagram(now, from, bytes);
    });
    main.poll = (now) => this.#pollRelay(now);
    main.timer = {
      next: () => this.#relay.nextTimeout(network.now),
      run: (now) => {
        this.#relay.handleTimeout(now);
      },
    };
    const other = new Port(this.other, network, (_now, from, bytes) => {
      if (this.isUp && looksLikeStun(bytes)) this.#answerStun('other', from, bytes);
    });
    this.#ports = { main, other };
  }

  /** Whoever is told of it reaches the server by its own control connection. */
  add(client: ServerClient): void {
    this.#clients.set(client.name, client);
  }

  /** A relay frame came on a client's control connection. */
  handleFrame(user: string, bytes: Uint8Array): void {
    this.#relay.handleControlFrame(this.#network.now, user, bytes);
    this.#ports.main.host.wake();
  }

  /** A channel for two users: what each of them is told. */
  allow(users: readonly [string, string]): readonly [ChannelGrant, ChannelGrant] {
    const channel = this.#nextChannel++;
    const tokens = [this.#random.bytes(32), this.#random.bytes(32)] as const;
    if (!this.#relay.allow(this.#network.now, { channel, users, tokens })) throw new Error('the relay has no room');
    this.#grants = [
      { channel, side: 0, token: tokens[0] },
      { channel, side: 1, token: tokens[1] },
    ];
    return this.#grants;
  }

  /** What was granted last; undefined when this process has granted nothing. */
  get grants(): readonly [ChannelGrant, ChannelGrant] | undefined {
    return this.#grants;
  }

  /** The process is another one: it knows no channel any more. */
  restart(): void {
    this.#relay = this.#newRelay();
    this.#grants = undefined;
    // A number is never given twice in life either: they are random there.
    this.#nextChannel += 1_000;
  }

  #newRelay(): Relay {
    return new Relay(this.#network.now, {
      mac,
      random: (length) => this.#random.bytes(length),
      equal: (a, b) => a.length === b.length && timingSafeEqual(a, b),
      limits: relayLimits,
    });
  }

  #answerStun(at: 'main' | 'other', from: Address, bytes: Uint8Array): void {
    const answer = answerBindingRequest(bytes, from, true);
    if (!answer) return;
    const elsewhere = at === 'main' ? 'other' : 'main';
    this.#ports[answer.fromOtherPort ? elsewhere : at].send(answer.bytes, from);
  }

  #pollRelay(now: number): { readonly to: Address; readonly bytes: Uint8Array } | undefined {
    for (let next = this.#relay.pollTransmit(now); next; next = this.#relay.pollTransmit(now)) {
      const { to, bytes } = next;
      if (to.kind === 'udp') return { to: to.address, bytes };
      const client = this.#clients.get(to.user);
      client?.control.toClient(() => {
        client.handleFrame(this.#network.now, bytes);
      }, client.host);
    }
    return undefined;
  }
}

class Port implements Protocol {
  readonly host: Host;
  poll: (now: number) => { readonly to: Address; readonly bytes: Uint8Array } | undefined = () => undefined;
  timer: { readonly next: () => number | undefined; readonly run: (now: number) => void } | undefined;
  readonly #outbox: { readonly to: Address; readonly bytes: Uint8Array }[] = [];
  readonly #receive: (now: number, from: Address, bytes: Uint8Array) => void;

  constructor(at: Address, network: Network, receive: (now: number, from: Address, bytes: Uint8Array) => void) {
    this.#receive = receive;
    this.host = network.attach(this, at);
  }

  send(bytes: Uint8Array, to: Address): void {
    this.#outbox.push({ to, bytes });
    this.host.wake();
  }

  handleDatagram(now: number, from: Address, bytes: Uint8Array): void {
    this.#receive(now, from, bytes);
  }

  handleTimeout(now: number): void {
    this.timer?.run(now);
  }

  pollTransmit(now: number): { readonly to: Address; readonly bytes: Uint8Array } | undefined {
    return this.#outbox.shift() ?? this.poll(now);
  }

  nextTimeout(): number | undefined {
    return this.timer?.next();
  }
}
