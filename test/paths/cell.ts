/** One cell of the grid: two devices find each other, talk, and may be disturbed; what is checked with every seed. */
import { Scene, type SceneOptions } from './scene.js';

/** How the two are to reach each other. */
export type Expected =
  | 'direct'
  /** By birthday punching: one in a thousand may find no port. */
  | 'birthday'
  | 'relayed'
  | 'any';

export interface Cell {
  readonly name: string;
  readonly expected: Expected;
  /** Of `npm test`: those that take long have fewer. */
  readonly suiteSeeds: number;
  readonly scene: Pick<SceneOptions, 'sites' | 'serverIp' | 'hasRelay' | 'policies'>;
  /** In the middle of the conversation; throws an error for what is not as it should be. */
  readonly disturb?: (scene: Scene) => void;
  /** For how long they talk, at least, before that. */
  readonly talkMs?: number;
  /** Something changes, or has changed, while nobody says anything, so that the way is sought anew. */
  readonly isNeverAtRest?: boolean;
}

/** What is told of one run. Milliseconds. */
export interface CellRun {
  readonly isLossless: boolean;
  /** From when both knew their introductions until both had a message of the other. */
  readonly firstMs: number;
  /** More than that is too long where nothing is lost. */
  readonly firstLimitMs: number;
  /** The same until both were direct; undefined when they were not. */
  readonly directMs: number | undefined;
  readonly virtualMs: number;
  readonly datagrams: number;
}

export class CellFailure extends Error {
  override readonly name = 'CellFailure';
}

const findingMs = 12_000;
const firstExtraMs = 300;
const firstRoundTrips = 3;
export const directLimitMs: Readonly<Record<Expected, number>> = {
  direct: 2_000,
  birthday: 40_000,
  relayed: 0,
  any: 40_000,
};
/** Where datagrams are lost a few seeds may take longer. */
const lossyDirectMs = 12_000;
const usualTalkMs = 3_000;
const deliveredMs = 8_000;
const agreedMs = 1_000;
const returnMs = 15_000;
/** What was said last counts as use for a minute, and what is asked of a server that is away is asked for 40 s. */
const restMs = 75_000;
const idleMs = 60_000;
const keepAliveMs = 10_000;
/** A ping and its acknowledgement, of either side; some are lost. */
const mostKeepAlives = (2 * idleMs) / keepAliveMs + 12;

/** @throws CellFailure that says how to have it again */
export function runCell(cell: Cell, seed: number): CellRun {
  let scene: Scene | undefined;
  try {
    scene = new Scene({
      ...cell.scene,
      seed,
      internet: { leastLatencyMs: 5, mostLatencyMs: 80, mostLoss: isLossless(seed) ? 0 : 0.02 },
      keepAliveMs: isWatched(seed) ? keepAliveMs : Infinity,
    });
    return run(cell, seed, scene);
  } catch (error) {
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const again = `npm run sim -- --paths --scenario '${cell.name}' --from ${String(seed)} --seeds 1`;
    const story = scene && scene.introducedAt < Infinity ? scene.describe() : (scene?.steps.join('\n') ?? '');
    throw new CellFailure(`${cell.name}, seed ${String(seed)}: ${detail}\nagain: ${again}\n${story}`, { cause: error });
  }
}

export function isLossless(seed: number): boolean {
  return seed % 2 === 0;
}

/** Half of the lossless and half of the lossy ones. */
function isWatched(seed: number): boolean {
  return seed % 4 < 2;
}

