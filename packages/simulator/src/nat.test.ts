import { describe, expect, it } from '@jest/globals';
import type { Address } from './address.js';
import type { Protocol } from './host.js';
import { usualNat, type NatOptions } from './nat.js';
import { Network } from './network.js';
import type { Fate } from './trace.js';

/** Says what it is told to say, and keeps from whom it heard something. */
class Talker implements Protocol {
  readonly heardFrom: Address[] = [];
  readonly #queue: Address[] = [];

  say(...to: Address[]): void {
    this.#queue.push(...to);
  }

  handleDatagram(_now: number, from: Address): void {
    this.heardFrom.push(from);
  }

  handleTimeout(): void {
    // It has no timers.
  }

  pollTransmit(): { to: Address; bytes: Uint8Array } | undefined {
    const to = this.#queue.shift();
    return to && { to, bytes: Uint8Array.of(1) };
  }

  nextTimeout(): undefined {
    return undefined;
  }
}

const server = { address: '203.0.113.1', port: 3478 };
const otherPort = { ...server, port: 3479 };
const stranger = { address: '203.0.113.2', port: 3478 };
const home = { address: '192.168.1.2', port: 5_000 };
const router = '198.51.100.1';

/** Somebody at home behind a NAT, and three outside. */
class Scene {
  readonly fates: Fate[] = [];
  readonly network = new Network({
    seed: 1,
    onTrace: ({ fate }) => {
      this.fates.push(fate);
    },
  });
  readonly nat;
  readonly inside = new Talker();
  readonly outside = [server, otherPort, stranger].map((at) => {
    const talker = new Talker();
    this.network.attach(talker, at);
    return talker;
  });

  constructor(options: Partial<NatOptions>) {
    this.nat = this.network.addNat({ ...usualNat, address: router, ...options });
    this.network.attach(this.inside, home, undefined, this.nat.inside);
  }

  /** Says something to these one after the other. @returns where they saw it come from */
  mapped(...to: Address[]): Address[] {
    for (const address of to) {
      this.inside.say(address);
      this.network.run(50);
    }
    return this.outside.flatMap(({ heardFrom }) => heardFrom.splice(0));
  }

  /** Which of the three get through to this address. */
  lets(to: Address): boolean[] {
    return this.outside.map((talker) => {
      const before = this.inside.heardFrom.length;
      talker.say(to);
      this.network.run(50);
      return this.inside.heardFrom.length > before;
    });
  }
}

describe('mapping', () => {
  it.each([
    ['endpoint-independent', 1],
    ['address-dependent', 2],
    ['address-and-port-dependent', 3],
  ] as const)('%s: %d ports for three remote endpoints at two addresses', (mapping, ports) => {
    const scene = new Scene({ mapping });
    const seen = scene.mapped(server, otherPort, stranger);
    expect(seen.map(({ address }) => address)).toEqual([router, router, router]);
    expect(new Set(seen.map(({ port }) => port)).size).toBe(ports);
    expect(scene.nat.mappingCount(scene.network.now)).toBe(ports);
    // Each remote endpoint goes on seeing the same.
    expect(scene.mapped(server, otherPort, stranger)).toEqual(seen);
  });

  it('keeps the port of the inside, unless somebody has it', () => {
    const scene = new Scene({});
    const second = new Talker();
    scene.network.attach(second, { address: '192.168.1.3', port: home.port }, undefined, scene.nat.inside);
    expect(scene.mapped(server)).toEqual([{ address: router, port: home.port }]);
    second.say(server);
    scene.network.run(50);
    const [seen] = scene.outside[0]?.heardFrom.splice(0) ?? [];
    expect(seen?.address).toBe(router);
    expect(seen?.port).not.toBe(home.port);
    const random = new Scene({ preservesPorts: false });
    expect(random.mapped(server)).not.toEqual([{ address: router, port: home.port }]);
  });

  it('ends when nothing has left by it for its time, and is kept alive by what leaves, not by what comes', () => {
    const scene = new Scene({ preservesPorts: false, idleTimeoutMs: 1_000 });
    const [first] = scene.mapped(server);
    scene.network.run(900);
    expect(scene.mapped(server)).toEqual([first]);
    scene.network.run(500);
    expect(scene.lets(first as Address)).toEqual([true, false, false]);
    scene.network.run(600);
    expect(scene.lets(first as Address)).toEqual([false, false, false]);
    expect(scene.nat.mappingCount(scene.network.now)).toBe(0);
    expect(scene.mapped(server)).not.toEqual([first]);
  });

  it('ends after its lifetime whatever leaves', () => {
    const scene = new Scene({ preservesPorts: false, lifetimeMs: 1_000 });
    const [first] = scene.mapped(server);
    scene.network.run(800);
    expect(scene.mapped(server)).toEqual([first]);
    scene.network.run(200);
    expect(scene.mapped(server)).not.toEqual([first]);
  });

  it('is gone when the NAT was switched off', () => {
    const scene = new Scene({ preservesPorts: false });
    const [first] = scene.mapped(server);
    scene.nat.restart();
    expect(scene.mapped(server)).not.toEqual([first]);
  });
});

