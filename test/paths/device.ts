/**
 * One device in virtual time: what the client's engine does with one conversation, around the true transport and the true
 * path agent. Its one socket is a host of the simulated network; so is each spare one.
 */
import {
  decodeOffer,
  encodeOffer,
  looksLikeRelay,
  looksLikeStun,
  PathAgent,
  policyAccepts,
  relayAddress,
  routeOf,
  type Address,
  type PathAction,
  type PathPolicy,
} from '@parley/rendezvous';
import type { Host, Network, Protocol, Realm, SeededRandom } from '@parley/simulator';
import { Endpoint, type Link, type LinkEvent } from '@parley/transport';
import { bestCrypto } from '@parley/transport/node';
import { AddressFinder } from './address-finder.js';
import type { ControlConnection } from './control-connection.js';
import { RelayClient } from './relay-client.js';
import { SpareHosts } from './spare-hosts.js';
import { Talk } from './talk.js';
import { TargetCheck } from './target-check.js';
import type { ChannelGrant, VirtualServer } from './virtual-server.js';

/** How often the link is looked at, and when its user hears of it, as in the client's FoundLink and settings. */
const busyLookMs = 250;
const idleLookMs = 1_000;
const idleLooks = 8;
const settleMs = 150;
const clientConfig = { pathTimeoutMs: 10_000, peerIdleTimeoutMs: 35_000, lingerMs: 1_000, drainMs: 1_000 };
const crypto = bestCrypto();

export interface DeviceOptions {
  readonly name: string;
  readonly network: Network;
  readonly random: SeededRandom;
  readonly server: VirtualServer;
  readonly control: ControlConnection;
  readonly at: Address;
  readonly realm: Realm;
  readonly policy: PathPolicy;
  readonly keepAliveMs: number;
  log(step: string): void;
}

export interface Introduced {
  readonly id: Uint8Array;
  readonly psk: Uint8Array;
  readonly peerKey: Uint8Array;
  readonly role: 'initiator' | 'responder';
  /** Undefined where the server relays nothing. */
  readonly grant: ChannelGrant | undefined;
  /** Carries bytes to the other device, sealed, over the server. @returns false when it could not be told */
  sendOffer(bytes: Uint8Array): boolean;
}

interface Datagram {
  readonly to: Address;
  readonly bytes: Uint8Array;
}

export class Device implements Protocol {
  readonly name: string;
  readonly host: Host;
  readonly publicKey: Uint8Array;
  readonly finder: AddressFinder;
  readonly relay: RelayClient;
  readonly spares: SpareHosts;
  readonly targets: TargetCheck;
  readonly talk: Talk;
  readonly #options: DeviceOptions;
  readonly #endpoint: Endpoint;
  readonly #outbox: Datagram[] = [];
  /** By which the transport knows the relay. */
  #relayName: Address | undefined;
  #link: Link | undefined;
  #agent: PathAgent | undefined;
  #sendOffer: Introduced['sendOffer'] = () => false;
  #untold: Uint8Array | undefined;
  #lookAt = Infinity;
  #settlesAt = Infinity;
  #sentPackets = 0;
  #quietLooks = 0;
  /** When its user was told that the link stands. */
  toldAt: number | undefined;
  birthdays = 0;
  /** By whatever way. */
  datagramsToPeer = 0;

