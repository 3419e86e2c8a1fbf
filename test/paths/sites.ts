/** Where the two devices of a cell are: behind which NATs, and how far from each other. */
import type { Address } from '@parley/rendezvous';
import {
  usualNat,
  type Conditions,
  type Nat,
  type NatBehaviour,
  type NatOptions,
  type Network,
  type Realm,
  type SeededRandom,
} from '@parley/simulator';

export const natKinds = [
  'none',
  'endpoint-independent',
  'address-restricted',
  'port-restricted',
  'endpoint-dependent',
] as const;
export type NatKindName = (typeof natKinds)[number];

const behaviours: Readonly<
  Record<Exclude<NatKindName, 'none'>, { readonly mapping: NatBehaviour; readonly filtering: NatBehaviour }>
> = {
  'endpoint-independent': { mapping: 'endpoint-independent', filtering: 'endpoint-independent' },
  'address-restricted': { mapping: 'endpoint-independent', filtering: 'address-dependent' },
  'port-restricted': { mapping: 'endpoint-independent', filtering: 'address-and-port-dependent' },
  'endpoint-dependent': { mapping: 'address-and-port-dependent', filtering: 'address-and-port-dependent' },
};

/** Where one device is. */
export interface Site {
  readonly at: Address;
  readonly realm: Realm;
  /** As the internet sees it. */
  readonly publicIp: string;
  /** The nearest to the device. */
  readonly nat: Nat | undefined;
}

export interface NatChoice {
  readonly nat: NatKindName;
  readonly options?: Partial<NatOptions>;
}

export const serverIps = { 4: '198.51.100.1', 6: '2001:db8:0:1::1' } as const;
/** By which the sites of a side are known on the internet, where it began and where it goes. */
const publicIps = {
  alice: ['203.0.113.1', '203.0.113.11', '203.0.113.21', '203.0.113.31'],
  bob: ['203.0.113.2', '203.0.113.12', '203.0.113.22', '203.0.113.32'],
} as const;
export type Person = keyof typeof publicIps;

/** What the internet does between the sites and the server. */
export interface Internet {
  readonly leastLatencyMs: number;
  readonly mostLatencyMs: number;
  readonly mostLoss: number;
}

/** Everything that a datagram may pass, and how long it takes. */
export class Surroundings {
  readonly network: Network;
  readonly #random: SeededRandom;
  readonly #internet: Internet;
  /** Of the pairs of public addresses, both ways. */
  readonly #conditions = new Map<string, Partial<Conditions>>();
  readonly #ips = new Set<string>();
  readonly #used = { alice: 0, bob: 0 };
  readonly serverIp: string;

  constructor(network: Network, random: SeededRandom, internet: Internet, serverIp: string = serverIps[4]) {
    this.network = network;
    this.#random = random;
    this.#internet = internet;
    this.serverIp = serverIp;
    this.#place(serverIp);
  }

  /** A site on the internet. @param port of the device */
  open(person: Person, ip = this.#takeIp(person)): Site {
    this.#place(ip);
    return { at: { address: ip, port: this.#port() }, realm: this.network.internet, publicIp: ip, nat: undefined };
  }

  /** A site behind a NAT of its own, or on the internet. */
  behind(person: Person, { nat: kind, options }: NatChoice): Site {
    if (kind === 'none') return this.open(person);
    const ip = this.#takeIp(person);
    this.#place(ip);
    const nat = this.addNat(kind, { address: ip, ...options });
    return this.inside(nat, ip);
  }

  /** Behind whatever there is. */
  behindAny(person: Person): Site {
    return this.behind(person, { nat: this.#random.oneOf(natKinds) });
  }

  /** Behind a router of one's own, which is behind the NAT of the carrier. */
  behindCarrier(carrier: Nat, home: NatKindName, homeIp: string): Site {
    const nat = this.addNat(home, { address: homeIp }, carrier.inside);
    return this.inside(nat, carrier.address);
  }

  /** A NAT with nobody behind it. @param options its address at least */
  carrier(person: Person, kind: NatKindName, hairpins: boolean): Nat {
    const address = this.#takeIp(person);
    this.#place(address);
    return this.addNat(kind, { address, hairpins });
  }

  addNat(kind: NatKindName, options: Partial<NatOptions> & { address: string }, outside?: Realm): Nat {
    if (kind === 'none') throw new Error('no NAT is none');
    return this.network.addNat({ ...usualNat, ...behaviours[kind], preservesPorts: false, ...options }, outside);
  }

  /** Homes mostly have the same few addresses inside, so two devices may well have the same. */
  inside(nat: Nat, publicIp: string): Site {
    const at = { address: `192.168.1.${String(this.#random.between(2, 4))}`, port: this.#port() };
    return { at, realm: nat.inside, publicIp, nat };
  }

  /** A second device in a LAN. */
  beside(site: Site): Site {
    return { ...site, at: { address: '192.168.1.77', port: this.#port() } };
  }

  /** One way, in milliseconds, as it is at the moment. */
  latencyMs(from: string, to: string): number {
    const { latencyMs = 1, jitterMs = 0 } = this.#conditions.get(keyOf(from, to)) ?? {};
    return latencyMs + this.#random.fraction() * jitterMs;
  }

  /** The longest that a datagram takes. */
  mostMs(from: string, to: string): number {
    const { latencyMs = 1, jitterMs = 0 } = this.#conditions.get(keyOf(from, to)) ?? {};
    return latencyMs + jitterMs;
  }

  /** For both ways between two addresses, or for one of them. */
  change(from: string, to: string, conditions: Partial<Conditions>, isBothWays = true): void {
    const merged = { ...this.#conditions.get(keyOf(from, to)), ...conditions };
    this.#conditions.set(keyOf(from, to), merged);
    this.network.change(merged, { from, to });
    if (isBothWays) this.change(to, from, conditions, false);
  }

  /** No UDP gets out of a site, or into it. */
  blockUdp(site: Site): void {
    for (const ip of this.#ips) if (ip !== site.publicIp) this.change(site.publicIp, ip, { blocked: true });
  }

  #takeIp(person: Person): string {
    const ip = publicIps[person][this.#used[person]++];
    if (ip === undefined) throw new Error('nobody moves so often');
    return ip;
  }

  #place(ip: string): void {
    if (this.#ips.has(ip)) return;
    for (const other of this.#ips) {
      const { leastLatencyMs, mostLatencyMs, mostLoss } = this.#internet;
      const latencyMs = this.#random.between(leastLatencyMs, mostLatencyMs);
      const jitterMs = this.#random.fraction() * 0.2 * latencyMs;
      this.change(ip, other, { latencyMs, jitterMs, loss: mostLoss * this.#random.fraction() });
    }
    this.#ips.add(ip);
  }

  #port(): number {
    return this.#random.between(40_000, 60_000);
  }
}

function keyOf(from: string, to: string): string {
  return `${from} ${to}`;
}
