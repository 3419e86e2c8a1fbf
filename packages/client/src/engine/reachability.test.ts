import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { answerBindingRequest, type Address } from '@parley/rendezvous';
import type { Interfaces } from './interface-watch.js';
import { Reachability } from './reachability.js';

const server = { address: '198.51.100.1', port: 7420, otherPort: 7421 };
const bound = { address: '0.0.0.0', port: 4000 };
const own = '10.0.0.5';
const seen = { address: '203.0.113.5', port: 6000 };
const longerThanStunAsksMs = 40_000;

/** How the network treats what is asked; undefined: it loses it. */
type Network = (to: Address) => { readonly seen: Address; readonly filters: boolean } | undefined;

const open: Network = () => ({ seen: { address: own, port: bound.port }, filters: false });
const coneNat: Network = () => ({ seen, filters: true });
const hardNat: Network = ({ port }) => ({ seen: { ...seen, port: port + 1 }, filters: true });
const blocked: Network = () => undefined;

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

/** A STUN server with two ports behind a network; answers come 10 ms later. */
function setUp(first: Network) {
  let network = first;
  let changes = 0;
  const asked: Address[] = [];
  const interfaces: Interfaces = {
    eth0: [{ address: own, netmask: '', family: 'IPv4', mac: '', internal: false, cidr: null }],
    lo: [{ address: '127.0.0.1', netmask: '', family: 'IPv4', mac: '', internal: true, cidr: null }],
  };
  const reachability: Reachability = new Reachability({
    bound,
    send: (bytes, to) => {
      asked.push(to);
      const way = network(to);
      const answer = way && answerBindingRequest(bytes, way.seen, true);
      if (!answer || (answer.fromOtherPort && way.filters)) return;
      const port = answer.fromOtherPort === (to.port === server.port) ? server.otherPort : server.port;
      setTimeout(() => {
        reachability.handleDatagram(answer.bytes, { address: to.address, port });
      }, 10);
    },
    onChange: () => (changes += 1),
    interfaces: () => interfaces,
  });
  reachability.setServer(server);
  return {
    reachability,
    asked,
    changes: () => changes,
    /** From now on. */
    become: (next: Network) => (network = next),
  };
}

/** Whether it has settled, after so long. */
async function settlesWithin(promise: Promise<void>, ms: number): Promise<boolean> {
  let isSettled = false;
  void promise.then(() => (isSettled = true));
  await jest.advanceTimersByTimeAsync(ms);
  return isSettled;
}

