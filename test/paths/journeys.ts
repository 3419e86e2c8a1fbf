/** What happens to a conversation on the way, and how soon it is to go on. */
import { isLossless } from './cell.js';
import type { Device } from './device.js';
import type { Scene } from './scene.js';
import type { Person } from './sites.js';

const recoveredWithinMs = 2_000;
const leftWithinMs = 3_000;
/** Of ten messages a second so few are lost that one in twenty such paths is found out a little later. */
const lossyLeftWithinMs = 5_000;
/** Where the relay loses something as well, it does not always look better at once. */
const patientlyMs = 12_000;
/** The client looks at its interfaces each second. */
const mostNoticedMs = 1_000;
const againMs = 30_000;
const longestMs = 15_000;

type Disturb = (scene: Scene) => void;

/** Another network, behind another router. */
export function moves(whom: readonly Person[], { isServerDown = false } = {}): Disturb {
  return (scene) => {
    const { surroundings, random } = scene;
    if (isServerDown) scene.stopServer();
    for (const person of whom) {
      const site = surroundings.behind(person, { nat: 'port-restricted' });
      scene.move(person, site, random.between(0, mostNoticedMs));
    }
    requireRecovery(scene, recoveredWithinMs);
    comesBack(scene);
  };
}

export function rebinds(person: Person, isServerDown = false): Disturb {
  return (scene) => {
    if (isServerDown) scene.stopServer();
    scene.rebind(person);
    requireRecovery(scene, recoveredWithinMs);
    comesBack(scene);
  };
}

/** The peer's router forgets its bindings while the one who has moved follows nobody. */
export function movesAndBindsAgain(scene: Scene): void {
  const site = scene.surroundings.behind('alice', { nat: 'port-restricted' });
  scene.move('alice', site, 0);
  if (!scene.network.runUntil(() => scene.isDirect, longestMs)) throw new Error('not direct after a move');
  scene.network.run(scene.random.between(0, 1_500));
  scene.rebind('bob');
  requireRecovery(scene, recoveredWithinMs);
  comesBack(scene);
}

/** Nothing passes any more, from now on and for a while. */
export function dies(how: 'both-ways' | 'one-way'): Disturb {
  return (scene) => {
    const { surroundings, sites, network } = scene;
    const [alice, bob] = [sites.alice.publicIp, sites.bob.publicIp];
    const block = (blocked: boolean): void => {
      surroundings.change(bob, alice, { blocked }, how === 'both-ways');
    };
    scene.log(`the path dies ${how}`);
    block(true);
    if (!network.runUntil(() => scene.isRelayed, leftWithinMs)) throw new Error('a dead path is not left');
    requireRecovery(scene, recoveredWithinMs);
    network.run(20_000);
    if (!scene.isRelayed) throw new Error('a dead path is taken again');
    block(false);
    if (!network.runUntil(() => scene.isDirect, returnMs(scene)))
      throw new Error('not direct when the path works again');
  };
}

export function losesAThird(scene: Scene): void {
  const { surroundings, sites, network } = scene;
  const [alice, bob] = [sites.alice.publicIp, sites.bob.publicIp];
  scene.log('the path loses a third');
  surroundings.change(alice, bob, { loss: 0.33 });
  const since = network.now;
  const limitMs = isLossless(scene.seed) ? lossyLeftWithinMs : patientlyMs;
  if (!network.runUntil(() => scene.isRelayed, limitMs)) throw new Error('a path that loses a third is not left');
  scene.log(`left after ${(network.now - since).toFixed(0)} ms`);
  network.run(30_000);
  surroundings.change(alice, bob, { loss: 0 });
  if (!network.runUntil(() => scene.isDirect, returnMs(scene)))
    throw new Error('not direct when the path is good again');
}

/** What was left is tried each minute; where something is lost the first try may fail. */
function returnMs({ seed }: Scene): number {
  return isLossless(seed) ? 80_000 : 200_000;
}

/** Both hear what the other said after now. @returns after how many ms */
function requireRecovery(scene: Scene, limitMs: number): number {
  const { network, both } = scene;
  const since = network.now;
  const goesOn = ({ talk }: Device): boolean => talk.newestSaidAt >= since;
  if (!network.runUntil(() => both.every(goesOn), longestMs)) throw new Error('the conversation does not go on');
  const tookMs = network.now - since;
  scene.log(`goes on after ${tookMs.toFixed(0)} ms`);
  if (tookMs > limitMs) throw new Error(`goes on only after ${tookMs.toFixed(0)} ms`);
  return tookMs;
}

function comesBack(scene: Scene): void {
  const since = scene.network.now;
  if (!scene.network.runUntil(() => scene.isDirect, againMs)) throw new Error('not direct again');
  scene.log(`direct again after ${(scene.network.now - since).toFixed(0)} ms`);
  scene.network.run(3_000);
}
