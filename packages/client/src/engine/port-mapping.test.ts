import { describe, expect, it } from '@jest/globals';
import type { Address } from '@parley/rendezvous';
import type { MapOutcome, PortMapper } from './port-mapper.js';
import { PortMapping } from './port-mapping.js';

class FakeMapper implements PortMapper {
  readonly name: PortMapper['name'];
  outcome: MapOutcome = { kind: 'silent' };
  readonly asked: [localPort: number, externalPort: number][] = [];
  readonly unmapped: number[] = [];
  hangs = false;

  constructor(name: PortMapper['name']) {
    this.name = name;
  }

  async map(localPort: number, externalPort: number, signal: AbortSignal): Promise<MapOutcome> {
    this.asked.push([localPort, externalPort]);
    if (this.hangs) await aborted(signal);
    return this.outcome;
  }

  unmap(localPort: number): Promise<void> {
    this.unmapped.push(localPort);
    return Promise.resolve();
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => {
      resolve();
    });
  });
}

function mapped(address: string, port: number, lifetimeSeconds = 3_600): MapOutcome {
  return { kind: 'mapped', external: { address, port }, lifetimeSeconds };
}

function setUp() {
  const [pmp, upnp] = [new FakeMapper('NAT-PMP'), new FakeMapper('UPnP')];
  const told: (Address | undefined)[] = [];
  const sleeps: number[] = [];
  let wake = (): void => undefined;
  let slept = (): void => undefined;
  const mapping = new PortMapping({
    localPort: 7_421,
    onMapped: (address) => told.push(address),
    mappers: [pmp, upnp],
    sleep: (ms, signal) => {
      sleeps.push(ms);
      return new Promise((resolve) => {
        wake = resolve;
        void aborted(signal).then(resolve);
        slept();
      });
    },
  });
  /** Until it has asked, and waits. */
  const rest = (act: () => void): Promise<void> =>
    new Promise((resolve) => {
      slept = resolve;
      act();
    });
  const begin = (): Promise<void> =>
    rest(() => {
      mapping.start();
    });
  const round = (): Promise<void> =>
    rest(() => {
      wake();
    });
  return { pmp, upnp, told, sleeps, mapping, begin, round, rest };
}

describe('PortMapping', () => {
  it('asks nobody before it is started', () => {
    const { pmp, mapping } = setUp();
    expect(pmp.asked).toEqual([]);
    expect(mapping.finding).toEqual({ state: 'note', text: 'the router has not been asked for a port yet' });
  });

  it('tells of the address once, renews it, and takes it back', async () => {
    const { pmp, upnp, told, sleeps, mapping, begin, round } = setUp();
    pmp.outcome = mapped('203.0.113.7', 9_000);
    await begin();
    mapping.start();
    expect(told).toEqual([{ address: '203.0.113.7', port: 9_000 }]);
    expect(mapping.finding).toEqual({ state: 'ok', text: 'the router gave port 9000 of 203.0.113.7 (NAT-PMP)' });
    await round();
    expect(pmp.asked).toEqual([
      [7_421, 7_421],
      [7_421, 9_000],
    ]);
    expect(sleeps).toEqual([300_000, 300_000]);
    expect(upnp.asked).toEqual([]);
    await mapping.stop();
    await mapping.stop();
    expect(pmp.unmapped).toEqual([7_421]);
    expect(told).toHaveLength(1);
  });

  it('tells when the address changes, and when the router is gone', async () => {
    const { pmp, told, sleeps, mapping, begin, round } = setUp();
    pmp.outcome = mapped('203.0.113.7', 9_000);
    await begin();
    pmp.outcome = mapped('203.0.113.8', 9_000);
    await round();
    pmp.outcome = { kind: 'silent' };
    await round();
    await round();
    expect(told).toEqual([{ address: '203.0.113.7', port: 9_000 }, { address: '203.0.113.8', port: 9_000 }, undefined]);
    expect(mapping.finding).toEqual({ state: 'note', text: 'no gateway answered NAT-PMP or UPnP' });
    expect(sleeps).toEqual([300_000, 300_000, 600_000, 600_000]);
    await mapping.stop();
    expect(pmp.unmapped).toEqual([]);
  });

  it('asks by UPnP where NAT-PMP gives nothing, and stays with what works', async () => {
    const { pmp, upnp, mapping, begin, round } = setUp();
    upnp.outcome = mapped('203.0.113.7', 7_421);
    await begin();
    await round();
    expect([pmp.asked.length, upnp.asked.length]).toEqual([1, 2]);
    await mapping.stop();
    expect([pmp.unmapped, upnp.unmapped]).toEqual([[], [7_421]]);
  });

  it('says who refuses, and why', async () => {
    const { pmp, upnp, told, mapping, begin } = setUp();
    pmp.outcome = { kind: 'refused', reason: 'it does not allow it' };
    upnp.outcome = { kind: 'refused', reason: 'error 501' };
    await begin();
    expect(mapping.finding.text).toBe(
      'the router refuses by NAT-PMP: it does not allow it; the router refuses by UPnP: error 501',
    );
    expect(told).toEqual([]);
    await mapping.stop();
  });

  it('says that a router is behind another', async () => {
    const { pmp, told, mapping, begin } = setUp();
    pmp.outcome = mapped('100.64.1.2', 7_421);
    await begin();
    expect(mapping.finding).toEqual({
      state: 'note',
      text: 'the router gave port 7421 of 100.64.1.2 (NAT-PMP), but is behind another NAT itself',
    });
    expect(told).toHaveLength(1);
    await mapping.stop();
  });

  it.each([
    [3_600, 300_000],
    [120, 60_000],
    [0, 30_000],
  ])('renews what lasts %i s after %i ms', async (lifetime, ms) => {
    const { pmp, sleeps, mapping, begin } = setUp();
    pmp.outcome = mapped('203.0.113.7', 7_421, lifetime);
    await begin();
    expect(sleeps).toEqual([ms]);
    await mapping.stop();
  });

  it('asks at once when told that an interface changed', async () => {
    const { pmp, mapping, begin, rest } = setUp();
    mapping.refresh();
    await begin();
    await rest(() => {
      mapping.refresh();
    });
    expect(pmp.asked).toHaveLength(2);
    await mapping.stop();
  });

  it('stops while it asks; what it got then is taken back, and nobody told', async () => {
    const { pmp, upnp, told, mapping } = setUp();
    pmp.hangs = true;
    mapping.start();
    await Promise.resolve();
    pmp.outcome = mapped('203.0.113.7', 7_421);
    await mapping.stop();
    expect(pmp.unmapped).toEqual([7_421]);
    expect(upnp.asked).toEqual([]);
    expect(told).toEqual([]);
  });

  it('can be started again', async () => {
    const { pmp, told, mapping, begin } = setUp();
    pmp.outcome = mapped('203.0.113.7', 7_421);
    await begin();
    await mapping.stop();
    await begin();
    expect(told).toHaveLength(2);
    await mapping.stop();
    expect(pmp.unmapped).toEqual([7_421, 7_421]);
  });
});