describe('Reachability', () => {
  it('finds out that there is no NAT', async () => {
    const { reachability } = setUp(open);
    expect(await settlesWithin(reachability.ask(), 100)).toBe(true);
    expect(reachability.findings).toEqual({
      reflexive: { address: own, port: 4000 },
      mapping: 'none',
      filtering: 'not-by-port',
      isUdpBlocked: false,
    });
    expect(jest.getTimerCount()).toBe(0);
  });

  it.each([
    ['endpoint-independent', coneNat],
    ['endpoint-dependent', hardNat],
  ] as const)('finds out that there is one: %s', async (mapping, network) => {
    const { reachability, changes } = setUp(network);
    expect(await settlesWithin(reachability.ask(), 5_000)).toBe(true);
    expect(reachability.nat).toEqual({ mapping, filtering: 'address-and-port-dependent', isUdpBlocked: false });
    expect(changes()).toBeGreaterThan(0);
  });

  it('tells of the own address as soon as it is seen, before all is asked', async () => {
    const { reachability, changes } = setUp(coneNat);
    const asking = reachability.ask();
    await jest.advanceTimersByTimeAsync(10);
    expect(reachability.findings).toMatchObject({ reflexive: seen, mapping: undefined });
    expect(changes()).toBe(1);
    expect(await settlesWithin(asking, 5_000)).toBe(true);
  });

  it('says that UDP is blocked when nothing comes back, and keeps asking until then', async () => {
    const { reachability, asked } = setUp(blocked);
    const asking = reachability.ask();
    expect(await settlesWithin(asking, 39_000)).toBe(false);
    expect(asked).toHaveLength(7);
    expect(await settlesWithin(asking, 1_000)).toBe(true);
    expect(reachability.findings).toMatchObject({ reflexive: undefined, isUdpBlocked: true });
  });

  it('asks once for all who ask meanwhile', async () => {
    const { reachability, asked } = setUp(open);
    const both = Promise.all([reachability.ask(), reachability.ask()]).then(() => undefined);
    expect(asked).toHaveLength(1);
    expect(await settlesWithin(both, 100)).toBe(true);
  });

  it('without a server there is nothing to wait for', async () => {
    const { reachability, asked } = setUp(open);
    reachability.setServer(undefined);
    expect(await settlesWithin(reachability.ask(), 0)).toBe(true);
    expect(await settlesWithin(reachability.askAnew(), 0)).toBe(true);
    expect(asked).toEqual([]);
  });

  it('a server that goes ends the wait, and takes with it what it saw', async () => {
    const { reachability, asked } = setUp(coneNat);
    await settlesWithin(reachability.ask(), 5_000);
    const asking = reachability.ask();
    reachability.setServer(undefined);
    asked.length = 0;
    expect(await settlesWithin(asking, 0)).toBe(true);
    await jest.advanceTimersByTimeAsync(longerThanStunAsksMs);
    expect([asked, reachability.findings.reflexive]).toEqual([[], undefined]);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('another server is asked although the one before was still being asked', async () => {
    const { reachability, asked, become } = setUp(blocked);
    const before = reachability.ask();
    const other = { ...server, address: '198.51.100.2' };
    reachability.setServer(other);
    become(open);
    const asking = reachability.ask();
    expect(asked.at(-1)).toMatchObject({ address: other.address });
    expect(await settlesWithin(asking, 100)).toBe(true);
    expect(await settlesWithin(before, 0)).toBe(true);
    expect(reachability.findings.reflexive).toEqual({ address: own, port: 4000 });
  });

  it('in a changed network it is asked from the beginning, for those who wait already as well', async () => {
    const { reachability, asked, become } = setUp(blocked);
    const before = reachability.ask();
    await jest.advanceTimersByTimeAsync(20_000);
    become(open);
    const asking = reachability.askAnew();
    expect(asked.length).toBeGreaterThan(5);
    expect(await settlesWithin(asking, 100)).toBe(true);
    expect(await settlesWithin(before, 0)).toBe(true);
    expect(reachability.findings.reflexive).toEqual({ address: own, port: 4000 });
  });

  it('what was known stays while it is asked anew, and goes when nobody answers any more', async () => {
    const { reachability, become } = setUp(coneNat);
    await settlesWithin(reachability.ask(), 5_000);
    become(blocked);
    const asking = reachability.askAnew();
    await jest.advanceTimersByTimeAsync(30_000);
    expect(reachability.findings).toMatchObject({ reflexive: seen, mapping: 'endpoint-independent' });
    expect(await settlesWithin(asking, 10_000)).toBe(true);
    expect(reachability.findings).toEqual({
      ...{ reflexive: undefined, mapping: undefined, filtering: undefined },
      isUdpBlocked: true,
    });
  });

  it('tells of no change when all is as before', async () => {
    const { reachability, changes } = setUp(coneNat);
    await settlesWithin(reachability.ask(), 5_000);
    const before = changes();
    await settlesWithin(reachability.ask(), 5_000);
    expect(changes()).toBe(before);
  });

  it('ignores what is no answer to its questions', async () => {
    const { reachability, changes } = setUp(blocked);
    const asking = reachability.ask();
    reachability.handleDatagram(Uint8Array.of(1, 1, 0, 0), server);
    reachability.handleDatagram(new Uint8Array(40), server);
    expect(changes()).toBe(0);
    expect(await settlesWithin(asking, longerThanStunAsksMs)).toBe(true);
    // Also when nothing is asked at all.
    reachability.handleDatagram(new Uint8Array(40), server);
  });

  it('gathers what may reach this device, the most useful first', async () => {
    const { reachability } = setUp(coneNat);
    expect(reachability.candidates(true).map(({ address }) => address)).toEqual([own, '127.0.0.1']);
    await settlesWithin(reachability.ask(), 5_000);
    const mapped = { address: '203.0.113.5', port: 7000 };
    reachability.setMapped(mapped);
    expect(reachability.candidates(false)).toEqual([
      { kind: 'host', address: own, port: 4000 },
      { kind: 'mapped', ...mapped },
      { kind: 'reflexive', ...seen },
    ]);
    reachability.setMapped(undefined);
    expect(reachability.candidates(false).map(({ kind }) => kind)).toEqual(['host', 'reflexive']);
  });
});
