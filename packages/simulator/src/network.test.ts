import { describe, expect, it } from '@jest/globals';
import type { Address } from './address.js';
import type { Protocol } from './host.js';
import { Network, type NetworkOptions } from './network.js';
import type { TraceRecord } from './trace.js';

/** Sends a numbered datagram every 10 ms and keeps what it hears. */
class Beacon implements Protocol {
  readonly heard: { at: number; from: Address; value: number; intact: boolean }[] = [];
  readonly #peer: Address;
  #next: number;
  #left: number;
  #queue: Uint8Array[] = [];

  constructor(start: number, peer: Address, count: number) {
    this.#next = start;
    this.#peer = peer;
    this.#left = count;
  }

  handleDatagram(now: number, from: Address, bytes: Uint8Array): void {
    const [value = 0, copy = 0] = bytes;
    this.heard.push({ at: now, from, value, intact: bytes.length === 2 && value === copy });
  }

  handleTimeout(now: number): void {
    if (now < this.#next || this.#left === 0) return;
    const value = this.#left & 0xff;
    this.#queue.push(Uint8Array.of(value, value));
    this.#left -= 1;
    this.#next += 10;
  }

  pollTransmit(): { to: Address; bytes: Uint8Array } | undefined {
    const bytes = this.#queue.shift();
    return bytes && { to: this.#peer, bytes };
  }

  nextTimeout(): number | undefined {
    return this.#left > 0 ? this.#next : undefined;
  }
}

const left = { address: '10.0.0.1', port: 1 };
const right = { address: '10.0.0.2', port: 2 };
const startAt = 1_000;

function pair(options: Omit<NetworkOptions, 'startAt'>, count = 100) {
  const trace: TraceRecord[] = [];
  const network = new Network({
    ...options,
    startAt,
    onTrace: (record) => {
      trace.push(record);
    },
  });
  const a = new Beacon(startAt, right, count);
  const b = new Beacon(startAt, left, 0);
  const hostA = network.attach(a, left);
  const hostB = network.attach(b, right);
  return { network, a, b, hostA, hostB, trace };
}

describe('Network', () => {
  it('delivers in order and after the latency when nothing disturbs', () => {
    const { network, b } = pair({ seed: 1, conditions: { latencyMs: 25 } }, 5);
    network.run(1_000);
    expect(b.heard.map(({ value }) => value)).toEqual([5, 4, 3, 2, 1]);
    expect(b.heard.map(({ at }) => at - startAt)).toEqual([25, 35, 45, 55, 65]);
    expect(b.heard[0]?.from).toEqual(left);
    expect(network.now).toBe(startAt + 1_000);
  });

  it('gives the same trace for the same seed', () => {
    const conditions = { jitterMs: 40, loss: 0.2, duplication: 0.2, corruption: 0.2, reordering: 0.2 };
    const run = (seed: number): string => {
      const { network, trace } = pair({ seed, conditions });
      network.run(5_000);
      return JSON.stringify(trace);
    };
    expect(run(5)).toBe(run(5));
    expect(run(5)).not.toBe(run(6));
  });

  it('loses, duplicates, corrupts and reorders as often as told', () => {
    const lossy = pair({ seed: 2, conditions: { loss: 0.5 } }, 200);
    lossy.network.run(5_000);
    expect(Math.abs(lossy.b.heard.length - 100)).toBeLessThan(30);
    expect(lossy.trace.filter(({ fate }) => fate === 'lost').length).toBe(200 - lossy.b.heard.length);

    const doubled = pair({ seed: 2, conditions: { duplication: 1 } }, 50);
    doubled.network.run(5_000);
    expect(doubled.b.heard.length).toBe(100);

    const corrupt = pair({ seed: 2, conditions: { corruption: 1 } }, 50);
    corrupt.network.run(5_000);
    expect(corrupt.b.heard.filter(({ intact }) => intact)).toEqual([]);

    const shuffled = pair({ seed: 2, conditions: { reordering: 0.3, reorderingDelayMs: 35 } }, 50);
    shuffled.network.run(5_000);
    const values = shuffled.b.heard.map(({ value }) => value);
    expect(values).not.toEqual(values.toSorted((x, y) => y - x));
    expect(values.toSorted((x, y) => y - x)).toEqual(Array.from({ length: 50 }, (_, i) => 50 - i));
  });

  it('blocks one direction only', () => {
    const { network, a, b } = pair({ seed: 3 }, 10);
    network.change({ blocked: true }, { from: left.address, to: right.address });
    network.inject(right, left, Uint8Array.of(1, 1));
    network.run(1_000);
    expect(b.heard).toEqual([]);
    expect(a.heard.length).toBe(1);
  });

  it('loses what comes to an address that was left', () => {
    const { network, b, hostB, trace } = pair({ seed: 4 }, 10);
    network.schedule(45, () => {
      hostB.moveTo({ address: '10.0.0.3', port: 2 });
    });
    network.run(1_000);
    expect(b.heard.length).toBe(4);
    expect(trace.filter(({ fate }) => fate === 'unroutable').length).toBe(6);
  });

  it('stops when the condition holds, or at the limit', () => {
    const { network, b } = pair({ seed: 5 });
    expect(network.runUntil(() => b.heard.length === 3, 10_000)).toBe(true);
    expect(b.heard.length).toBe(3);
    expect(network.runUntil(() => false, 100)).toBe(false);
  });

  it('refuses to run on when a protocol never comes to rest', () => {
    const network = new Network({ seed: 1 });
    const endless = { to: right, bytes: Uint8Array.of(0) };
    let sent = 0;
    network.attach(
      {
        handleDatagram: () => undefined,
        handleTimeout: () => undefined,
        pollTransmit: () => ((sent += 1) % 2 === 0 ? undefined : endless),
        nextTimeout: () => undefined,
      },
      left,
    );
    expect(() => {
      network.run(10);
    }).toThrow('never comes to rest');
  });

  it('tells runs apart by their digest alone', () => {
    const conditions = { jitterMs: 40, loss: 0.2, duplication: 0.2, corruption: 0.2, reordering: 0.2 };
    const digest = (seed: number, count = 100): string => {
      const network = new Network({ seed, conditions });
      network.attach(new Beacon(network.now, right, count), left);
      network.attach(new Beacon(network.now, left, 0), right);
      network.run(5_000);
      return network.digest;
    };
    const digests = Array.from({ length: 200 }, (_, seed) => digest(seed));
    expect(digests).toEqual(digests.map((_, seed) => digest(seed)));
    expect(new Set(digests).size).toBe(200);
    expect(digest(1, 99)).not.toBe(digest(1, 100));
    expect(digest(1)).toMatch(/^[0-9a-f]{16}$/);
  });

  it('sees in the digest one bit, one millisecond and one port', () => {
    const digest = (change: { bit?: number; at?: number; port?: number }): string => {
      const network = new Network({ seed: 1 });
      const bytes = new Uint8Array(11);
      bytes[(change.bit ?? 0) >> 3]! ^= 1 << ((change.bit ?? 0) & 7);
      network.run(change.at ?? 5);
      network.inject({ ...left, port: change.port ?? 1 }, right, bytes);
      network.run(100);
      return network.digest;
    };
    const changes = [{ at: 6 }, { port: 2 }, ...Array.from({ length: 88 }, (_, bit) => ({ bit }))];
    expect(new Set(changes.map(digest)).size).toBe(changes.length);
  });

  it('gives a copy of what was sent, so that a protocol may use one buffer for all', () => {
    const buffer = new Uint8Array(1);
    let remaining = 3;
    const network = new Network({ seed: 1 });
    const heard: number[] = [];
    network.attach(
      {
        handleDatagram: () => undefined,
        handleTimeout: () => undefined,
        pollTransmit: () => {
          if (remaining === 0) return undefined;
          buffer[0] = remaining--;
          return { to: right, bytes: buffer };
        },
        nextTimeout: () => undefined,
      },
      left,
    );
    network.attach(
      {
        handleDatagram: (_now, _from, bytes) => heard.push(bytes[0] ?? 0),
        handleTimeout: () => undefined,
        pollTransmit: () => undefined,
        nextTimeout: () => undefined,
      },
      right,
    );
    network.run(100);
    expect(heard).toEqual([3, 2, 1]);
  });

  it('asks only those to whom something happened', () => {
    const network = new Network({ seed: 1, startAt });
    const idle = new Counter();
    network.attach(idle, { address: '10.0.0.9', port: 9 });
    network.attach(new Beacon(startAt, right, 100), left);
    network.attach(new Beacon(startAt, left, 0), right);
    network.run(5_000);
    expect(idle.polls).toBe(1);
    const host = network.attach(idle, { address: '10.0.0.8', port: 8 });
    network.schedule(10, () => undefined, host);
    network.run(100);
    // Both of its hosts when the run began, one of them after the call.
    expect(idle.polls).toBe(4);
  });

  it('calls a timer when it is due, whether it was moved forward, back or away', () => {
    const network = new Network({ seed: 1, startAt: 0 });
    const timed = new Counter();
    const host = network.attach(timed, left);
    const at = (delayMs: number, deadline: number | undefined): void => {
      network.schedule(delayMs, () => (timed.deadline = deadline), host);
    };
    timed.deadline = 50;
    at(10, 30);
    at(35, 100);
    at(40, 70);
    at(60, 90);
    at(95, 120);
    at(110, undefined);
    network.run(1_000);
    expect(timed.timeouts).toEqual([30, 90]);
  });

  it('refuses to run on when a timer does not advance', () => {
    const network = new Network({ seed: 1, startAt: 0 });
    network.attach(
      {
        handleDatagram: () => undefined,
        handleTimeout: () => undefined,
        pollTransmit: () => undefined,
        nextTimeout: () => 5,
      },
      left,
    );
    expect(() => {
      network.run(10);
    }).toThrow('never comes to rest');
  });

  it('has one host at an address, which others may take when it has gone', () => {
    const network = new Network({ seed: 1 });
    const first = network.attach(new Counter(), left);
    const second = network.attach(new Counter(), right);
    expect(() => network.attach(new Counter(), left)).toThrow('already');
    expect(() => {
      second.moveTo(left);
    }).toThrow('already');
    first.rebind(9);
    second.moveTo(left);
    network.detach(second);
    network.attach(new Counter(), left);
    const ninth = new Counter();
    network.detach(first);
    network.attach(ninth, { ...left, port: 9 });
    network.inject(right, { ...left, port: 9 }, Uint8Array.of(1));
    network.run(100);
    expect(ninth.heard).toBe(1);
  });
});

class Counter implements Protocol {
  deadline: number | undefined;
  polls = 0;
  heard = 0;
  readonly timeouts: number[] = [];

  handleDatagram(): void {
    this.heard += 1;
  }

  handleTimeout(now: number): void {
    this.deadline = undefined;
    this.timeouts.push(now);
  }

  pollTransmit(): undefined {
    this.polls += 1;
  }

  nextTimeout(): number | undefined {
    return this.deadline;
  }
}
