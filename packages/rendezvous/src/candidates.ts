import { parseIp, type Address } from './stun-message.js';

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

function familyOf(address: string): 4 | 6 | undefined {
  const length = parseIp(address)?.length;
  return length === 4 ? 4 : length === 16 ? 6 : undefined;
}

function isLinkLocalIpv6(address: string): boolean {
  const ip = parseIp(address);
  return ip?.length === 16 && ip[0] === 0xfe && ((ip[1] ?? 0) & 0xc0) === 0x80;
}
