/** Cells in which both write to each other all the time while the network changes under one of them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { withScene, type Cell, type CellFindings, type Scene } from './cell.js';
import { untilDirect, whyNot } from './conversation-cell.js';
import type { NetworkNamespace } from './namespaces.js';
import type { Traveller } from './journeys.js';
import type { Person } from './person.js';
import type { Topology } from './topology.js';

interface RoamingPlan {
  readonly alice: (topology: Topology) => Promise<Traveller>;
  readonly bob: (topology: Topology) => Promise<NetworkNamespace>;
  /** The server is killed before the network changes. */
  readonly stopsServer?: boolean;
  /** Alice's client does not run while it changes. */
  readonly sleeps?: boolean;
}

const directWithinMs = 2_000;
const recoveredWithinMs = 2_000;
/** A path that was left must show for some seconds that it works again. */
const directAgainWithinMs = 10_000;
const messageEveryMs = 100;
const beforeMs = 1_500;
const goneMs = 500;
const asleepMs = 5_000;
const afterMs = 4_000;

export function roamingCell(name: string, plan: RoamingPlan): Cell {
  const build = async (topology: Topology) => {
    const traveller = await plan.alice(topology);
    return { alice: traveller.host, bob: await plan.bob(topology), traveller };
  };
  return {
    name: `roaming: ${name}`,
    run: (alone) => alone.take(() => withScene(4, build, (scene, { traveller }) => roam(scene, traveller, plan))),
  };
}

async function roam(scene: Scene, traveller: Traveller, plan: RoamingPlan): Promise<CellFindings> {
  const { server, alice, bob } = scene;
  const startedMs = performance.now();
  const opened = await alice.ask('o bob');
  if (opened.fields['ok'] !== true) {
    return { problems: [`no conversation: ${JSON.stringify(opened.fields['error'])}`] };
  }
  const problems: string[] = [];
  const excesses: string[] = [];
  const becameDirectMs = await untilDirect(scene, startedMs + directWithinMs);
  if (becameDirectMs === undefined) excesses.push(`not direct after ${String(directWithinMs)} ms`);

  const talks = [new Talk(alice, bob), new Talk(bob, alice)];
  await sleep(beforeMs);
  if (plan.stopsServer) await server.kill('SIGKILL');
  if (plan.sleeps) alice.child.kill('SIGSTOP');
  await traveller.leave();
  await sleep(plan.sleeps ? asleepMs : goneMs);
  await traveller.arrive();
  if (plan.sleeps) alice.child.kill('SIGCONT');
  const worksAgainMs = performance.now();
  await sleep(afterMs);
  for (const talk of talks) talk.stop();
  problems.push(...(await Promise.all(talks.map((talk) => talk.account()))).flat());
  const wentOnMs = Math.max(...talks.map((talk) => talk.firstAfter(worksAgainMs)));
  const recovered = Number.isFinite(wentOnMs) ? { recoveredMs: wentOnMs - worksAgainMs } : {};
  const { recoveredMs = Infinity } = recovered;
  if (recoveredMs > recoveredWithinMs) excesses.push(`went on after ${recoveredMs.toFixed(0)} ms`);
  const directAgainMs = await untilDirect(scene, performance.now() + directAgainWithinMs);
  if (directAgainMs === undefined) excesses.push(`not direct again: ${await whyNot(alice)} /// ${await whyNot(bob)}`);
  const path = (await alice.conversation())?.path;
  const directMs = becameDirectMs === undefined ? {} : { directMs: becameDirectMs - startedMs };
  const shown = path === undefined ? {} : { path };
  return { problems, excesses, ...shown, ...directMs, ...recovered };
}

/** One direction: a numbered message at a steady pace, from now until `stop`. */
class Talk {
  readonly #from: Person;
  readonly #to: Person;
  readonly #sentMs: number[] = [];
  readonly #asked: Promise<string | undefined>[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(from: Person, to: Person) {
    this.#from = from;
    this.#to = to;
    this.#timer = setInterval(() => {
      const text = String(this.#sentMs.length);
      this.#sentMs.push(performance.now());
      this.#asked.push(this.#say(text));
    }, messageEveryMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Waits for what is on its way, and tells what is not as it must be. */
  async account(): Promise<string[]> {
    const way = `from ${this.#from.name} to ${this.#to.name}`;
    const sent = this.#sentMs.length;
    const refused = (await Promise.all(this.#asked)).filter((problem) => problem !== undefined);
    const problems = refused.length > 0 ? [`${way}: ${String(refused.length)} refused: ${refused[0]!}`] : [];
    try {
      await this.#from.until(() => this.#from.receipts().delivered >= sent - refused.length, 'all receipts');
      // Whoever confirmed them may be read later.
      await this.#to.until(() => this.#to.texts(this.#from.name).length >= sent - refused.length, 'all messages');
    } catch (error) {
      problems.push(`${way}: ${(error as Error).message.split('\n')[0]!}`);
    }
    const texts = this.#to.texts(this.#from.name).map(({ text }) => text);
    const missing = this.#sentMs.filter((_, i) => !texts.includes(String(i))).length;
    const twice = texts.length - new Set(texts).size;
    const isInOrder = texts.every((text, i) => i === 0 || Number(text) > Number(texts[i - 1]));
    if (missing > 0) problems.push(`${way}: ${String(missing)} of ${String(sent)} lost`);
    if (twice > 0) problems.push(`${way}: ${String(twice)} came twice`);
    if (!isInOrder) problems.push(`${way}: not in order`);
    return problems;
  }

  /** When the first message came that was sent after a time; infinity when none did. */
  firstAfter(ms: number): number {
    const arrivals = this.#to
      .texts(this.#from.name)
      .filter(({ text }) => (this.#sentMs[Number(text)] ?? 0) >= ms)
      .map(({ atMs }) => atMs);
    return Math.min(...arrivals);
  }

  async #say(text: string): Promise<string | undefined> {
    try {
      const { fields } = await this.#from.ask(`s ${text}`);
      return fields['ok'] === true ? undefined : JSON.stringify(fields['error']);
    } catch (error) {
      return (error as Error).message.split('\n')[0];
    }
  }
}
