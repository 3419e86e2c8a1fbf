/** Links to other devices by whatever way there is, and what is needed to find the ways. */
import { randomBytes } from 'node:crypto';
import type { DeviceIntroduction, EventParams, RelayGrant } from '@parley/protocol';
import { reachableCandidates, type PathReport } from '@parley/rendezvous';
import type { PathPolicy } from './api.js';
import { BirthdayTurns } from './birthday-turns.js';
import { FoundLink, type FoundLinkOptions } from './found-link.js';
import type { LinkHandlers, PeerLink, PeerTransport } from './ports.js';
import type { PortMapping } from './port-mapping.js';
import type { Reachability } from './reachability.js';
import type { RelayCarrier } from './relay-carrier.js';
import { SealedOffers } from './sealed-offer.js';
import type { ServerLink } from './server-link.js';
import type { SpareSockets } from './spare-sockets.js';
import { Turnstile, within } from './waits.js';

/** Requests under way that tell other devices where this one is. */
const offersAtOnce = 8;

/** What the router is given to take a mapping back. */
const stopSourcesMs = 2_000;

/** So many users' last reports are kept. */
const mostReports = 64;

/** What tells of other addresses: port mapping, and a watch on the interfaces. */
export interface Startable {
  start(): void;
  stop(): unknown;
}

export interface PeerLinksOptions {
  readonly transport: PeerTransport;
  readonly reachability: Reachability;
  readonly carrier: RelayCarrier;
  readonly spares: SpareSockets;
  /** Run while there is a server to introduce anybody. */
  readonly sources: readonly Startable[];
  /** Undefined when the router is not asked for a port. */
  readonly portMapping: Pick<PortMapping, 'asked' | 'finding'> | undefined;
  /** X25519, of this device. */
  readonly privateKey: Uint8Array;
  /** How long a link that stands may look for a direct path before its user hears of it, milliseconds. */
  readonly settleMs: number;
}

export class PeerLinks {
  readonly #options: PeerLinksOptions;
  /** By the id of their introductions. */
  readonly #links = new Map<string, FoundLink>();
  readonly #birthdays: BirthdayTurns;
  #server: ServerLink | undefined;
  /** In a room of many all links tell at once: so that they leave room for other requests. */
  readonly #lanes = Array.from({ length: offersAtOnce }, () => new Turnstile());
  #lane = 0;
  /** By user: of links that are no more, the newest last. */
  readonly #lastReports = new Map<string, PathReport>();

  constructor(options: PeerLinksOptions) {
    this.#options = options;
    this.#birthdays = new BirthdayTurns(options.spares);
  }

  /** What a doctor asks; a server that nobody is logged in on has not been asked yet what it sees of this device. */
  askedOf(server: ServerLink | undefined): Pick<PeerLinksOptions, 'reachability' | 'portMapping'> {
    const { reachability, portMapping } = this.#options;
    if (server?.isUp === true && server.user === undefined) this.useServer(server);
    return { reachability, portMapping };
  }

  get carrier(): RelayCarrier {
    return this.#options.carrier;
  }

