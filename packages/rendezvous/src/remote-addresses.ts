/** The addresses of the peer that may be tried: a bounded set, whoever fills it. */
import { keyOf, reachableCandidates, type Candidate, type TargetRules } from './candidates.js';
import { offerCandidates } from './path-offer.js';
import { PathPair } from './path-pair.js';
import type { PathPolicy } from './path-report.js';
import type { Address } from './stun-message.js';
import { routeOf } from './virtual-address.js';

/** From which nobody told us. The one that never answered, longest ago, makes place for another. */
const heardMost = 16;
const spareMost = 8;
/** What is no longer offered but answered so lately is kept. */
const keptMs = 60_000;

/** Whether a conversation with this policy takes anything from there, or sends there. */
export function policyAccepts(policy: PathPolicy, address: Address): boolean {
  const isRelay = routeOf(address).kind === 'relay';
  switch (policy) {
    case 'auto':
      return true;
    case 'direct-only':
      return !isRelay;
    case 'relay-only':
      return isRelay;
  }
}

export class RemoteAddresses {
  readonly #rules: TargetRules;
  readonly #pairs = new Map<string, PathPair>();
  /** Told what is no longer tried. */
  readonly #onForgotten: (pair: PathPair) => void;
  #candidates: readonly Candidate[] = [];
  #refused = 0;

  constructor(rules: TargetRules, onForgotten: (pair: PathPair) => void) {
    this.#rules = rules;
    this.#onForgotten = onForgotten;
  }

  get pairs(): readonly PathPair[] {
    return [...this.#pairs.values()];
  }

  /** What the peer offered last, as far as it may be tried. */
  get candidates(): readonly Candidate[] {
    return this.#candidates;
  }

  /** How many of them may not. */
  get refused(): number {
    return this.#refused;
  }

  get(address: Address): PathPair | undefined {
    return this.#pairs.get(keyOf(address));
  }

  addRelay(address: Address): void {
    this.#add(address, 'relay');
  }

  /** @returns whether they differ from those before */
  offered(now: number, candidates: readonly Candidate[], current: PathPair | undefined): boolean {
    const usable = reachableCandidates(candidates.slice(0, offerCandidates), this.#rules);
    this.#refused = candidates.length - usable.length;
    const before = new Set(this.#candidates.map(keyOf));
    const isSame = before.size === usable.length && usable.every((candidate) => before.has(keyOf(candidate)));
    this.#candidates = usable;
    const offered = new Set(usable.map(keyOf));
    for (const [key, pair] of this.#pairs) {
      const wasTold = pair.kind === 'host' || pair.kind === 'mapped' || pair.kind === 'reflexive';
      if (wasTold && !offered.has(key) && pair !== current && now - pair.lastAnsweredAt > keptMs) this.forget(pair);
    }
    for (const candidate of usable) {
      const known = this.get(candidate);
      if (known) known.kind = candidate.kind;
      else this.#add({ address: candidate.address, port: candidate.port }, candidate.kind);
    }
    return !isSame;
  }

  /** Whether an address that was told is no longer told. */
  isWithdrawn(pair: PathPair): boolean {
    if (pair.kind !== 'host' && pair.kind !== 'mapped' && pair.kind !== 'reflexive') return false;
    return !this.#candidates.some((candidate) => keyOf(candidate) === keyOf(pair.address));
  }

  /**
   * Something authentic came from there. A stranger may have carried it there, so it has to pass as what is offered does.
   * @returns undefined when there is no place for it, or it may not be sent to
   */
  heard(from: Address, current: PathPair | undefined): PathPair | undefined {
    const known = this.get(from);
    if (known) return known;
    const route = routeOf(from);
    if (route.kind === 'relay' || reachableCandidates([route.to], this.#rules).length === 0) return undefined;
    const kind = route.kind === 'spare' ? 'spare' : 'peer-reflexive';
    const alike = this.pairs.filter((pair) => pair.kind === kind);
    if (alike.length >= (kind === 'spare' ? spareMost : heardMost)) {
      const [oldest] = alike
        .filter((pair) => pair !== current && pair.answered === 0)
        .sort((a, b) => a.lastSentAt - b.lastSentAt);
      if (!oldest) return undefined;
      this.forget(oldest);
    }
    return this.#add(from, kind);
  }

  /** Where the link already is, whatever we think of it. */
  path(address: Address): PathPair {
    const known = this.get(address);
    if (known) return known;
    const { kind } = routeOf(address);
    return this.#add(address, kind === 'plain' ? 'peer-reflexive' : kind);
  }

  forget(pair: PathPair): void {
    if (this.#pairs.delete(keyOf(pair.address))) this.#onForgotten(pair);
  }

  #add({ address, port }: Address, kind: PathPair['kind']): PathPair {
    const pair = new PathPair({ address, port }, kind);
    this.#pairs.set(keyOf(pair.address), pair);
    return pair;
  }
}