describe('filtering', () => {
  it.each([
    ['endpoint-independent', [true, true, true]],
    ['address-dependent', [true, true, false]],
    ['address-and-port-dependent', [true, false, false]],
  ] as const)('%s', (filtering, expected) => {
    const scene = new Scene({ filtering });
    const [seen] = scene.mapped(server);
    expect(scene.lets(seen as Address)).toEqual(expected);
    expect(scene.fates.includes('filtered')).toBe((expected as readonly boolean[]).includes(false));
  });

  it('lets nobody in where nothing has left', () => {
    expect(new Scene({ filtering: 'endpoint-independent' }).lets({ address: router, port: home.port })).toEqual([
      false,
      false,
      false,
    ]);
  });
});

describe('the inside', () => {
  const neighbour = { address: '192.168.1.3', port: 5_001 };

  it.each([true, false])('hairpins: %s', (hairpins) => {
    const scene = new Scene({ hairpins, filtering: 'endpoint-independent' });
    const second = new Talker();
    scene.network.attach(second, neighbour, undefined, scene.nat.inside);
    const [seen] = scene.mapped(server);
    second.say(seen as Address);
    scene.network.run(50);
    // By the outside address it is somebody outside.
    expect(scene.inside.heardFrom).toEqual(hairpins ? [{ address: router, port: neighbour.port }] : []);
  });

  it('talks to itself without the NAT, and is not reached by its own addresses from outside', () => {
    const scene = new Scene({});
    const second = new Talker();
    scene.network.attach(second, neighbour, undefined, scene.nat.inside);
    expect(scene.mapped(neighbour)).toEqual([]);
    expect(second.heardFrom).toEqual([home]);
    expect(scene.lets(home)).toEqual([false, false, false]);
    expect(scene.fates.at(-1)).toBe('unroutable');
  });

  it('may have the addresses of another inside', () => {
    const scene = new Scene({});
    const other = scene.network.addNat({ ...usualNat, address: '198.51.100.2' });
    const twin = new Talker();
    scene.network.attach(twin, home, undefined, other.inside);
    twin.say(server);
    scene.network.run(50);
    expect(scene.outside[0]?.heardFrom).toEqual([{ address: '198.51.100.2', port: home.port }]);
  });

  it('may hold another NAT, and both translate', () => {
    const scene = new Scene({});
    const inner = scene.network.addNat({ ...usualNat, address: '192.168.1.9' }, scene.nat.inside);
    const deep = new Talker();
    scene.network.attach(deep, { address: '10.0.0.2', port: 7_000 }, undefined, inner.inside);
    deep.say(server);
    scene.network.run(50);
    const [seen] = scene.outside[0]?.heardFrom ?? [];
    expect(seen).toEqual({ address: router, port: 7_000 });
    scene.outside[0]?.say(seen as Address);
    scene.network.run(50);
    expect(deep.heardFrom).toEqual([server]);
  });
});

it('a host that moves behind another NAT is seen from there, and hears nothing by the old one', () => {
  const scene = new Scene({});
  const [before] = scene.mapped(server);
  const mobile = scene.network.addNat({ ...usualNat, address: '198.51.100.9' });
  const roamer = new Talker();
  const host = scene.network.attach(roamer, { address: '192.168.1.7', port: 6_000 }, undefined, scene.nat.inside);
  roamer.say(server);
  scene.network.run(50);
  host.moveTo({ address: '10.9.0.2', port: 6_000 }, mobile.inside);
  roamer.say(server);
  scene.network.run(50);
  expect(scene.outside[0]?.heardFrom).toEqual([
    { address: router, port: 6_000 },
    { address: '198.51.100.9', port: 6_000 },
  ]);
  scene.outside[0]?.say({ address: router, port: 6_000 });
  scene.network.run(50);
  expect(roamer.heardFrom).toEqual([]);
  expect(before?.address).toBe(router);
});
