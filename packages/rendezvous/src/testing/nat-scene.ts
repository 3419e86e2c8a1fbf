/** Two devices, each behind a router of a kind, a server that answers STUN, passes offers on and relays. */
import {
  Network,
  usualNat,
  type Conditions,
  type Nat,
  type NatBehaviour,
  type Protocol,
  type Realm,
} from '@parley/simulator';
import { SeededRandom } from '@parley/simulator';
import { answerBindingRequest } from '../binding.js';
import { gatherCandidates, type Candidate } from '../candidates.js';
import { NatDiscovery, type NatFindings } from '../nat-discovery.js';
import { PathAgent, type PathAction } from '../path-agent.js';
import { decodeOffer, encodeOffer } from '../path-offer.js';
import type { PathPolicy } from '../path-report.js';
import type { Address } from '../stun-message.js';
import { relayAddress } from '../virtual-address.js';
import { FakeLink } from './fake-link.js';

export const natKinds = [
  'none',
  'endpoint-independent',
  'address-restricted',
  'port-restricted',
  'endpoint-dependent',
] as const;
export type NatName = (typeof natKinds)[number];

const behaviours: Record<Exclude<NatName, 'none'>, { mapping: NatBehaviour; filtering: NatBehaviour }> = {
  'endpoint-independent': { mapping: 'endpoint-independent', filtering: 'endpoint-independent' },
  'address-restricted': { mapping: 'endpoint-independent', filtering: 'address-dependent' },
  'port-restricted': { mapping: 'endpoint-independent', filtering: 'address-and-port-dependent' },
  'endpoint-dependent': { mapping: 'address-and-port-dependent', filtering: 'address-and-port-dependent' },
};

const serverIp = '198.51.100.1';
const server: Address = { address: serverIp, port: 4433 };
const otherPort = 4434;
const relay = relayAddress(7);

export interface SideOptions {
  readonly nat: NatName;
  readonly lifetimeMs?: number;
  readonly policy?: PathPolicy;
}

export interface SceneOptions {
  readonly seed: number;
  readonly a: SideOptions;
  readonly b: SideOptions;
  readonly conditions?: Partial<Conditions>;
  /** b is where a is, behind a's router. */
  readonly isSameLan?: boolean;
  readonly hairpins?: boolean;
  readonly hasRelay?: boolean;
  /** Told of each datagram, by IP addresses, as it is on the internet. */
  readonly onDatagram?: (from: string, to: string) => void;
}

/** One device: its link, its agent, and what its engine does for them. */
export class Side {
  readonly link: FakeLink;
  readonly agent: PathAgent;
  nat: Nat | undefined;
  peer: Side | undefined;
  own: Candidate[] = [];
  birthdays = 0;
  #discovery: NatDiscovery | undefined;
  #findings: NatFindings | undefined;
  readonly #scene: NatScene;
  readonly #random: SeededRandom;

  constructor(scene: NatScene, role: 'controlling' | 'controlled', at: Address, realm: Realm, options: SideOptions) {
    this.#scene = scene;
    this.#random = new SeededRandom(scene.seed * 2 + Number(role === 'controlled'));
    this.agent = new PathAgent({
      role,
      policy: options.policy ?? 'auto',
      relay: scene.hasRelay ? relay : undefined,
      forbidden: [server, { address: serverIp, port: otherPort }],
      mayUseLoopback: false,
      random: (length) => this.#random.bytes(length),
    });
    this.link = new FakeLink({
      agent: this.agent,
      network: scene.network,
      at,
      realm,
      sendRelay: (bytes) => {
        scene.relayed(this, bytes);
      },
      onAction: (now, action) => {
        this.#act(now, action);
      },
      onForeign: (now, from, bytes) => {
        this.#discovery?.handleDatagram(now, from, bytes);
        this.#drive();
      },
    });
  }

  /** STUN anew; the candidates are told when it is through. */
  discover(): void {
    const { network } = this.#scene;
    this.#discovery = new NatDiscovery(network.now, {
      server,
      otherPort,
      ownAddresses: [this.link.host.address.address],
      random: (length) => this.#random.bytes(length),
      before: this.#findings,
    });
    this.#drive();
  }

  #drive(): void {
    const discovery = this.#discovery;
    if (!discovery) return;
    const { network } = this.#scene;
    const at = discovery.nextTimeout();
    if (at !== undefined && at <= network.now) discovery.handleTimeout(network.now);
    for (let next = discovery.pollTransmit(); next; next = discovery.pollTransmit()) {
      this.link.sendForeign(next.bytes, next.to);
    }
    const next = discovery.nextTimeout();
    if (next !== undefined) {
      network.schedule(Math.max(0, next - network.now), () => {
        if (this.#discovery === discovery) this.#drive();
      });
    }
    if (!discovery.isDone) return;
    this.#discovery = undefined;
    this.#findings = discovery.findings;
    const { address } = this.link.host;
    this.own = gatherCandidates({
      interfaces: [{ address: address.address, internal: false }],
      bound: address,
      reflexive: discovery.findings.reflexive,
      most: 32,
    });
    this.agent.setOwnCandidates(network.now, this.own, discovery.findings);
    this.link.host.wake();
  }

  #act(now: number, action: PathAction): void {
    switch (action.type) {
      case 'offer': {
        const bytes = encodeOffer(action.offer);
        this.#scene.afterServer(() => {
          const offer = decodeOffer(bytes);
          if (offer) this.peer?.agent.handleOffer(this.#scene.network.now, offer);
        });
        return;
      }
      case 'ask-reflexive':
        this.discover();
        return;
      case 'birthday-begin':
        this.birthdays += 1;
        this.agent.handleBirthdayBegun(now, this.link.openSpares(action.sockets));
        return;
      case 'birthday-end':
        this.link.closeSpares(action.keep);
        return;
      case 'probe':
      case 'move':
        throw new Error('the link does that');
    }
  }
}

