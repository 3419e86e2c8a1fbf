/** Whether memory grows while two sides talk for days. */
import { runScenario } from '../run-scenario.js';
import { longScenarios } from '../scenarios.js';
import { settledMemory } from './memory.js';

export interface ChatReport {
  readonly virtualHours: number;
  /** By how much the memory of the process grew after the first few chats, which warm it up. */
  readonly driftBytes: number;
}

const warmUpRuns = 3;
const hourMs = 3_600_000;

/** @throws SimulationFailure */
export function measureLongChats(hours: number): ChatReport {
  let virtualHours = 0;
  let floor = settledMemory();
  for (let seed = 1; virtualHours < hours || seed <= warmUpRuns; seed += 1) {
    for (const scenario of longScenarios) virtualHours += runScenario(scenario, seed).virtualMs / hourMs;
    if (seed <= warmUpRuns) floor = settledMemory();
  }
  return { virtualHours, driftBytes: settledMemory().residentBytes - floor.residentBytes };
}
