import { familyOf, scopeOf } from './ip-scope.js';
import { formatIp, parseIp, type Address } from './stun-message.js';

/** One address of a network interface, as the operating system lists it. */
export interface InterfaceAddress {
  readonly address: string;
  readonly internal: boolean;
  /** The interface's, such as `eth0`. */
  readonly name?: string | undefined;
}

/** `host`: of an interface; `mapped`: a router was asked for it (NAT-PMP, UPnP); `reflexive`: seen by STUN. */
export type CandidateKind = 'host' | 'mapped' | 'reflexive';

/** An address under which a device may be reached (RFC 8445, section 5.1.1). */
export interface Candidate extends Address {
  readonly kind: CandidateKind;
}

export interface GatherInput {
  readonly interfaces: readonly InterfaceAddress[];
  /** Where the UDP socket is bound; an unspecified address (`0.0.0.0`, `::`) stands for every interface. */
  readonly bound: Address;
  /** What STUN saw, when it answered. */
  readonly reflexive: Address | undefined;
  /** What the router gave, when it was asked. */
  readonly mapped?: Address | undefined;
  /** Loopback serves two clients on one machine, and nobody else. Default true. */
  readonly mayUseLoopback?: boolean;
  /** At most so many; the ones most likely to work are kept. */
  readonly most: number;
}

/** Of containers, virtual machines and bridges: they may lead to the peer, but seldom do. */
const virtualInterface = /^(br-|docker|lxc|lxdbr|podman|tap|veth|virbr|vmnet|vboxnet|cni|flannel)/;

/**
 * The addresses under which a device may be reached, the most useful first: those of its interfaces, what the router gave,
 * what STUN saw, then virtual interfaces and loopback. Link-local IPv6 is left out: it means nothing without the
 * interface's name, which the other side does not know.
 */
export function gatherCandidates(input: GatherInput): Candidate[] {
  const { interfaces, bound, reflexive, mapped, mayUseLoopback = true, most } = input;
  const isEverywhere = bound.address === '0.0.0.0' || bound.address === '::';
  const own = isEverywhere ? interfaces : [{ address: bound.address, internal: false }];
  const hosts = own.filter(({ address }) => isUsable(address, bound.address, mayUseLoopback));
  const asHost = ({ address }: InterfaceAddress): Candidate => ({ kind: 'host', address, port: bound.port });
  const isLast = ({ internal, name }: InterfaceAddress): boolean => internal || virtualInterface.test(name ?? '');
  const fromOutside: Candidate[] = [];
  if (mapped) fromOutside.push({ kind: 'mapped', ...mapped });
  if (reflexive) fromOutside.push({ kind: 'reflexive', ...reflexive });
  const first = once(hosts.filter((host) => !isLast(host)).map(asHost));
  // What only others see is kept however many interfaces there are: behind a NAT nothing else works.
  const outside = once([...first, ...fromOutside]).slice(first.length, first.length + most);
  const last = hosts.filter(isLast).sort((a, b) => Number(a.internal) - Number(b.internal));
  return once([...first.slice(0, most - outside.length), ...outside, ...last.map(asHost)]).slice(0, most);
}

function isUsable(address: string, bound: string, mayUseLoopback: boolean): boolean {
  const ip = parseIp(address);
  if (!ip || (bound !== '::' && familyOf(bound) !== familyOf(address))) return false;
  const scope = scopeOf(ip);
  if (scope === 'link-local') return ip.length === 4;
  return scope !== 'none' && (scope !== 'loopback' || mayUseLoopback);
}

function once(candidates: readonly Candidate[]): Candidate[] {
  const seen = new Set<string>();
  return candidates.filter((candidate) => {
    const key = keyOf(candidate);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** One text for an address and its port. */
export function keyOf({ address, port }: Address): string {
  return `${address} ${String(port)}`;
}

/** What a device does not send to, whoever asks for it. */
export interface TargetRules {
  /** The server's own addresses and ports: what is said there is not for a peer. */
  readonly forbidden: readonly Address[];
  readonly mayUseLoopback: boolean;
}

const noRules: TargetRules = { forbidden: [], mayUseLoopback: true };
/** A DNS server answers whoever seems to ask, with more than it was sent. */
const dnsPort = 53;

/**
 * Of the addresses that somebody else says it has, those that a datagram may be sent to: one host each, and each once, in
 * the one spelling of RFC 5952. Link-local IPv6 would lead to whoever has the address here.
 */
export function reachableCandidates<A extends Address>(candidates: readonly A[], rules = noRules): A[] {
  const seen = new Set(rules.forbidden.map((address) => keyOf(plainSpelling(address) ?? address)));
  return candidates.flatMap((candidate) => {
    const { port } = candidate;
    const plain = plainSpelling(candidate);
    if (!plain || seen.has(keyOf(plain)) || !isTarget(plain.address, rules)) return [];
    if (!Number.isInteger(port) || port < 1 || port > 65_535 || port === dnsPort) return [];
    seen.add(keyOf(plain));
    return [{ ...candidate, address: plain.address }];
  });
}

function plainSpelling({ address, port }: Address): Address | undefined {
  const ip = parseIp(address);
  return ip && { address: formatIp(ip), port };
}

function isTarget(address: string, { mayUseLoopback }: TargetRules): boolean {
  const ip = parseIp(address);
  if (!ip) return false;
  const scope = scopeOf(ip);
  switch (scope) {
    case 'none':
      return false;
    case 'loopback':
      return mayUseLoopback;
    case 'link-local':
      return ip.length === 4;
    case 'private':
    case 'public':
      return true;
  }
}
