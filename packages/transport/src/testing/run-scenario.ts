/** Runs one scenario with one seed: every byte once and in order, no hang, and no check that fails. */
import type { Conditions } from '@parley/simulator';
import type { TransportConfig } from '../limits.js';
import type { Bounds, CheckName } from './checkers.js';
import type { Conversation } from './conversation.js';
import type { SideName } from './side-name.js';
import type { Flow, Moves, Scenario } from './scenarios.js';
import { Simulation, SimulationFailure, type RunReport } from './simulation.js';

export interface ScenarioOptions {
  readonly checks?: readonly CheckName[] | undefined;
  readonly bounds?: Bounds | undefined;
  readonly config?: Partial<TransportConfig> | undefined;
}

export interface ScenarioReport extends RunReport {
  readonly establishedMs: number;
  /** Until all had arrived and was acknowledged. */
  readonly doneMs: number;
  readonly longestStallMs: number;
}

/** What a sender has beyond this waits until the link has taken some of it. */
const highWaterBytes = 256 * 1024;

/** @throws SimulationFailure */
export function runScenario(scenario: Scenario, seed: number, options: ScenarioOptions = {}): ScenarioReport {
  const simulation = new Simulation({ seed, conditions: scenario.conditions, ...options });
  try {
    return new ScenarioRun(scenario, simulation).run();
  } catch (error) {
    throw new SimulationFailure(scenario.name, simulation, error);
  }
}

class ScenarioRun {
  readonly #scenario: Scenario;
  readonly #simulation: Simulation;
  readonly #conversation: Conversation;
  readonly #progress: ProgressClock;
  /** Of each bulk flow, how much is not said yet. */
  readonly #bulk: { readonly flow: Flow & { kind: 'bulk' }; leftBytes: number }[] = [];
  #isOpen = true;

  constructor(scenario: Scenario, simulation: Simulation) {
    this.#scenario = scenario;
    this.#simulation = simulation;
    this.#progress = new ProgressClock(simulation, scenario.conditions.deadTimes);
    simulation.onProgress = () => {
      this.#progress.tick();
    };
    simulation.onEnded = (_conversation, side, end) => {
      if (this.#isOpen || end.kind === 'violation') throw new Error(`${side} ends: ${JSON.stringify(end)}`);
    };
    for (const { atMs, conditions } of scenario.steps ?? []) simulation.network.changeAfter(atMs, conditions);
    if (scenario.moves) this.#moveAfter(scenario.moves, scenario.moves.firstMs, 1);
    this.#conversation = simulation.introduce('a');
    for (const flow of scenario.flows) this.#start(flow);
  }

  run(): ScenarioReport {
    const { network } = this.#simulation;
    const { establishedMs: establishedLimitMs, limitMs, stallMs } = this.#scenario;
    if (!network.runUntil(() => this.#conversation.isEstablished, establishedLimitMs)) {
      throw new Error(`not established after ${String(establishedLimitMs)} ms`);
    }
    const establishedMs = this.#simulation.elapsedMs;
    this.#progress.tick();
    if (!network.runUntil(() => this.#isDone, limitMs - establishedMs)) {
      throw new Error(`not done after ${String(limitMs)} ms: ${this.#standing()}`);
    }
    const doneMs = this.#simulation.elapsedMs;
    this.#progress.tick();
    const longestStallMs = this.#progress.longestStallMs;
    if (longestStallMs > stallMs) throw new Error(`no progress for ${longestStallMs.toFixed(0)} ms`);
    this.#isOpen = false;
    this.#simulation.endAll(this.#conversation, 'a');
    const { datagramCount, digest } = network;
    return {
      establishedMs,
      doneMs,
      longestStallMs,
      virtualMs: this.#simulation.elapsedMs,
      datagrams: datagramCount,
      digest,
    };
  }

  get #isDone(): boolean {
    return this.#isAllSaid && this.#conversation.isQuiet;
  }

  get #isAllSaid(): boolean {
    return this.#isBulkSaid && this.#chatsLeft === 0;
  }

  get #isBulkSaid(): boolean {
    return this.#bulk.every(({ leftBytes }) => leftBytes <= 0);
  }

  /** Chats go on until the bulk is done: those count that owe some of their number. */
  #chatsLeft = 0;

  #start(flow: Flow): void {
    switch (flow.kind) {
      case 'bulk': {
        this.#bulk.push({ flow, leftBytes: flow.bytes });
        this.#simulation.sides[flow.from].onTurn = () => {
          this.#feed(flow.from);
        };
        return;
      }
      case 'chat':
        this.#chatsLeft += 1;
        this.#chatAfter(flow, 0, 0);
        return;
    }
  }

  #feed(from: SideName): void {
    const link = this.#conversation.halves[from].link;
    if (!link || !this.#isOpen) return;
    for (const bulk of this.#bulk) {
      if (bulk.flow.from !== from) continue;
      while (bulk.leftBytes > 0 && link.bufferedBytes < highWaterBytes) {
        const length = Math.min(bulk.leftBytes, bulk.flow.messageBytes);
        this.#conversation.send(from, length);
        bulk.leftBytes -= length;
      }
    }
  }

  #chatAfter(flow: Flow & { kind: 'chat' }, delayMs: number, said: number): void {
    const { network } = this.#simulation;
    network.schedule(delayMs, () => {
      if (!this.#isOpen) return;
      if (said === flow.count) this.#chatsLeft -= 1;
      if (said >= flow.count && this.#isBulkSaid) return;
      this.#conversation.send(flow.from, flow.messageBytes);
      this.#chatAfter(flow, flow.everyMs, said + 1);
    });
  }

  #moveAfter(moves: Moves, delayMs: number, turn: number): void {
    this.#simulation.network.schedule(delayMs, () => {
      if (!this.#isOpen) return;
      const { address, port } = this.#simulation.sides.a.host.address;
      const to = moves.kind === 'port' ? { address, port: port + 1 } : { address: `192.0.2.${String(1 + turn)}`, port };
      this.#simulation.move('a', to);
      this.#moveAfter(moves, moves.everyMs, turn + 1);
    });
  }

  #standing(): string {
    const { a, b } = this.#conversation.halves;
    return `b has ${String(b.receivedBytes)} of ${String(a.sentBytes)} bytes, a has ${String(a.receivedBytes)} of ${String(b.sentBytes)}`;
  }
}

/** The longest time without progress, not counting the dead times of the path. */
class ProgressClock {
  longestStallMs = 0;
  readonly #simulation: Simulation;
  readonly #deadTimes: Conditions['deadTimes'];
  #lastMs = 0;

  constructor(simulation: Simulation, deadTimes: Conditions['deadTimes']) {
    this.#simulation = simulation;
    this.#deadTimes = deadTimes;
  }

  tick(): void {
    const nowMs = this.#aliveMs(this.#simulation.elapsedMs);
    this.longestStallMs = Math.max(this.longestStallMs, nowMs - this.#lastMs);
    this.#lastMs = nowMs;
  }

  /** How much of the time since the beginning the path was alive. */
  #aliveMs(elapsedMs: number): number {
    if (!this.#deadTimes) return elapsedMs;
    const { everyMs, forMs } = this.#deadTimes;
    const aliveMs = everyMs - forMs;
    return Math.floor(elapsedMs / everyMs) * aliveMs + Math.min(elapsedMs % everyMs, aliveMs);
  }
}
