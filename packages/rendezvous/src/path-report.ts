/** What is known of the ways to a peer, and why it is reached as it is. */
import type { BirthdayState } from './birthday.js';
import type { PairReport } from './path-pair.js';
import type { NatKind } from './path-offer.js';

/**
 * `auto`: direct where possible, else relayed. `direct-only`: never by the relay. `relay-only`: never from or to an own
 * address, so that the peer does not learn it.
 */
export type PathPolicy = 'auto' | 'direct-only' | 'relay-only';

export type Where = 'here' | 'there' | 'both';

/** Why there is no direct path. */
export type NotDirect =
  | { readonly kind: 'own-policy' }
  /** The peer has said nothing of its addresses. */
  | { readonly kind: 'no-offer' }
  | { readonly kind: 'no-addresses' }
  | { readonly kind: 'none-usable'; readonly refused: number }
  | { readonly kind: 'udp-blocked'; readonly where: Where }
  /** A direct path was there and lost what it was given. */
  | { readonly kind: 'unstable' }
  | { readonly kind: 'both-endpoint-dependent' }
  | { readonly kind: 'endpoint-dependent'; readonly where: Where; readonly birthday: 'not-tried' | 'failed' }
  | { readonly kind: 'no-common-family'; readonly own: 4 | 6 }
  | { readonly kind: 'unanswered' };

export type Verdict =
  | { readonly state: 'direct'; readonly over: 'this-machine' | 'local-network' | 'internet' }
  /** Addresses are being tried. */
  | { readonly state: 'checking'; readonly isRelayed: boolean; readonly isBirthday: boolean }
  | { readonly state: 'relayed' | 'none'; readonly reason: NotDirect };

export interface PathFacts {
  readonly policy: PathPolicy;
  readonly path: PairReport | undefined;
  /** All that were tried or are to be, the path first. */
  readonly pairs: readonly PairReport[];
  readonly own: NatKind;
  /** Undefined: it has said nothing yet. */
  readonly peer: NatKind | undefined;
  /** Families of the own addresses that were told. */
  readonly ownFamilies: readonly (4 | 6)[];
  readonly peerFamilies: readonly (4 | 6)[];
  /** Of the peer's addresses, those that nothing may be sent to. */
  readonly refused: number;
  readonly birthday: BirthdayState['kind'] | 'failed';
  readonly isChecking: boolean;
}

export interface PathReport extends PathFacts {
  readonly role: 'controlling' | 'controlled';
  readonly verdict: Verdict;
}

/** The verdict that the facts allow. */
export function judge(facts: PathFacts): Verdict {
  const { path, isChecking, birthday, policy } = facts;
  if (path && path.kind !== 'relay') return { state: 'direct', over: reachOf(path) };
  const isBirthday = birthday === 'running' || birthday === 'asked';
  if (policy !== 'relay-only' && (isChecking || isBirthday)) {
    return { state: 'checking', isRelayed: path !== undefined, isBirthday };
  }
  return { state: path ? 'relayed' : 'none', reason: whyNotDirect(facts) };
}

function reachOf({ scope }: PairReport): 'this-machine' | 'local-network' | 'internet' {
  switch (scope) {
    case 'loopback':
      return 'this-machine';
    case 'link-local':
    case 'private':
      return 'local-network';
    case 'public':
    case 'none':
    case 'relay':
      return 'internet';
  }
}

function whyNotDirect(facts: PathFacts): NotDirect {
  const { policy, own, peer, pairs, refused, ownFamilies, peerFamilies, birthday } = facts;
  if (policy === 'relay-only') return { kind: 'own-policy' };
  if (pairs.some(({ why }) => why === 'left')) return { kind: 'unstable' };
  if (!peer) return { kind: 'no-offer' };
  if (peerFamilies.length === 0) return refused > 0 ? { kind: 'none-usable', refused } : { kind: 'no-addresses' };
  const blocked = whereOf(own.isUdpBlocked, peer.isUdpBlocked);
  if (blocked) return { kind: 'udp-blocked', where: blocked };
  const [ownFamily] = ownFamilies;
  if (ownFamily && !ownFamilies.some((family) => peerFamilies.includes(family))) {
    return { kind: 'no-common-family', own: ownFamily };
  }
  const dependent = whereOf(own.mapping === 'endpoint-dependent', peer.mapping === 'endpoint-dependent');
  if (dependent === 'both') return { kind: 'both-endpoint-dependent' };
  if (dependent) {
    return { kind: 'endpoint-dependent', where: dependent, birthday: birthday === 'failed' ? 'failed' : 'not-tried' };
  }
  return { kind: 'unanswered' };
}

function whereOf(here: boolean, there: boolean): Where | undefined {
  if (here && there) return 'both';
  return here ? 'here' : there ? 'there' : undefined;
}
