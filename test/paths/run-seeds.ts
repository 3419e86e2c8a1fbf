/** One cell with many seeds, and what they say together. */
import { CellFailure, runCell, type Cell, type CellRun } from './cell.js';

interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly most: number;
}

interface CellFigures {
  /** Of all, the share whose first messages were there in time: all of the lossless ones, or they fail. */
  readonly firstInTime: number;
  readonly firstMs: Percentiles;
  /** The share that was direct, in time where nothing is lost. */
  readonly direct: number;
  readonly directMs: Percentiles;
  readonly virtualMs: number;
  readonly datagrams: number;
}

export interface CellOutcome {
  /** What failed, in words; seed and all. */
  readonly failures: readonly string[];
  readonly failedSeeds: readonly number[];
  readonly figures: CellFigures;
}

export function runSeeds(cell: Cell, first: number, count: number): CellOutcome {
  const runs: CellRun[] = [];
  const failures: string[] = [];
  const failedSeeds: number[] = [];
  for (let seed = first; seed < first + count; seed += 1) {
    try {
      runs.push(runCell(cell, seed));
    } catch (error) {
      if (!(error instanceof CellFailure)) throw error;
      failures.push(error.message);
      failedSeeds.push(seed);
    }
  }
  return { failures, failedSeeds, figures: figuresOf(runs) };
}

function figuresOf(runs: readonly CellRun[]): CellFigures {
  const directMs = runs.map((run) => run.directMs).filter((ms) => ms !== undefined);
  const share = (part: number): number => (runs.length === 0 ? 0 : part / runs.length);
  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
  return {
    firstInTime: share(runs.filter(({ firstMs, firstLimitMs }) => firstMs <= firstLimitMs).length),
    firstMs: percentilesOf(runs.map(({ firstMs }) => firstMs)),
    direct: share(directMs.length),
    directMs: percentilesOf(directMs),
    virtualMs: sum(runs.map(({ virtualMs }) => virtualMs)),
    datagrams: sum(runs.map(({ datagrams }) => datagrams)),
  };
}

/** Zeros of nothing. */
function percentilesOf(values: readonly number[]): Percentiles {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { p50: at(0.5), p95: at(0.95), most: at(1) };
}
