/** Networks of one cell: an internet with a server in it, routers, and clients, each in a namespace. */
import { firewallRules, natRules, type NatKind } from './nat-rules.js';
import { NetworkNamespace } from './namespaces.js';

/** A bridge in a namespace: the internet, or what is behind a router. Its own address is the gateway of those on it. */
export interface Segment {
  readonly namespace: NetworkNamespace;
  readonly device: string;
  /** `198.51.100` of a /24, `fd00:1:0:0` of a /64. */
  readonly prefix: string;
  readonly gateway: string;
}

export interface Router extends Segment {
  /** Towards the internet; changes with `renumber`. */
  readonly wanAddress: string;
}

export interface RouterPlan {
  readonly kind: Exclude<NatKind, 'none'>;
  /** Of the network behind it. */
  readonly prefix?: string;
  readonly hairpin?: boolean;
  readonly blocksUdp?: boolean;
}

const homePrefix = '192.168.1';
export const carrierPrefix = '100.64.0';
const publicPrefix = '198.51.100';
const publicPrefix6 = 'fd00:198:51:100';

export class Topology {
  readonly internet: Segment;
  /** Where servers are. */
  readonly serverAddress: string;
  readonly secondAddress: string;
  readonly #namespaces: NetworkNamespace[];
  #hosts = 10;

  private constructor(internet: Segment) {
    this.internet = internet;
    this.serverAddress = internet.gateway;
    this.secondAddress = addressOf(internet.prefix, 2);
    this.#namespaces = [internet.namespace];
  }

  /** An internet of IPv4, or of IPv6 alone, with nothing in it but the server's host. */
  static async create(family: 4 | 6 = 4): Promise<Topology> {
    const namespace = await NetworkNamespace.create('internet');
    const topology = new Topology(await addBridge(namespace, 'net', family === 4 ? publicPrefix : publicPrefix6));
    try {
      await namespace.ip(`address add ${withLength(topology.secondAddress)} dev net${noDad(topology.secondAddress)}`);
      if (family === 6) await namespace.sysctl('net.ipv6.conf.all.forwarding=1');
    } catch (error) {
      await topology.remove();
      throw error;
    }
    return topology;
  }

  /** A host of its own with a leg on a segment: on the internet, or behind a router. */
  async addHost(label: string, segment: Segment): Promise<NetworkNamespace> {
    const namespace = await this.#create(label);
    await this.connect(namespace, 'eth0', segment);
    return namespace;
  }

  async addRouter(label: string, outside: Segment, plan: RouterPlan): Promise<Router> {
    const namespace = await this.#create(label);
    const wanAddress = await this.connect(namespace, 'wan', outside);
    const inside = await addBridge(namespace, 'lan', plan.prefix ?? homePrefix);
    await namespace.nft(
      natRules({
        kind: plan.kind,
        wanAddress,
        lanAddress: inside.gateway,
        hairpin: plan.hairpin ?? false,
        blocksUdp: plan.blocksUdp ?? false,
      }),
    );
    await namespace.sysctl('net.ipv4.ip_forward=1', 'net.bridge.bridge-nf-call-iptables=0');
    return { ...inside, wanAddress };
  }

  /** A router of IPv6, with a network of its own behind it and no NAT. */
  async addFirewall(label: string, prefix: string): Promise<Router> {
    const namespace = await this.#create(label);
    const wanAddress = await this.connect(namespace, 'wan', this.internet);
    const inside = await addBridge(namespace, 'lan', prefix);
    await namespace.nft(firewallRules);
    await namespace.sysctl('net.ipv6.conf.all.forwarding=1', 'net.bridge.bridge-nf-call-ip6tables=0');
    await this.internet.namespace.ip(`route add ${prefix}::/64 via ${wanAddress}`);
    return { ...inside, wanAddress };
  }

  /** Gives a host a device on a segment, with a fresh address there, and its default route over it. */
  async connect(namespace: NetworkNamespace, device: string, segment: Segment): Promise<string> {
    const address = this.#freshAddress(segment);
    this.#hosts += 1;
    const port = `port${String(this.#hosts)}`;
    await namespace.ip(`link add ${device} type veth peer name ${port} netns ${segment.namespace.name}`);
    await segment.namespace.ip(`link set ${port} master ${segment.device} up`);
    await namespace.ip(
      `link set ${device} up`,
      `address add ${withLength(address)} dev ${device}${noDad(address)}`,
      `route replace default via ${segment.gateway} dev ${device}`,
    );
    return address;
  }

  /** Another address for a device that is connected: the old one is gone, and with it what was masqueraded behind it. */
  async renumber(namespace: NetworkNamespace, device: string, segment: Segment): Promise<string> {
    const address = this.#freshAddress(segment);
    await namespace.ip(
      `address flush dev ${device}`,
      `address add ${withLength(address)} dev ${device}${noDad(address)}`,
      `route replace default via ${segment.gateway} dev ${device}`,
    );
    return address;
  }

  async remove(): Promise<void> {
    await Promise.all(this.#namespaces.map((namespace) => namespace.remove()));
  }

  async #create(label: string): Promise<NetworkNamespace> {
    const namespace = await NetworkNamespace.create(label);
    this.#namespaces.push(namespace);
    return namespace;
  }

  #freshAddress(segment: Segment): string {
    this.#hosts += 1;
    return addressOf(segment.prefix, this.#hosts);
  }
}

async function addBridge(namespace: NetworkNamespace, device: string, prefix: string): Promise<Segment> {
  const gateway = addressOf(prefix, 1);
  await namespace.ip(
    `link add ${device} type bridge`,
    `link set ${device} up`,
    `address add ${withLength(gateway)} dev ${device}${noDad(gateway)}`,
  );
  return { namespace, device, prefix, gateway };
}

function addressOf(prefix: string, host: number): string {
  return prefix.includes(':') ? `${prefix}::${String(host)}` : `${prefix}.${String(host)}`;
}

function withLength(address: string): string {
  return address.includes(':') ? `${address}/64` : `${address}/24`;
}

/** Without it an IPv6 address is of no use for its first second. */
function noDad(address: string): string {
  return address.includes(':') ? ' nodad' : '';
}
