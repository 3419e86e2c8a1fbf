/**
 * What one device tells the other of where it may be reached; it travels sealed. Numbers are big-endian.
 *
 *     version (1) = 1 · revision (4) · mapping (1) · filtering (1) · flags (1) · spare sockets (2) · count (1) · candidates
 *     candidate: kind (1) · family (1) = 4 or 6 · IP address (4 or 16) · port (2)
 *
 * mapping: 0 unknown, 1 none, 2 endpoint-independent, 3 endpoint-dependent. filtering: 0 unknown, 1 not by port,
 * 2 by address and port. flags: bit 0, UDP does not get through to the server. kind: 1 host, 2 mapped, 3 reflexive.
 */
import type { Candidate, CandidateKind } from './candidates.js';
import type { NatFindings } from './nat-discovery.js';
import { formatIp, parseIp } from './stun-message.js';

/** What NAT a device is behind, as far as it knows. */
export type NatKind = Pick<NatFindings, 'mapping' | 'filtering' | 'isUdpBlocked'>;

export const unknownNat: NatKind = { mapping: undefined, filtering: undefined, isUdpBlocked: false };

export interface PathOffer extends NatKind {
  /** 1 for the first of an introduction, and growing: what is not newer than the last is old. */
  readonly revision: number;
  /** So many sockets are open for birthday punching and wait for probes; 0 at all other times. */
  readonly spareSockets: number;
  /** At most `offerCandidates`. */
  readonly candidates: readonly Candidate[];
}

/** Candidates in one offer: ten interfaces with three addresses each, and what the outside sees. */
export const offerCandidates = 32;

const version = 1;
const headerBytes = 11;
const udpBlockedFlag = 1;
const mappings = [undefined, 'none', 'endpoint-independent', 'endpoint-dependent'] as const;
const filterings = [undefined, 'not-by-port', 'address-and-port-dependent'] as const;
const kinds: readonly (CandidateKind | undefined)[] = [undefined, 'host', 'mapped', 'reflexive'];

/** @throws RangeError for an offer of our own that cannot be written: too many candidates, or an address that is none */
export function encodeOffer(offer: PathOffer): Uint8Array {
  const { revision, mapping, filtering, isUdpBlocked, spareSockets, candidates } = offer;
  if (candidates.length > offerCandidates) throw new RangeError('too many candidates');
  const ips = candidates.map(({ address }) => {
    const ip = parseIp(address);
    if (!ip) throw new RangeError('a candidate needs an IP address');
    return ip;
  });
  const bytes = new Uint8Array(ips.reduce((sum, ip) => sum + 4 + ip.length, headerBytes));
  const view = new DataView(bytes.buffer);
  bytes[0] = version;
  view.setUint32(1, revision);
  bytes[5] = mappings.indexOf(mapping);
  bytes[6] = filterings.indexOf(filtering);
  bytes[7] = isUdpBlocked ? udpBlockedFlag : 0;
  view.setUint16(8, spareSockets);
  bytes[10] = candidates.length;
  let at = headerBytes;
  for (const [i, { kind, port }] of candidates.entries()) {
    const ip = ips[i] as Uint8Array;
    bytes[at] = kinds.indexOf(kind);
    bytes[at + 1] = ip.length === 4 ? 4 : 6;
    bytes.set(ip, at + 2);
    view.setUint16(at + 2 + ip.length, port);
    at += 4 + ip.length;
  }
  return bytes;
}

/** Undefined for what is not exactly one offer. Nothing is said of whether its candidates may be sent to. */
export function decodeOffer(bytes: Uint8Array): PathOffer | undefined {
  if (bytes.length < headerBytes || bytes[0] !== version) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [mapping, filtering, flags, count] = [bytes[5] ?? 0, bytes[6] ?? 0, bytes[7] ?? 0, bytes[10] ?? 0];
  if (mapping >= mappings.length || filtering >= filterings.length || flags > udpBlockedFlag) return undefined;
  if (count > offerCandidates) return undefined;
  const candidates: Candidate[] = [];
  let at = headerBytes;
  for (let i = 0; i < count; i += 1) {
    const kind = kinds[bytes[at] ?? 0];
    const family = bytes[at + 1];
    const end = at + 4 + (family === 4 ? 4 : 16);
    if (!kind || (family !== 4 && family !== 6) || end > bytes.length) return undefined;
    const port = view.getUint16(end - 2);
    if (port === 0) return undefined;
    candidates.push({ kind, address: formatIp(bytes.subarray(at + 2, end - 2)), port });
    at = end;
  }
  if (at !== bytes.length) return undefined;
  return {
    revision: view.getUint32(1),
    mapping: mappings[mapping],
    filtering: filterings[filtering],
    isUdpBlocked: flags === udpBlockedFlag,
    spareSockets: view.getUint16(8),
    candidates,
  };
}
