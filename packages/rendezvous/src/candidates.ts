import { formatIp, parseIp, type Address } from './stun-message.js';

/** One address of a network interface, as the operating system lists it. */
export interface InterfaceAddress {
  readonly address: string;
  readonly internal: boolean;
}

export interface HostCandidate extends Address {
  readonly kind: 'host' | 'reflexive';
}

export interface GatherInput {
  readonly interfaces: readonly InterfaceAddress[];
  /** Where the UDP socket is bound; an unspecified address (`0.0.0.0`, `::`) stands for every interface. */
  readonly bound: Address;
  /** What STUN saw, when it answered. */
  readonly reflexive: Address | undefined;
  /** At most so many; the ones most likely to work are kept. */
  readonly most: number;
}

/**
 * The addresses under which a device may be reached (RFC 8445, section 5.1.1): those of its interfaces, loopback
 * last (it serves two clients on one machine), then what STUN saw. Link-local IPv6 is left out: it means nothing
 * without the interface's name, which the other side does not know.
 */
export function gatherCandidates({ interfaces, bound, reflexive, most }: GatherInput): HostCandidate[] {
  const family = familyOf(bound.address);
  const everywhere = bound.address === '0.0.0.0' || bound.address === '::';
  const own = everywhere
    ? [...interfaces].sort((a, b) => Number(a.internal) - Number(b.internal)).map(({ address }) => address)
    : [bound.address];
  const usable = own.filter(
    (address) => !isLinkLocalIpv6(address) && (bound.address === '::' || familyOf(address) === family),
  );
  const hosts = [...new Set(usable)].map((address) => ({ kind: 'host' as const, address, port: bound.port }));
  if (!reflexive || hosts.some(({ address, port }) => address === reflexive.address && port === reflexive.port)) {
    return hosts.slice(0, most);
  }
  return [...hosts.slice(0, most - 1), { kind: 'reflexive', ...reflexive }];
}

/**
 * Of the addresses that somebody else says it has, those that a datagram may be sent to: one host each, and each once.
 * Multicast, broadcast and unspecified addresses would reach others, or ourselves; an IPv4 address in IPv6 form would
 * pass for something else.
 */
export function reachableCandidates<A extends Address>(candidates: readonly A[]): A[] {
  const seen = new Set<string>();
  return candidates.filter(({ address, port }) => {
    const ip = parseIp(address);
    const key = ip && `${formatIp(ip)} ${String(port)}`;
    if (!key || !isOneHost(ip) || port < 1 || port > 65_535 || seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

function isOneHost(ip: Uint8Array): boolean {
  const [first = 0] = ip;
  // RFC 1122, section 3.2.1.3: 0/8 is "this host", 224/4 multicast, 240/4 reserved and broadcast.
  if (ip.length === 4) return first !== 0 && first < 224;
  const isLow = ip.subarray(0, 10).every((byte) => byte === 0);
  const isLoopback = isLow && ip.subarray(10, 15).every((byte) => byte === 0) && ip[15] === 1;
  // RFC 4291: ff00::/8 is multicast; ::/80 holds the unspecified address and IPv4 in IPv6 form.
  return first !== 0xff && (!isLow || isLoopback);
}

function familyOf(address: string): 4 | 6 | undefined {
  const length = parseIp(address)?.length;
  return length === 4 ? 4 : length === 16 ? 6 : undefined;
}

function isLinkLocalIpv6(address: string): boolean {
  const ip = parseIp(address);
  return ip?.length === 16 && ip[0] === 0xfe && ((ip[1] ?? 0) & 0xc0) === 0x80;
}