  /** There is a login on this server, or the connection to it is another one: it is asked what it sees of us. */
  useServer(server: ServerLink): void {
    this.#server = server;
    const { reachability, carrier, sources } = this.#options;
    const { hello, remoteAddress: address } = server.connection;
    const { stunPort: port, otherStunPort, relays } = hello;
    reachability.setServer({ address, port, otherPort: otherStunPort ?? undefined });
    void reachability.ask();
    const relay = { address, port };
    const send = async (frames: string[]): Promise<void> => {
      // What is not taken is lost, as datagrams are.
      await server.call('relay.send', { frames }).catch(() => undefined);
    };
    carrier.setControl(relays ? { relay, send } : undefined);
    for (const source of sources) source.start();
    for (const link of this.#links.values()) link.tellAgain();
  }

  /** The connection broke: what goes by UDP goes on. */
  onServerLost(): void {
    this.#options.carrier.setControl(undefined);
  }

  /** Left, or gone for good. Links go on. */
  async forgetServer(): Promise<void> {
    this.#server = undefined;
    this.onServerLost();
    this.#options.reachability.setServer(undefined);
    // A router may never answer, and nobody is to wait for it.
    await within(Promise.all(this.#options.sources.map((source) => source.stop())), stopSourcesMs);
  }

  async close(): Promise<void> {
    await this.forgetServer();
    await this.#options.transport.close();
    this.#options.carrier.stop();
    this.#options.spares.closeAll();
  }

  /**
   * Begins a link with an introduced device.
   * @throws TransportError for an introduction that cannot be used
   */
  open(introduction: DeviceIntroduction, server: ServerLink, policy: PathPolicy, handlers: LinkHandlers): PeerLink {
    const { transport, reachability, carrier, privateKey, settleMs } = this.#options;
    const { id, peer, role, relay, deviceKey } = introduction;
    const peerKey = new Uint8Array(Buffer.from(deviceKey, 'base64'));
    const offers = SealedOffers.between({ privateKey, peerKey, introduction: id, role });
    const place = server.place;
    const mayUseRelay = policy !== 'direct-only' && relay !== null;
    const options: FoundLinkOptions = {
      ...{ policy, offers, settleMs, carrier, birthdays: this.#birthdays },
      role: role === 'initiator' ? 'controlling' : 'controlled',
      relay: mayUseRelay ? carrier.open(relay) : undefined,
      rules: {
        // Nobody is reached at the server's own.
        forbidden: place.ports.map((port) => ({ address: place.address, port })),
        mayUseLoopback: place.isLoopback,
      },
      ownCandidates: () => reachability.candidates(place.isLoopback),
      // With the server away its silence says nothing of UDP.
      nat: () => ({ ...reachability.nat, isUdpBlocked: server.isUp && reachability.nat.isUdpBlocked }),
      askAgain: () => {
        // A router that has forgotten us gives the relay another address of ours.
        carrier.addressChanged();
        void reachability.ask();
      },
      sendOffer: (sealed) => {
        const params = { peer, introduction: id, sealed: Buffer.from(sealed).toString('base64') };
        return this.#nextLane().pass(() => server.call('path.offer', params));
      },
      random: (length) => randomBytes(length),
      onGone: (report) => {
        this.#links.delete(id);
        this.#remember(peer, report);
      },
    };
    const link = new FoundLink(peer, options, handlers);
    const told = policy === 'relay-only' ? [] : reachableCandidates(introduction.candidates, options.rules);
    link.begin((found, accepts) =>
      transport.open(
        {
          id: Buffer.from(id, 'hex'),
          peerKey,
          psk: Buffer.from(introduction.psk, 'base64'),
          role,
          candidates: [...link.candidates, ...told],
          accepts,
        },
        found,
      ),
    );
    this.#links.set(id, link);
    return link;
  }

  /** What is known of the way to a user, or was known last. */
  reportOf(peer: string): PathReport | undefined {
    const link = [...this.#links.values()].findLast((one) => one.peer === peer);
    return link?.report ?? this.#lastReports.get(peer);
  }

  /** The other device of an introduction tells where it may be reached. */
  onOffered({ introduction, sealed }: EventParams<'path.offered'>): void {
    this.#links.get(introduction)?.handleSealedOffer(Buffer.from(sealed, 'base64'));
  }

  /** The server is another process, or has forgotten the channel: another one for the same introduction. */
  onGrant(introduction: string, grant: RelayGrant): void {
    this.#links.get(introduction)?.useRelay(grant);
  }

  /** What STUN or the router says has changed. */
  onOwnCandidates(): void {
    for (const link of this.#links.values()) link.ownCandidatesChanged();
  }

  /** Interfaces have other addresses, or the machine woke up. */
  onAddressChange(): void {
    this.#server?.networkChanged();
    this.#options.carrier.addressChanged();
    void this.#options.reachability.askAnew();
    for (const link of this.#links.values()) link.addressChanged();
  }

  #nextLane(): Turnstile {
    this.#lane = (this.#lane + 1) % this.#lanes.length;
    return this.#lanes[this.#lane] as Turnstile;
  }

  #remember(peer: string, report: PathReport): void {
    this.#lastReports.delete(peer);
    this.#lastReports.set(peer, report);
    const [oldest] = this.#lastReports.keys();
    if (this.#lastReports.size > mostReports && oldest !== undefined) this.#lastReports.delete(oldest);
  }
}
