import type { NetworkInterfaceInfo } from 'node:os';
import { describe, expect, it } from '@jest/globals';
import { InterfaceWatch, type Interfaces } from './interface-watch.js';

function address(text: string, internal = false): NetworkInterfaceInfo {
  const common = { address: text, netmask: '', mac: '', internal, cidr: null };
  return text.includes(':') ? { ...common, family: 'IPv6', scopeid: 0 } : { ...common, family: 'IPv4' };
}

function setUp(first: Interfaces) {
  const told: string[] = [];
  const world = { interfaces: first as Interfaces | Error, nowMs: 1_000_000, told, running: 0 };
  let poll = (): void => undefined;
  const watch = new InterfaceWatch({
    onChange: (change) => told.push(change),
    interfaces: () => {
      if (world.interfaces instanceof Error) throw world.interfaces;
      return world.interfaces;
    },
    wallMs: () => world.nowMs,
    every: (intervalMs, callback) => {
      expect(intervalMs).toBe(1_000);
      world.running += 1;
      poll = callback;
      return () => {
        world.running -= 1;
      };
    },
  });
  const later = (ms = 1_000): string[] => {
    world.nowMs += ms;
    poll();
    return told.splice(0);
  };
  return { world, watch, later };
}

const wifi = { wlan0: [address('192.0.2.10'), address('2001:db8::10')] };

describe('InterfaceWatch', () => {
  it('says nothing while nothing changes, in whatever order the system names the addresses', () => {
    const { world, watch, later } = setUp(wifi);
    watch.start();
    expect(later()).toEqual([]);
    world.interfaces = { wlan0: [...wifi.wlan0].reverse() };
    expect(later()).toEqual([]);
  });

  it.each<[string, Interfaces]>([
    ['another address', { wlan0: [address('198.51.100.7'), address('2001:db8::10')] }],
    ['one more', { ...wifi, wwan0: [address('203.0.113.9')] }],
    ['one fewer', { wlan0: [address('192.0.2.10')] }],
    ['none', {}],
    ['the same on another interface', { eth0: wifi.wlan0 }],
  ])('tells once of %s', (_what, interfaces) => {
    const { world, watch, later } = setUp(wifi);
    watch.start();
    world.interfaces = interfaces;
    expect(later()).toEqual(['addresses']);
    expect(later()).toEqual([]);
  });

  it('does not count loopback and link-local addresses', () => {
    const { world, watch, later } = setUp(wifi);
    watch.start();
    world.interfaces = { ...wifi, lo: [address('127.0.0.1', true)], veth1: [address('fe80::1')] };
    expect(later()).toEqual([]);
  });

  it('takes a jump of the clock for a sleep, a slow second or a clock set back not', () => {
    const { watch, later } = setUp(wifi);
    watch.start();
    expect(later(5_000)).toEqual([]);
    expect(later(5_001)).toEqual(['wake']);
    expect(later()).toEqual([]);
    expect(later(-3_600_000)).toEqual([]);
    expect(later()).toEqual([]);
  });

  it('tells once who wakes elsewhere', () => {
    const { world, watch, later } = setUp(wifi);
    watch.start();
    world.interfaces = { wwan0: [address('203.0.113.9')] };
    expect(later(60_000)).toEqual(['addresses']);
  });

  it('knows no change while the system does not answer', () => {
    const { world, watch, later } = setUp(wifi);
    watch.start();
    world.interfaces = new Error('ERR_SYSTEM_ERROR');
    expect(later()).toEqual([]);
    world.interfaces = wifi;
    expect(later()).toEqual([]);
  });

  it('polls once however often it is started, and not once stopped', () => {
    const { world, watch } = setUp(wifi);
    watch.start();
    watch.start();
    expect(world.running).toBe(1);
    watch.stop();
    watch.stop();
    expect(world.running).toBe(0);
  });

  it('reads the interfaces of this machine', () => {
    const told: string[] = [];
    let poll = (): void => undefined;
    const watch = new InterfaceWatch({
      onChange: (change) => told.push(change),
      every: (_ms, callback) => {
        poll = callback;
        return () => undefined;
      },
    });
    watch.start();
    poll();
    expect(told).toEqual([]);
    watch.stop();
  });
});
