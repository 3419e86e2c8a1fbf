import { describe, expect, it } from '@jest/globals';
import { describeVerdict } from './describe-path.js';
import { NatScene, type SideOptions } from './testing/nat-scene.js';

const restricted: SideOptions = { nat: 'port-restricted' };
const seeds = [1, 2, 3, 4, 5];

function pathsOf(scene: NatScene): (string | undefined)[] {
  return [scene.a, scene.b].map(({ link }) => link.path?.address);
}

/** Both talk all the time; after so long the one hears the other's data again, which it said after the change. */
function silenceAfter(scene: NatScene, change: () => void, limitMs: number): number {
  const counts = [scene.a, scene.b].map(({ link }) => link.received.length);
  change();
  const since = scene.network.now;
  // Two more on both sides: the first may have been on its way.
  const goesOn = (): boolean => [scene.a, scene.b].every(({ link }, i) => link.received.length > (counts[i] ?? 0) + 5);
  return scene.network.runUntil(goesOn, limitMs) ? scene.network.now - since : Infinity;
}

function talking(scene: NatScene, forMs = 600_000): void {
  scene.a.link.talk(scene.network.now, forMs);
  scene.b.link.talk(scene.network.now, forMs);
}

describe.each(seeds)('with seed %d, two devices', (seed) => {
  it('on one LAN talk over the LAN, also where the router does not hairpin', () => {
    for (const hairpins of [false, true]) {
      const scene = new NatScene({ seed, a: restricted, b: restricted, isSameLan: true, hairpins });
      scene.begin();
      expect(scene.untilDirect(2_000)).toBeLessThan(1_000);
      scene.network.run(5_000);
      expect(pathsOf(scene)).toEqual(['192.168.1.3', '192.168.1.2']);
      expect(describeVerdict(scene.a.agent.report(scene.network.now))).toBe('direct over the local network');
    }
  });

  it('send nothing to each other once they are direct and say nothing', () => {
    const scene = new NatScene({ seed, a: restricted, b: restricted });
    scene.begin();
    scene.network.run(15_000);
    expect(scene.isDirect).toBe(true);
    const datagrams = scene.network.datagramCount;
    scene.network.run(600_000);
    expect(scene.network.datagramCount).toBe(datagrams);
    expect([scene.a.agent.nextTimeout(), scene.b.agent.nextTimeout()]).toEqual([undefined, undefined]);
  });

  it('idle on the relay send nothing, and in use try again every minute', () => {
    const hard: SideOptions = { nat: 'endpoint-dependent' };
    const scene = new NatScene({ seed, a: hard, b: hard });
    scene.begin();
    scene.network.run(70_000);
    const before = scene.a.link.probesSent;
    scene.network.run(300_000);
    expect(scene.a.link.probesSent).toBe(before);
    scene.a.link.talk(scene.network.now, 300_000);
    scene.network.run(300_000);
    // Once at once, as it was due, and then each minute; seven probes to each of two addresses.
    expect(scene.a.link.probesSent - before).toBeGreaterThanOrEqual(5 * 2 * 5);
    expect(scene.a.link.probesSent - before).toBeLessThanOrEqual(7 * 3 * 8);
  });

  it('where a carrier ends mappings come back to a direct path', () => {
    const scene = new NatScene({ seed, a: { nat: 'port-restricted', lifetimeMs: 60_000 }, b: restricted });
    scene.begin();
    talking(scene);
    expect(scene.untilDirect(2_000)).toBeDefined();
    let directMs = 0;
    let longestSilence = 0;
    let heard = scene.b.link.received.length;
    let quiet = 0;
    for (let i = 0; i < 3_000; i += 1) {
      scene.network.run(100);
      if (scene.isDirect) directMs += 100;
      quiet = scene.b.link.received.length > heard ? 0 : quiet + 100;
      heard = scene.b.link.received.length;
      longestSilence = Math.max(longestSilence, quiet);
    }
    expect(longestSilence).toBeLessThanOrEqual(3_000);
    expect(directMs).toBeGreaterThan(220_000);
  });

  it('go on within 2 s when one gets another address, also behind another router', () => {
    const scene = new NatScene({ seed, a: restricted, b: restricted });
    scene.begin();
    talking(scene);
    scene.network.run(5_000);
    expect(scene.isDirect).toBe(true);
    const mobile = scene.addMobile();
    const silence = silenceAfter(
      scene,
      () => {
        scene.b.link.host.moveTo({ address: '10.9.0.2', port: 6_000 }, mobile.inside);
        scene.b.agent.handleAddressChange(scene.network.now);
      },
      10_000,
    );
    expect(silence).toBeLessThan(2_000);
    expect(scene.untilDirect(10_000)).toBeDefined();
    expect(scene.a.link.path?.address).toBe('203.0.113.9');
  });

  it('go on without the server when the other has kept an address that all reach', () => {
    const scene = new NatScene({ seed, a: restricted, b: { nat: 'none' } });
    scene.begin();
    talking(scene);
    scene.network.run(5_000);
    scene.isServerUp = false;
    const mobile = scene.addMobile();
    const silence = silenceAfter(
      scene,
      () => {
        scene.a.link.host.moveTo({ address: '10.9.0.2', port: 6_000 }, mobile.inside);
        scene.a.agent.handleAddressChange(scene.network.now);
      },
      10_000,
    );
    expect(silence).toBeLessThan(2_000);
    expect(scene.isDirect).toBe(true);
    expect(scene.b.link.path?.address).toBe('203.0.113.9');
  });

  it('leave a direct path that dies within 3 s, stay on the relay while it is dead, and return once', () => {
    const scene = new NatScene({ seed, a: restricted, b: restricted });
    scene.begin();
    talking(scene);
    scene.network.run(5_000);
    const between = [
      { from: '203.0.113.1', to: '203.0.113.2' },
      { from: '203.0.113.2', to: '203.0.113.1' },
    ];
    const cut = (blocked: boolean): void => {
      for (const direction of between) scene.network.change({ blocked }, direction);
    };
    cut(true);
    scene.network.run(3_000);
    expect(pathsOf(scene)).toEqual(['relay', 'relay']);
    expect(silenceAfter(scene, () => undefined, 2_000)).toBeLessThan(1_500);
    scene.network.run(60_000);
    expect(pathsOf(scene)).toEqual(['relay', 'relay']);
    const moves = scene.a.link.moves.length;
    cut(false);
    expect(scene.untilDirect(70_000)).toBeDefined();
    scene.network.run(60_000);
    expect(scene.isDirect).toBe(true);
    expect(scene.a.link.moves.length).toBe(moves + 1);
  });

  it('leave a path that carries in one direction only', () => {
    const scene = new NatScene({ seed, a: restricted, b: restricted });
    scene.begin();
    talking(scene);
    scene.network.run(5_000);
    scene.network.change({ blocked: true }, { from: '203.0.113.2', to: '203.0.113.1' });
    scene.network.run(3_000);
    expect(pathsOf(scene)).toEqual(['relay', 'relay']);
    scene.network.run(100_000);
    expect(pathsOf(scene)).toEqual(['relay', 'relay']);
  });

  it('leave a path that loses a third for the relay, and do not move to and fro', () => {
    const scene = new NatScene({ seed, a: restricted, b: restricted });
    scene.begin();
    talking(scene);
    scene.network.run(10_000);
    const moves = scene.a.link.moves.length + scene.b.link.moves.length;
    for (const [from, to] of [['203.0.113.1', '203.0.113.2'] as const, ['203.0.113.2', '203.0.113.1'] as const]) {
      scene.network.change({ loss: 0.33, latencyMs: 15 }, { from, to });
    }
    scene.network.run(5_000);
    expect(pathsOf(scene)).toEqual(['relay', 'relay']);
    scene.network.run(300_000);
    expect(scene.a.link.moves.length + scene.b.link.moves.length - moves).toBeLessThanOrEqual(8);
  });

  it('of whom one is relay-only show no address of theirs and send nothing past the relay', () => {
    for (const policies of [['relay-only', 'auto'] as const, ['auto', 'relay-only'] as const]) {
      const [a, b] = policies;
      const seen: string[] = [];
      const scene = new NatScene({
        seed,
        a: { nat: 'none', policy: a },
        b: { nat: 'none', policy: b },
        onDatagram: (from, to) => seen.push(`${from} ${to}`),
      });
      scene.begin();
      talking(scene);
      scene.network.run(5_000);
      scene.a.agent.handleAddressChange(scene.network.now);
      scene.b.agent.handleAddressChange(scene.network.now);
      scene.network.run(100_000);
      expect(pathsOf(scene)).toEqual(['relay', 'relay']);
      const past = seen.filter((way) => ['203.0.113.11 203.0.113.12', '203.0.113.12 203.0.113.11'].includes(way));
      expect(past).toEqual([]);
      const [own, other] = a === 'relay-only' ? [scene.a, scene.b] : [scene.b, scene.a];
      const now = scene.network.now;
      expect(describeVerdict(own.agent.report(now))).toContain('set to relay-only');
      expect(describeVerdict(other.agent.report(now))).toContain('tells no address');
    }
  });

  it('find each other through loss of one datagram in five', () => {
    const scene = new NatScene({ seed, a: restricted, b: restricted, conditions: { loss: 0.2 } });
    scene.begin();
    expect(scene.untilDirect(5_000)).toBeDefined();
  });
});