function run(cell: Cell, seed: number, scene: Scene): CellRun {
  const { network, both } = scene;
  scene.logIn();
  scene.introduce();
  const haveTalked = (): boolean => both.every(({ talk }) => talk.firstAt !== undefined);
  if (!network.runUntil(haveTalked, findingMs)) throw new Error('no conversation');
  const firstMs = network.now - scene.introducedAt;
  const firstLimitMs = firstExtraMs + firstRoundTrips * roundTripMs(cell, scene);
  if (isLossless(seed) && firstMs > firstLimitMs) {
    throw new Error(`first messages after ${firstMs.toFixed(0)} ms, not ${firstLimitMs.toFixed(0)}`);
  }
  const directMs = untilDirect(cell, seed, scene);
  network.run(cell.talkMs ?? usualTalkMs);
  cell.disturb?.(scene);
  endTalk(cell, scene);
  checkIdle(cell, seed, scene);
  const { datagramCount: datagrams } = network;
  return { isLossless: isLossless(seed), firstMs, firstLimitMs, directMs, virtualMs: scene.elapsedMs, datagrams };
}

/** Of the way by which they begin. */
function roundTripMs({ scene: { hasRelay } }: Cell, { surroundings, sites }: Scene): number {
  const [alice, server, bob] = [sites.alice.publicIp, surroundings.serverIp, sites.bob.publicIp];
  const most = (from: string, to: string): number => surroundings.mostMs(from, to);
  if (hasRelay === false) return most(alice, bob) + most(bob, alice);
  return most(alice, server) + most(server, bob) + most(bob, server) + most(server, alice);
}

function untilDirect({ expected }: Cell, seed: number, scene: Scene): number | undefined {
  const { network } = scene;
  if (expected === 'any') return undefined;
  if (expected === 'relayed') {
    network.run(5_000);
    if (!scene.isRelayed) throw new Error('direct where that cannot be');
    return undefined;
  }
  const limitMs = isLossless(seed) || expected === 'birthday' ? directLimitMs[expected] : lossyDirectMs;
  const spentMs = network.now - scene.introducedAt;
  if (network.runUntil(() => scene.isDirect, limitMs - spentMs)) return network.now - scene.introducedAt;
  if (expected === 'birthday') return undefined;
  throw new Error(`not direct after ${String(limitMs)} ms`);
}

/** All that was said has arrived, and the two agree on how they talk. */
function endTalk({ expected }: Cell, scene: Scene): void {
  const { network, both } = scene;
  const [alice, bob] = both;
  for (const { talk } of both) talk.stop();
  const hasAll = (): boolean => alice.talk.received === bob.talk.sent && bob.talk.received === alice.talk.sent;
  if (!network.runUntil(hasAll, deliveredMs)) throw new Error('something that was said has not arrived');
  // Where something is lost a good path may look bad for a while.
  const isPatient = !isLossless(scene.seed);
  if (expected === 'direct' && !network.runUntil(() => scene.isDirect, isPatient ? returnMs : 0)) {
    throw new Error('not direct in the end');
  }
  // A move of the last moment may be under way.
  const agree = (): boolean => alice.isDirect === bob.isDirect;
  if (!network.runUntil(agree, agreedMs)) throw new Error('one is direct and the other is not');
}

function checkIdle({ isNeverAtRest = false }: Cell, seed: number, scene: Scene): void {
  const { network, both } = scene;
  network.run(restMs);
  const before = both.map(({ datagramsToPeer }) => datagramsToPeer);
  network.run(idleMs);
  for (const [i, { name, datagramsToPeer, spares, link }] of both.entries()) {
    const sent = datagramsToPeer - (before[i] ?? 0);
    const most = isWatched(seed) ? mostKeepAlives : 0;
    // Pings on a relayed path are use of it: other ways are tried each minute.
    if (sent > most && !isNeverAtRest && !(isWatched(seed) && scene.isRelayed)) {
      throw new Error(`${name} sends ${String(sent)} datagrams to the peer while nobody says anything`);
    }
    // One that was the path, and may be again, is kept until the next round.
    const used = isNeverAtRest || link.path?.address.startsWith('via-') === true ? 1 : 0;
    if (spares.count > used) throw new Error(`${name} leaves ${String(spares.count)} spare sockets open`);
  }
}