  constructor(options: DeviceOptions) {
    const { name, network, random, server, at, realm } = options;
    this.#options = options;
    this.name = name;
    const privateKey = random.bytes(32);
    const { publicKey } = crypto.keyAgreement(privateKey);
    this.publicKey = publicKey;
    const bytes = (length: number): Uint8Array => random.bytes(length);
    const config = { ...clientConfig, keepAliveMs: options.keepAliveMs };
    this.#endpoint = new Endpoint({ crypto, random: bytes, keyPair: { privateKey, publicKey }, config });
    this.targets = new TargetCheck([server.address, server.other]);
    this.talk = new Talk(random);
    const sendUdp = (datagram: Uint8Array, to: Address): void => {
      this.#outbox.push({ bytes: datagram, to });
    };
    this.finder = new AddressFinder({
      server: server.address,
      otherPort: server.other.port,
      at: () => this.host.address,
      random: bytes,
      send: sendUdp,
      onChange: (now) => {
        this.#ownCandidatesChanged(now);
      },
    });
    this.relay = new RelayClient({
      relay: server.address,
      sendUdp,
      sendControl: (frame) => {
        options.control.toServer(() => {
          server.handleFrame(name, frame);
        }, this.host);
      },
      receive: (now, payload) => {
        if (this.#relayName) this.#endpoint.handleDatagram(now, this.#relayName, payload);
      },
    });
    const onTurn = (now: number): void => {
      this.#onTurn(now);
    };
    this.host = network.attach(this, at, onTurn, realm);
    this.spares = new SpareHosts(network, this.host, (now, from, datagram) => {
      this.targets.handleHeard(routeOf(from));
      this.#endpoint.handleDatagram(now, from, datagram);
      this.host.wake();
    });
  }

  /** @throws Error before it is introduced */
  get link(): Link {
    if (!this.#link) throw new Error(`${this.name} has no link`);
    return this.#link;
  }

  get agent(): PathAgent {
    if (!this.#agent) throw new Error(`${this.name} has no agent`);
    return this.#agent;
  }

  get isDirect(): boolean {
    const path = this.#link?.path;
    return path !== undefined && routeOf(path).kind !== 'relay';
  }

  get isRelayed(): boolean {
    return this.#link?.path !== undefined && !this.isDirect;
  }

  /** A call: the server has introduced the two. */
  open(now: number, introduced: Introduced): void {
    const { policy, random, server } = this.#options;
    const { role, id, psk, peerKey, grant } = introduced;
    this.#sendOffer = (bytes) => introduced.sendOffer(bytes);
    const relay = grant && policy !== 'direct-only' ? relayAddress(grant.channel) : undefined;
    this.#relayName = relay;
    if (grant && relay) this.relay.use(now, grant);
    this.#agent = new PathAgent({
      role: role === 'initiator' ? 'controlling' : 'controlled',
      policy,
      relay,
      forbidden: [server.address, server.other],
      mayUseLoopback: false,
      random: (length) => random.bytes(length),
    });
    const { candidates } = this.#agent;
    const accepts = (from: Address): boolean => policyAccepts(policy, from);
    this.#link = this.#endpoint.open(now, { id, psk, peerKey, role, candidates, accepts });
    this.#ownCandidatesChanged(now);
    this.host.wake();
  }

  /** Another channel for the same introduction: the server is another process. */
  useRelay(now: number, grant: ChannelGrant): void {
    if (this.#relayName) this.relay.use(now, grant);
  }

  handleOffer(now: number, bytes: Uint8Array): void {
    const offer = decodeOffer(bytes);
    if (!offer || !this.#agent) return;
    this.targets.handleOffer(offer.candidates);
    this.#agent.handleOffer(now, offer);
    this.#link?.addCandidates(now, this.#agent.candidates);
    this.#act(now);
  }

  /** The control connection is another one. */
  serverIsBack(now: number): void {
    this.finder.ask(now);
    const untold = this.#untold;
    this.#untold = undefined;
    if (untold && !this.#sendOffer(untold)) this.#untold = untold;
  }

  /** The watch on interfaces has seen it. */
  addressChanged(now: number): void {
    this.log('notices that it is elsewhere');
    this.relay.addressChanged(now);
    this.finder.askAnew(now);
    if (!this.#agent) return;
    this.#ownCandidatesChanged(now);
    this.#agent.handleAddressChange(now);
    this.#act(now);
  }

  moveTo(at: Address, realm: Realm): void {
    this.log(`moves to ${at.address} ${String(at.port)}`);
    this.host.moveTo(at, realm);
    this.spares.moveTo(at.address, realm);
  }

  log(step: string): void {
    this.#options.log(`${this.name} ${step}`);
  }

  handleDatagram(now: number, from: Address, bytes: Uint8Array): void {
    if (looksLikeStun(bytes)) this.finder.handleDatagram(now, from, bytes);
    else if (looksLikeRelay(bytes)) this.relay.handleDatagram(now, from, bytes);
    else {
      this.targets.handleHeard({ kind: 'plain', to: from });
      this.#endpoint.handleDatagram(now, from, bytes);
    }
  }

  handleTimeout(now: number): void {
    this.#endpoint.handleTimeout(now);
    if (due(this.finder.nextTimeout(), now)) this.finder.handleTimeout(now);
    if (due(this.relay.nextTimeout(), now)) this.relay.handleTimeout(now);
    if (due(this.#agent?.nextTimeout(), now)) this.#agent?.handleTimeout(now);
    if (due(this.#settlesAt, now)) this.#tell(now);
    if (due(this.#lookAt, now)) this.#look(now);
    this.#act(now);
    for (let message = this.#nextMessage(now); message; message = this.#nextMessage(now)) this.#say(message);
  }

  pollTransmit(now: number): Datagram | undefined {
    for (;;) {
      const own = this.#outbox.shift();
      if (own) return this.targets.checked(own);
      const next = this.#endpoint.pollTransmit(now);
      if (!next) return undefined;
      this.datagramsToPeer += 1;
      const { to, bytes } = next;
      const route = routeOf(to);
      switch (route.kind) {
        case 'plain':
          return this.targets.checked(next);
        case 'relay':
          this.relay.send(bytes);
          break;
        case 'spare':
          this.spares.send(route.socket, this.targets.checked({ to: route.to, bytes: bytes.slice() }));
          break;
      }
    }
  }

  nextTimeout(): number | undefined {
    const at = Math.min(
      this.#endpoint.nextTimeout() ?? Infinity,
      this.finder.nextTimeout() ?? Infinity,
      this.relay.nextTimeout() ?? Infinity,
      this.#agent?.nextTimeout() ?? Infinity,
      this.toldAt === undefined ? Infinity : this.talk.nextAt,
      this.#lookAt,
      this.#settlesAt,
    );
    return at === Infinity ? undefined : at;
  }

  #nextMessage(now: number): Uint8Array | undefined {
    return this.toldAt === undefined ? undefined : this.talk.take(now);
  }

  #say(message: Uint8Array): void {
    this.link.send(message);
    if (this.#quietLooks >= idleLooks) this.#lookAt = this.#options.network.now + busyLookMs;
    this.#quietLooks = 0;
  }

  #onTurn(now: number): void {
    for (let next = this.#endpoint.pollEvent(); next; next = this.#endpoint.pollEvent()) this.#handle(now, next.event);
    this.#act(now);
  }

  #handle(now: number, event: LinkEvent): void {
    switch (event.type) {
      case 'established':
        this.log('is established');
        this.#look(now);
        if (this.isDirect || this.#options.policy === 'relay-only') this.#tell(now);
        else this.#settlesAt = now + settleMs;
        return;
      case 'message':
        this.#tell(now);
        this.talk.receive(now, event.bytes);
        return;
      case 'probed':
        // An answer may come by another way than the question went.
        this.targets.handleHeard(routeOf(event.to));
        this.#agent?.handleProbed(now, event.to, event.rttMs);
        return;
      case 'heard':
        this.#agent?.handleHeard(now, event.from);
        return;
      case 'moved':
        this.log(`is on ${this.link.path?.address ?? 'nothing'} ${String(this.link.path?.port)}`);
        this.#look(now);
        if (this.isDirect) this.#tell(now);
        return;
      case 'ended':
        throw new Error(`the link of ${this.name} has ended: ${JSON.stringify(event.end)}`);
      case 'drain':
      case 'datagram':
      case 'stream':
      case 'stream-data':
      case 'stream-drain':
      case 'stream-end':
      case 'stream-reset':
      case 'stream-stopped':
      case 'streams-available':
        throw new Error(`nobody asked for ${event.type}`);
    }
  }

  #tell(now: number): void {
    this.#settlesAt = Infinity;
    if (this.toldAt !== undefined) return;
    this.toldAt = now;
    this.talk.begin(now);
  }

  #look(now: number): void {
    if (!this.#link || !this.#agent) return;
    const { path, rttMs, sentPackets, lostPackets, unansweredMs } = this.#link.status(now);
    const isQuiet = sentPackets === this.#sentPackets && unansweredMs === 0;
    this.#sentPackets = sentPackets;
    this.#quietLooks = isQuiet ? this.#quietLooks + 1 : 0;
    this.#lookAt = now + (this.#quietLooks < idleLooks ? busyLookMs : idleLookMs);
    this.#agent.handlePath(now, { path, rttMs, sentPackets, lostPackets, unansweredMs });
  }

  #ownCandidatesChanged(now: number): void {
    this.#agent?.setOwnCandidates(now, this.finder.candidates, this.finder.nat);
    this.#act(now);
  }

  #act(now: number): void {
    const agent = this.#agent;
    for (let action = agent?.pollAction(); action; action = agent?.pollAction()) this.#do(now, action);
  }

  #do(now: number, action: PathAction): void {
    switch (action.type) {
      case 'probe':
        this.targets.handleProbe(routeOf(action.to));
        this.#link?.probe(now, action.to);
        return;
      case 'move':
        if (this.#link?.moveTo(now, action.to) === true) {
          this.log(`moves the link to ${action.to.address} ${String(action.to.port)}`);
          this.#look(now);
        } else {
          this.log(`may not move the link to ${action.to.address} ${String(action.to.port)}`);
        }
        return;
      case 'offer': {
        const bytes = encodeOffer(action.offer);
        if (!this.#sendOffer(bytes)) this.#untold = bytes;
        return;
      }
      case 'ask-reflexive':
        this.relay.addressChanged(now);
        this.finder.ask(now);
        return;
      case 'birthday-begin': {
        this.birthdays += 1;
        this.targets.mayTryPorts = true;
        const numbers = this.spares.open(action.sockets);
        this.#agent?.handleBirthdayBegun(now, numbers);
        return;
      }
      case 'birthday-end':
        this.targets.mayTryPorts = false;
        this.spares.closeAllBut(action.keep);
        return;
    }
  }
}

function due(at: number | undefined, now: number): boolean {
  return at !== undefined && at <= now;
}
