/** Cells in which alice opens a session with bob, and says something. */
import { setTimeout as sleep } from 'node:timers/promises';
import { withScene, type Cell, type CellFindings, type Scene, type Sides } from './cell.js';
import type { NatKind } from './nat-rules.js';
import { controlPort, type Person, type ShownPath } from './person.js';
import type { Topology } from './topology.js';

/** What theory allows, and what we promise. */
export interface Promised {
  /** `direct`: it must become so within the time. `either`: so long it is watched whether it does. `relayed`: no other way is. */
  readonly path: 'direct' | 'either' | 'relayed';
  readonly withinMs: number;
}

const usualMs = 2_000;
const birthdayMs = 40_000;
/** And three round trips. */
const firstMessageMs = 300;
const lookEveryMs = 50;
const lookRarelyEveryMs = 500;

/**
 * Where one side's mapping depends on the endpoint, the other cannot know its port. It need not, if it lets in any port
 * of an address it has sent to; else both would have to guess.
 */
export function promisedBetween(a: NatKind, b: NatKind): Promised {
  const other = a === 'endpoint-dependent' ? b : b === 'endpoint-dependent' ? a : 'none';
  switch (other) {
    case 'none':
      return { path: 'direct', withinMs: usualMs };
    case 'endpoint-independent':
    case 'address-restricted':
      return { path: 'direct', withinMs: birthdayMs };
    case 'port-restricted':
    case 'endpoint-dependent':
      return { path: 'either', withinMs: birthdayMs };
  }
}

export const soonDirect: Promised = { path: 'direct', withinMs: usualMs };

export function conversationCell(
  name: string,
  promised: Promised,
  build: (topology: Topology) => Promise<Sides>,
  family: 4 | 6 = 4,
): Cell {
  return {
    name,
    isLong: promised.withinMs > usualMs,
    run: (alone) => alone.take((endTurn) => withScene(family, build, (scene) => converse(scene, promised, endTurn))),
  };
}

async function converse(scene: Scene, promised: Promised, endTurn: () => void): Promise<CellFindings> {
  const { alice, bob } = scene;
  await watchServer(scene);
  const startedMs = performance.now();
  const [opened] = await Promise.all([alice.ask('o bob'), alice.ask('s hello')]);
  if (opened.fields['ok'] !== true) {
    return { problems: [`no conversation: ${JSON.stringify(opened.fields['error'])}`] };
  }
  const arrived = await bob.event({ event: 'message', text: 'hello' });
  const problems: string[] = [];
  const excesses: string[] = [];
  let becameDirectMs = await untilDirect(scene, startedMs + usualMs);
  if (becameDirectMs === undefined && promised.withinMs > usualMs) {
    endTurn();
    becameDirectMs = await untilDirect(scene, startedMs + promised.withinMs, lookRarelyEveryMs);
  }
  const directMs = becameDirectMs === undefined ? {} : { directMs: becameDirectMs - startedMs };
  const shown = await Promise.all([alice.conversation(), bob.conversation()]);
  const path = shown.every((conversation) => conversation?.path === 'direct') ? 'direct' : 'relayed';
  const rttMs = Math.max(...shown.map((conversation) => conversation?.rttMs ?? 0));
  const firstMs = arrived.atMs - startedMs;
  if (firstMs > firstMessageMs + 3 * rttMs) excesses.push(`the first message took ${firstMs.toFixed(0)} ms`);
  if (promised.path === 'direct' && becameDirectMs === undefined) {
    excesses.push(`not direct after ${String(promised.withinMs)} ms: ${await whyNot(alice)}`);
  }
  if (promised.path === 'relayed' && path !== 'relayed') problems.push(`says it is ${path}, which cannot be`);
  problems.push(...(await talk(scene, path)));
  return { problems, excesses, path, firstMessageMs: firstMs, ...directMs, rttMs };
}

/** When both sides said that the path is direct, or undefined; after the deadline they are not asked again. */
export async function untilDirect(
  { alice, bob }: Pick<Scene, 'alice' | 'bob'>,
  deadlineMs: number,
  everyMs = lookEveryMs,
): Promise<number | undefined> {
  for (;;) {
    const shown = await Promise.all([alice.conversation(), bob.conversation()]);
    const nowMs = performance.now();
    if (shown.every((conversation) => conversation?.path === 'direct')) return nowMs;
    if (nowMs > deadlineMs) return undefined;
    await sleep(everyMs);
  }
}

/** Both say something more, and have it confirmed; and what the server sees of it is what the path says. */
async function talk({ topology, alice, bob }: Scene, path: ShownPath): Promise<string[]> {
  const messages = 20;
  const before = await topology.internet.namespace.counters();
  const heard = [
    [alice, bob],
    [bob, alice],
  ] as const;
  const problems: string[] = [];
  for (const [from, to] of heard) {
    const sent = [];
    for (let i = 0; i < messages; i += 1) sent.push((await from.ask(`s ${from.name} ${String(i)}`)).fields);
    const ids = sent.map(({ data }) => (data as { id?: string } | undefined)?.id);
    await to.event({ event: 'message', text: `${from.name} ${String(messages - 1)}` });
    await Promise.all(ids.map((id) => from.event({ event: 'receipt', id, state: 'delivered' })));
    const texts = to.texts(from.name).filter(({ text }) => text.startsWith(from.name));
    if (texts.length !== messages)
      problems.push(`${to.name} has ${String(texts.length)} of ${String(messages)} messages`);
  }
  const after = await topology.internet.namespace.counters();
  const carried = (after['received'] ?? 0) - (before['received'] ?? 0);
  // Each message is a packet of its own, and its acknowledgement too; a ping or two may fall between.
  if (path === 'direct' && carried > messages)
    problems.push(`said to be direct, but the server got ${String(carried)} packets`);
  if (path === 'relayed' && carried < messages)
    problems.push(`said to be relayed, but the server got ${String(carried)} packets`);
  return problems;
}

/** Counts what reaches the server itself; what others exchange over the same bridge does not. */
async function watchServer({ topology }: Scene): Promise<void> {
  await topology.internet.namespace.nft(`
table inet watch {
  counter received { }
  chain input {
    type filter hook input priority filter; policy accept;
    th dport ${String(controlPort)} counter name received
  }
}`);
}

/** The client's own words, as far as it has any. */
export async function whyNot(person: Person): Promise<string> {
  const { fields } = await person.ask('path');
  return JSON.stringify(fields['ok'] === true ? fields['data'] : 'no reason given');
}