export class NatScene {
  readonly network: Network;
  readonly a: Side;
  readonly b: Side;
  readonly seed: number;
  readonly hasRelay: boolean;
  /** The server can be gone: no offers, no relay, no STUN. */
  isServerUp = true;

  constructor({
    seed,
    a,
    b,
    conditions,
    isSameLan = false,
    hairpins = false,
    hasRelay = true,
    onDatagram,
  }: SceneOptions) {
    this.seed = seed;
    this.hasRelay = hasRelay;
    const network = new Network({
      seed,
      conditions: { latencyMs: 15, jitterMs: 10, ...conditions },
      onTrace: ({ from, to }) => onDatagram?.(from.address, to.address),
    });
    this.network = network;
    for (const port of [server.port, otherPort]) network.attach(this.#stun(port), { address: serverIp, port });
    if (isSameLan) this.#quicken('192.168.1.2', '192.168.1.3');
    const addNat = (options: SideOptions, address: string): Nat | undefined => {
      if (options.nat === 'none') return undefined;
      const { lifetimeMs = Infinity } = options;
      return network.addNat({
        ...usualNat,
        ...behaviours[options.nat],
        address,
        hairpins,
        preservesPorts: false,
        lifetimeMs,
      });
    };
    const natA = addNat(a, '203.0.113.1');
    const natB = isSameLan ? natA : addNat(b, '203.0.113.2');
    const realmOf = (nat: Nat | undefined): Realm => nat?.inside ?? network.internet;
    const atA = { address: natA ? '192.168.1.2' : '203.0.113.11', port: 5_000 };
    const atB = { address: natB ? '192.168.1.3' : '203.0.113.12', port: 5_000 };
    this.a = new Side(this, 'controlling', atA, realmOf(natA), a);
    this.b = new Side(this, 'controlled', atB, realmOf(natB), b);
    this.a.peer = this.b;
    this.b.peer = this.a;
    this.a.nat = natA;
    this.b.nat = natB;
  }

  /** Another router, as of a mobile network. */
  addMobile(): Nat {
    return this.network.addNat({ ...usualNat, address: '203.0.113.9', preservesPorts: false });
  }

  /** Both know their NATs, as after login; then a conversation begins by the relay. */
  begin(): void {
    this.a.discover();
    this.b.discover();
    this.network.run(5_000);
    for (const side of [this.a, this.b]) side.link.connect(this.network.now, relay);
  }

  get isDirect(): boolean {
    return [this.a, this.b].every(({ link }) => link.path !== undefined && link.path.address !== 'relay');
  }

  /** @returns after how many ms both were direct; undefined when they were not within the limit */
  untilDirect(limitMs: number): number | undefined {
    const since = this.network.now;
    return this.network.runUntil(() => this.isDirect, limitMs) ? this.network.now - since : undefined;
  }

  relayed(from: Side, bytes: Uint8Array): void {
    this.afterServer(() => {
      from.peer?.link.handleDatagram(this.network.now, relay, bytes);
    });
  }

  afterServer(call: () => void): void {
    if (!this.isServerUp) return;
    this.network.schedule(40, () => {
      if (this.isServerUp) call();
    });
  }

  #quicken(one: string, other: string): void {
    for (const direction of [
      { from: one, to: other },
      { from: other, to: one },
    ]) {
      this.network.change({ latencyMs: 0.5, jitterMs: 0.2 }, direction);
    }
  }

  #stun(port: number): Protocol {
    const outbox: { to: Address; bytes: Uint8Array }[] = [];
    return {
      handleDatagram: (_now, from, bytes) => {
        const answer = this.isServerUp ? answerBindingRequest(bytes, from, true) : undefined;
        if (!answer) return;
        if (answer.fromOtherPort) this.network.inject({ address: serverIp, port: otherPort }, from, answer.bytes);
        else this.network.inject({ address: serverIp, port }, from, answer.bytes);
      },
      handleTimeout: () => undefined,
      pollTransmit: () => outbox.shift(),
      nextTimeout: () => undefined,
    };
  }
}
