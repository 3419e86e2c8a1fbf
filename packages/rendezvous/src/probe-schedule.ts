/**
 * When which address is probed: each has a plan of gaps; a pacer lets the first few out at once and then one every 50 ms
 * (RFC 8445, section 14.2). Whoever never answered is asked a bounded number of times a minute, alone and in all: the
 * addresses come from the peer, who may lie.
 */
import type { PathPair } from './path-pair.js';

const paceMs = 50;
const burst = 6;
const windowMs = 60_000;

const probeLimits = {
  /** To one address that never answered. */
  unansweredPerMinute: 28,
  /** To all of them. */
  unansweredInAllPerMinute: 280,
} as const;

/** Simultaneous open: a NAT lets in who was written to, so the first probes of one side may only open the way. */
export const punchGapsMs: readonly number[] = [0, 250, 350, 500, 700, 1_000, 1_400];
/** After the first answer: round trip and loss. */
export const measureGapsMs: readonly number[] = [100, 100, 100];
/** Of what might lose less than the path. */
export const compareGapsMs: readonly number[] = [0, 100, 100, 100, 100, 100, 100, 100];
/** Of what was left: over a few seconds. */
export const proveGapsMs: readonly number[] = [1_000, 1_000, 1_000, 1_000];

interface Plan {
  readonly gapsMs: readonly number[];
  /** Of `gapsMs`, how many probes were sent. */
  sent: number;
  dueAt: number;
}

interface Spent {
  windowEndsAt: number;
  probes: number;
}

export class ProbeSchedule {
  readonly #plans = new Map<PathPair, Plan>();
  readonly #spentOn = new Map<PathPair, Spent>();
  #spentInAll: Spent = { windowEndsAt: -Infinity, probes: 0 };
  /** The pacer: the next may leave `burst - 1` paces before this. */
  #paidUntil = -Infinity;

  /** A plan that has hardly begun goes on instead. */
  plan(pair: PathPair, now: number, gapsMs: readonly number[]): void {
    const old = this.#plans.get(pair);
    if (old && old.gapsMs === gapsMs && old.sent <= 2) return;
    this.#plans.set(pair, { gapsMs, sent: 0, dueAt: now + (gapsMs[0] ?? 0) });
  }

  isPlanned(pair: PathPair): boolean {
    return this.#plans.has(pair);
  }

  /** The probes to come are not needed any more. */
  cancel(pair: PathPair): void {
    this.#plans.delete(pair);
  }

  /** The pair is gone. What was spent on it stays counted in the sum. */
  forget(pair: PathPair): void {
    this.cancel(pair);
    this.#spentOn.delete(pair);
  }

  clear(): void {
    this.#plans.clear();
  }

  nextTimeout(): number | undefined {
    let dueAt = Infinity;
    for (const plan of this.#plans.values()) dueAt = Math.min(dueAt, plan.dueAt);
    return dueAt === Infinity ? undefined : Math.max(dueAt, this.#paidUntil - (burst - 1) * paceMs);
  }

  /** The pair to probe now, if any; ask until there is none. */
  take(now: number): PathPair | undefined {
    for (;;) {
      const at = this.nextTimeout();
      if (at === undefined || at > now) return undefined;
      const [pair, plan] = this.#first();
      plan.sent += 1;
      const gapMs = plan.gapsMs[plan.sent];
      if (gapMs === undefined) this.#plans.delete(pair);
      else plan.dueAt = Math.max(plan.dueAt, now - paceMs) + gapMs;
      if (!this.#affords(pair, now)) continue;
      this.#paidUntil = Math.max(this.#paidUntil, now) + paceMs;
      return pair;
    }
  }

  /** The longest due; of those due at the same time the nearest, as it is the likeliest. */
  #first(): [PathPair, Plan] {
    const [first] = [...this.#plans].sort(([a, x], [b, y]) => x.dueAt - y.dueAt || b.points - a.points);
    if (!first) throw new Error('nothing is planned');
    return first;
  }

  #affords(pair: PathPair, now: number): boolean {
    if (pair.answered > 0) return true;
    const spentOn = counted(this.#spentOn.get(pair), now);
    const inAll = counted(this.#spentInAll, now);
    this.#spentOn.set(pair, spentOn);
    this.#spentInAll = inAll;
    const { unansweredPerMinute, unansweredInAllPerMinute } = probeLimits;
    if (spentOn.probes >= unansweredPerMinute || inAll.probes >= unansweredInAllPerMinute) return false;
    spentOn.probes += 1;
    inAll.probes += 1;
    return true;
  }
}

function counted(spent: Spent | undefined, now: number): Spent {
  return spent && now < spent.windowEndsAt ? spent : { windowEndsAt: now + windowMs, probes: 0 };
}
