/**
 * Anything that may happen to two devices on the way, one after the other; the seed decides. What is checked besides what
 * always is: however it went, when all is quiet again they talk, and directly where that can be.
 */
import type { Cell } from './cell.js';
import { people, type Scene } from './scene.js';
import type { Person } from './sites.js';

const steps = 8;
const longestStepMs = 6_000;
/** The server is never away for longer: nobody can be found without it, and links give up after 35 s. */
const longestAwayMs = 10_000;
/** Two homes each, at most. */
const mostMoves = 3;
const recoveredMs = 15_000;
const followedMs = 5_000;

export const fuzz: Cell = {
  name: 'anything',
  expected: 'any',
  suiteSeeds: 20,
  scene: {
    sites: (surroundings) => ({
      alice: surroundings.behindAny('alice'),
      bob: surroundings.behindAny('bob'),
    }),
  },
  isNeverAtRest: true,
  disturb: (scene) => {
    new Fuzz(scene).run();
  },
};

class Fuzz {
  readonly #scene: Scene;
  readonly #moves: Record<Person, number> = { alice: 0, bob: 0 };
  readonly #acts: readonly (() => void)[] = [
    () => {
      this.#move(this.#scene.random.oneOf(people));
    },
    () => {
      for (const person of people) this.#move(person);
    },
    () => {
      this.#scene.rebind(this.#scene.random.oneOf(people));
    },
    () => {
      this.#cut();
    },
    () => {
      this.#restartServer();
    },
    () => {
      this.#worsen();
    },
  ];

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  run(): void {
    const { network, random } = this.#scene;
    for (let i = 0; i < steps; i += 1) {
      random.oneOf(this.#acts)();
      network.run(random.between(0, longestStepMs));
    }
    this.#heal();
    // Whatever was said before is there after that.
    const since = network.now;
    const goesOn = (): boolean => this.#scene.both.every(({ talk }) => talk.newestSaidAt >= since);
    if (!network.runUntil(goesOn, recoveredMs)) throw new Error('the conversation does not go on when all is well');
    // Whoever has moved follows nobody for some seconds; after that each thing said leads the other.
    network.run(followedMs);
  }

  #move(person: Person): void {
    if (this.#moves[person] === mostMoves) return;
    this.#moves[person] += 1;
    const { surroundings, random } = this.#scene;
    this.#scene.move(person, surroundings.behindAny(person), random.between(0, 1_000));
  }

  #cut(): void {
    const { surroundings, sites, random } = this.#scene;
    this.#scene.log('the direct path is cut');
    surroundings.change(sites.alice.publicIp, sites.bob.publicIp, { blocked: true }, random.chance(0.5));
  }

  #worsen(): void {
    const { surroundings, sites, random } = this.#scene;
    const conditions = { loss: random.fraction() * 0.5, latencyMs: random.between(1, 200) };
    this.#scene.log(`the direct path: ${JSON.stringify(conditions)}`);
    surroundings.change(sites.alice.publicIp, sites.bob.publicIp, conditions);
  }

  #restartServer(): void {
    const { network, random } = this.#scene;
    this.#scene.stopServer();
    network.run(random.between(0, longestAwayMs));
    this.#scene.startServer();
  }

  #heal(): void {
    const { surroundings, sites } = this.#scene;
    this.#scene.log('all is well');
    surroundings.change(sites.alice.publicIp, sites.bob.publicIp, { blocked: false, loss: 0, latencyMs: 30 });
  }
}
