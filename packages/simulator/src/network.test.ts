import { describe, expect, it } from '@jest/globals';
import { Network, type Address, type NetworkOptions, type Protocol, type TraceRecord } from './network.js';

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
});
