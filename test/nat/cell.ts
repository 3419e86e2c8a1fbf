/** What a cell of the grid is, and what comes of it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Person, Server, type JsonProgram, type ShownPath } from './person.js';
import type { NetworkNamespace } from './namespaces.js';
import { Topology } from './topology.js';
import type { Turns } from './turns.js';

export interface CellFindings {
  /** What is not as it must be; empty when the cell passes. */
  readonly problems: readonly string[];
  /** Limits of time or traffic that were passed: a machine that does other things may be to blame. */
  readonly excesses?: readonly string[];
  readonly path?: ShownPath;
  /** From `o` being typed until the first message stands on the other screen. */
  readonly firstMessageMs?: number;
  /** From `o` being typed until both sides say `direct`. */
  readonly directMs?: number;
  readonly rttMs?: number;
  /** Roaming: from the network working again until a message that was sent after that, the slower direction. */
  readonly recoveredMs?: number;
  /** For people. */
  readonly note?: string;
}

export interface Cell {
  readonly name: string;
  /** Mostly waits, beside others: it is begun early. */
  readonly isLong?: boolean;
  /** @param alone for what is measured */
  run(alone: Turns): Promise<CellFindings>;
}

/** The two who talk, and what is around them. */
export interface Scene {
  readonly topology: Topology;
  readonly server: Server;
  readonly alice: Person;
  readonly bob: Person;
}

export type Sides = Readonly<Record<'alice' | 'bob', NetworkNamespace>>;

/** What the programs of all cells keep. */
let runFolder: string | undefined;

/** For the end of this process. */
export function removeRunFolder(): void {
  if (runFolder !== undefined) rmSync(runFolder, { recursive: true, force: true });
}

/** Builds the networks, starts a server and two people who are online, and clears all away afterwards. */
export async function withScene<S extends Sides, T>(
  family: 4 | 6,
  build: (topology: Topology) => Promise<S>,
  act: (scene: Scene, sides: S) => Promise<T>,
): Promise<T> {
  runFolder ??= mkdtempSync(join(tmpdir(), 'parley-nat-'));
  const folder = mkdtempSync(join(runFolder, 'cell-'));
  const topology = await Topology.create(family);
  const programs: JsonProgram[] = [];
  const keep = <P extends JsonProgram>(program: P): P => {
    programs.push(program);
    return program;
  };
  try {
    const sides = await build(topology);
    const { serverAddress, internet } = topology;
    const server = keep(new Server(internet.namespace, serverAddress, join(folder, 'server')));
    await server.ready();
    const alice = keep(new Person(sides.alice, 'alice', join(folder, 'alice')));
    const bob = keep(new Person(sides.bob, 'bob', join(folder, 'bob')));
    await Promise.all([alice.register(serverAddress), bob.register(serverAddress)]);
    return await act({ topology, server, alice, bob }, sides);
  } finally {
    await Promise.all(programs.map((program) => program.kill('SIGKILL')));
    await topology.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}
