/** What the transport goes through out there, each situation with many seeds on the virtual network. */
import { describe, expect, it } from '@jest/globals';
import { ManualPair } from './testing/manual-pair.js';
import { numbered, numbersOf, SimulatedPair, upTo, type PairOptions, type Side } from './testing/simulated-pair.js';

const seeds = upTo(100);

/** Sends messages of many sizes from both sides, and expects all of them, once and in order, on the other. */
function exchange(pair: SimulatedPair, count: number, limitMs: number): void {
  for (const side of pair.sides) {
    for (let i = 0; i < count; i += 1) side.link.send(numbered(i, 4 + pair.random.below(3_000)));
  }
  expectAllArrive(pair, count, limitMs);
}

function expectAllArrive(pair: SimulatedPair, count: number, limitMs: number): void {
  const done = pair.network.runUntil(
    () => pair.sides.every(({ link, messages }) => messages.length >= count && link.bufferedBytes === 0),
    limitMs,
  );
  for (const side of pair.sides) {
    expect(numbersOf(side.messages)).toEqual(upTo(count));
    expect(side.messages.every((message) => message.subarray(4).every((byte) => byte === (message[3] ?? 0)))).toBe(
      true,
    );
  }
  expect(done).toBe(true);
}

function forEachSeed(options: Omit<PairOptions, 'seed'>, run: (pair: SimulatedPair) => void): void {
  for (const seed of seeds) {
    try {
      run(new SimulatedPair({ seed, ...options }));
    } catch (error) {
      throw new Error(`seed ${String(seed)}`, { cause: error });
    }
  }
}

function expectEnd(side: Side, kind: string): void {
  expect(side.end?.kind).toBe(kind);
  expect(side.link.state).toBe('ended');
  expect(side.endpoint.linkCount).toBe(0);
  expect(side.endpoint.nextTimeout()).toBeUndefined();
}

describe('on a perfect path', () => {
  it('the initiator is established after two round trips, the responder half a one later; both know the path and its time', () => {
    const pair = new SimulatedPair({ seed: 1 });
    const start = pair.network.now;
    expect(pair.establish()).toBe(true);
    expect(pair.network.now - start).toBe(50);
    pair.settle();
    expect(pair.initiator.link.path).toEqual(pair.responder.host.address);
    expect(pair.responder.link.path).toEqual(pair.initiator.host.address);
    expect(pair.initiator.link.rttMs).toBeCloseTo(20);
    expect(pair.initiator.link.state).toBe('established');
  });

  it('what was sent before the link was there follows at once', () => {
    const pair = new SimulatedPair({ seed: 1 });
    pair.initiator.link.send(numbered(0, 10));
    pair.responder.link.send(numbered(0, 10));
    expect(pair.network.runUntil(() => pair.sides.every(({ messages }) => messages.length === 1), 50)).toBe(true);
  });

  it('a hundred small messages of one moment share a few datagrams', () => {
    const pair = new SimulatedPair({ seed: 1 });
    pair.establish();
    pair.settle();
    const before = pair.trace.length;
    for (let i = 0; i < 100; i += 1) pair.initiator.link.send(numbered(i, 100));
    pair.network.runUntil(() => pair.responder.messages.length === 100, 1_000);
    expect(numbersOf(pair.responder.messages)).toEqual(upTo(100));
    expect(pair.trace.slice(before).filter(({ from }) => from === pair.initiator.host.address).length).toBe(9);
  });

  it('an idle link costs nothing at all, and wakes when it is needed', () => {
    const pair = new SimulatedPair({ seed: 1 });
    pair.establish();
    pair.settle();
    const before = pair.trace.length;
    pair.network.run(3_600_000);
    expect(pair.trace.length).toBe(before);
    expect(pair.sides.map(({ link }) => link.state)).toEqual(['established', 'established']);
    expect(pair.sides.map(({ link }) => link.status(pair.network.now).keys.ageMs)).toEqual([undefined, undefined]);
    exchange(pair, 3, 1_000);
  });

  it('a watched link costs a ping and its answer every ten seconds or so, and lives on', () => {
    const pair = new SimulatedPair({ seed: 1, config: { keepAliveMs: 10_000 } });
    pair.establish();
    pair.settle();
    const before = pair.trace.length;
    pair.network.run(600_000);
    expect(pair.sides.map(({ link }) => link.state)).toEqual(['established', 'established']);
    const datagrams = pair.trace.length - before;
    expect(datagrams).toBeGreaterThanOrEqual(60);
    expect(datagrams).toBeLessThanOrEqual(250);
  });
});

describe('the handshake', () => {
  it('gets through 30 % loss', () => {
    forEachSeed({ conditions: { loss: 0.3 } }, (pair) => {
      expect(pair.establish(20_000)).toBe(true);
    });
  });

  it('gets through 30 % corruption, duplication and reordering', () => {
    forEachSeed({ conditions: { corruption: 0.3, duplication: 0.3, reordering: 0.3 } }, (pair) => {
      expect(pair.establish(20_000)).toBe(true);
    });
  });

  it('gets through a path of 750 ms', () => {
    const pair = new SimulatedPair({ seed: 1, conditions: { latencyMs: 375 } });
    expect(pair.establish()).toBe(true);
    exchange(pair, 10, 30_000);
  });

  it('finds the one candidate that works among many that do not', () => {
    const dead = upTo(20).map((i) => ({ address: `203.0.113.${String(i)}`, port: 9 }));
    const pair = new SimulatedPair({
      seed: 1,
      responderCandidates: [...dead, { address: '198.51.100.2', port: 2222 }],
      initiatorCandidates: dead,
    });
    expect(pair.establish(100)).toBe(true);
  });

  it('tries at most 32 candidates', () => {
    const many = upTo(100).map((i) => ({ address: '203.0.113.1', port: i + 1 }));
    const pair = new SimulatedPair({ seed: 1, responderCandidates: many, initiatorCandidates: many });
    pair.network.run(100);
    for (const side of pair.sides) {
      expect(pair.trace.filter(({ from }) => from === side.host.address).length).toBe(32);
    }
  });

  it('is over after ten seconds without an answer, on both sides', () => {
    const pair = new SimulatedPair({ seed: 1, conditions: { blocked: true } });
    pair.network.run(9_999);
    expect(pair.sides.map(({ end }) => end)).toEqual([undefined, undefined]);
    pair.network.run(2);
    for (const side of pair.sides) expectEnd(side, 'no-path');
    const attempts = pair.trace.filter(({ from }) => from === pair.initiator.host.address);
    // At 0, 200, 400, 800 ms and then every half second.
    expect(attempts.map(({ at }) => at - (attempts[0]?.at ?? 0))).toEqual([
      0,
      200,
      400,
      ...upTo(19).map((i) => 800 + 500 * i),
    ]);
    expect(new Set(attempts.map(({ bytes }) => Buffer.from(bytes).toString('hex'))).size).toBe(1);
  });

  it('is over for both when answers do not get back', () => {
    const pair = new SimulatedPair({ seed: 1 });
    pair.network.change({ blocked: true }, { from: '198.51.100.2', to: '192.0.2.1' });
    pair.network.run(10_001);
    for (const side of pair.sides) expectEnd(side, 'no-path');
  });
});

describe('messages arrive once and in order', () => {
  it('when a tenth is lost', () => {
    forEachSeed({ conditions: { loss: 0.1 } }, (pair) => {
      exchange(pair, 30, 60_000);
    });
  });

  it('when datagrams overtake each other', () => {
    forEachSeed({ conditions: { jitterMs: 80, reordering: 0.3, reorderingDelayMs: 150 } }, (pair) => {
      exchange(pair, 30, 60_000);
    });
  });

  it('when half of the datagrams come twice', () => {
    forEachSeed({ conditions: { duplication: 0.5, jitterMs: 30 } }, (pair) => {
      exchange(pair, 30, 60_000);
    });
  });

  it('when everything goes wrong at once', () => {
    const conditions = { loss: 0.2, duplication: 0.1, corruption: 0.1, reordering: 0.2, jitterMs: 40 };
    forEachSeed({ conditions }, (pair) => {
      exchange(pair, 20, 180_000);
    });
  });

  it('when one is a message a moment, in both directions, for a while', () => {
    forEachSeed({ conditions: { loss: 0.05, jitterMs: 10 } }, (pair) => {
      const count = 50;
      for (let i = 0; i < count; i += 1) {
        pair.network.schedule(i * 20, () => {
          for (const { link } of pair.sides) link.send(numbered(i, 60));
        });
      }
      expectAllArrive(pair, count, 60_000);
    });
  });

  it('when there is much to send both ways over a lossy path, with all bounds kept', () => {
    const pair = new SimulatedPair({ seed: 7, conditions: { loss: 0.02, latencyMs: 15 } });
    pair.establish();
    const count = 100;
    for (const { link } of pair.sides) for (let i = 0; i < count; i += 1) link.send(numbered(i, 20_000));
    const done = pair.network.runUntil(() => {
      for (const { link } of pair.sides) {
        expect(link.usage.receiveBytes).toBeLessThanOrEqual(1024 * 1024);
        expect(link.usage.bytesInFlight).toBeLessThanOrEqual(link.usage.windowBytes + 2 * 1_200);
      }
      return pair.sides.every(({ messages }) => messages.length === count);
    }, 300_000);
    expect(done).toBe(true);
    for (const side of pair.sides) expect(numbersOf(side.messages)).toEqual(upTo(count));
  });

  it('when the path is dead for two of every seven seconds', () => {
    const pair = new SimulatedPair({ seed: 3, conditions: { latencyMs: 15 } });
    pair.establish();
    for (let at = 1_000; at < 300_000; at += 7_000) {
      pair.network.schedule(at, () => {
        pair.network.change({ blocked: true });
      });
      pair.network.schedule(at + 2_000, () => {
        pair.network.change({ blocked: false });
      });
    }
    const count = 300;
    for (let i = 0; i < count; i += 1) {
      pair.network.schedule(i * 100, () => {
        for (const { link } of pair.sides) link.send(numbered(i, 1_000));
      });
    }
    expectAllArrive(pair, count, 60_000);
  });

  it('soon after an outage of 25 seconds', () => {
    const pair = new SimulatedPair({ seed: 3 });
    pair.establish();
    pair.settle();
    pair.network.change({ blocked: true });
    for (const { link } of pair.sides) link.send(numbered(0, 100));
    pair.network.run(25_000);
    pair.network.change({ blocked: false });
    expectAllArrive(pair, 1, 5_100);
  });
});

describe('a peer that moves', () => {
  it('is followed to each new address, and nothing is lost', () => {
    forEachSeed({ conditions: { loss: 0.02, jitterMs: 5 } }, (pair) => {
      pair.establish(20_000);
      const count = 60;
      for (let i = 0; i < count; i += 1) {
        pair.network.schedule(i * 50, () => {
          for (const { link } of pair.sides) link.send(numbered(i, 200));
        });
      }
      for (const [turn, delayMs] of [500, 1_200, 2_000].entries()) {
        pair.network.schedule(delayMs, () => {
          pair.initiator.host.moveTo({ address: '192.0.2.1', port: 4_000 + turn });
        });
      }
      expectAllArrive(pair, count, 60_000);
      expect(pair.responder.link.path).toEqual({ address: '192.0.2.1', port: 4_002 });
    });
  });

  it('gets at once what waited for it while it was away', () => {
    const pair = new SimulatedPair({ seed: 1 });
    pair.establish();
    pair.settle();
    pair.network.change({ blocked: true });
    pair.responder.link.send(numbered(0, 10));
    // Probes are seconds apart by now, and the next one is not due for a while.
    pair.network.run(12_000);
    const lastProbe = pair.trace.filter(({ from }) => from === pair.responder.host.address).at(-1)?.at ?? 0;
    pair.network.run(lastProbe + 2_500 - pair.network.now);
    pair.network.change({ blocked: false });
    pair.initiator.host.moveTo({ address: '192.0.2.77', port: 1 });
    pair.initiator.link.send(numbered(0, 10));
    // The new address is asked first, which takes a round trip.
    expect(pair.network.runUntil(() => pair.initiator.messages.length === 1, 50)).toBe(true);
  });

  it('is not followed back by a late packet from the old address', () => {
    const pair = new SimulatedPair({ seed: 1 });
    pair.establish();
    pair.settle();
    const oldAddress = pair.initiator.host.address;
    // Held back on its way, while the peer moves on.
    pair.network.change({ latencyMs: 500 }, { from: oldAddress.address, to: pair.responder.host.address.address });
    pair.initiator.link.send(numbered(0, 10));
    pair.network.run(1);
    pair.network.change({ latencyMs: 10 }, { from: oldAddress.address, to: pair.responder.host.address.address });
    pair.initiator.host.moveTo({ address: oldAddress.address, port: 7_777 });
    pair.initiator.link.send(numbered(1, 10));
    pair.network.run(100);
    expect(pair.responder.link.path?.port).toBe(7_777);
    pair.network.run(1_000);
    expect(numbersOf(pair.responder.messages)).toEqual([0, 1]);
    expect(pair.responder.link.path?.port).toBe(7_777);
  });
});

describe('the end', () => {
  it('comes after 35 seconds when the peer vanishes', () => {
    const pair = new SimulatedPair({ seed: 1 });
    pair.establish();
    pair.settle();
    pair.network.detach(pair.responder.host);
    pair.initiator.link.send(numbered(0, 10));
    pair.network.run(32_000);
    expect(pair.initiator.end).toBeUndefined();
    pair.network.run(4_000);
    expectEnd(pair.initiator, 'lost');
    expect(pair.initiator.link.bufferedBytes).toBeGreaterThan(0);
  });

  it('comes to both when the path is cut, if they watch it', () => {
    const pair = new SimulatedPair({ seed: 1, config: { keepAliveMs: 10_000 } });
    pair.establish();
    pair.network.change({ blocked: true }, { from: '192.0.2.1', to: '198.51.100.2' });
    pair.network.change({ blocked: true }, { from: '198.51.100.2', to: '192.0.2.1' });
    pair.network.run(36_000);
    for (const side of pair.sides) expectEnd(side, 'lost');
  });

  it('is told to the peer, after all that was said before, through loss', () => {
    forEachSeed({ conditions: { loss: 0.2 } }, (pair) => {
      expect(pair.establish(20_000)).toBe(true);
      const start = pair.network.now;
      for (let i = 0; i < 5; i += 1) pair.initiator.link.send(numbered(i, 500));
      pair.initiator.link.close(pair.network.now, 42, 'bye');
      expect(pair.initiator.link.state).toBe('closing');
      expect(() => {
        pair.initiator.link.send(numbered(9, 9));
      }).toThrow(expect.objectContaining({ code: 'LINK_CLOSED' }));
      pair.network.runUntil(() => pair.sides.every(({ endpoint }) => endpoint.linkCount === 0), 60_000);
      expect(pair.network.now - start).toBeLessThan(45_000);
      expect(pair.initiator.end).toEqual({ kind: 'closed', by: 'us', code: 42, reason: 'bye' });
      // With much bad luck every CLOSE is lost, and the peer finds out by itself.
      if (pair.responder.end?.kind !== 'lost') {
        expect(numbersOf(pair.responder.messages)).toEqual(upTo(5));
        expect(pair.responder.end).toEqual({ kind: 'closed', by: 'peer', code: 42, reason: 'bye' });
      }
    });
  });

  it('is quick for both on a perfect path', () => {
    const pair = new SimulatedPair({ seed: 1 });
    pair.establish();
    pair.settle();
    pair.responder.link.close(pair.network.now, 1);
    const gone = pair.network.runUntil(() => pair.responder.endpoint.linkCount === 0, 25);
    expect(gone).toBe(true);
    expect(pair.initiator.end).toEqual({ kind: 'closed', by: 'peer', code: 1, reason: '' });
    pair.network.run(2_000);
    expect(pair.initiator.endpoint.linkCount).toBe(0);
  });

  it('is not waited for longer than three seconds and two', () => {
    const pair = new SimulatedPair({ seed: 1 });
    pair.establish();
    pair.settle();
    pair.network.change({ blocked: true });
    pair.initiator.link.send(numbered(0, 10));
    pair.initiator.link.close(pair.network.now, 1);
    pair.network.run(2_999);
    expect(pair.initiator.end).toBeUndefined();
    pair.network.run(2);
    expect(pair.initiator.end?.kind).toBe('closed');
    pair.network.run(2_000);
    expectEnd(pair.initiator, 'closed');
  });

  it('comes to both who close at once', () => {
    const pair = new SimulatedPair({ seed: 1 });
    pair.establish();
    pair.settle();
    for (const { link } of pair.sides) link.close(pair.network.now, 3);
    pair.network.run(100);
    for (const side of pair.sides) expectEnd(side, 'closed');
  });

  it('has a code of the application, or none', () => {
    const pair = new SimulatedPair({ seed: 1 });
    for (const code of [-1, 0.5, 0x4000, NaN]) {
      expect(() => {
        pair.initiator.link.close(pair.network.now, code);
      }).toThrow(RangeError);
    }
    expect(pair.initiator.link.state).toBe('connecting');
  });

  it('of a link that is still connecting is silent', () => {
    const pair = new SimulatedPair({ seed: 1 });
    pair.initiator.link.close(pair.network.now);
    pair.network.run(20);
    expectEnd(pair.initiator, 'closed');
    expect(pair.trace.filter(({ from }) => from === pair.initiator.host.address)).toEqual([]);
  });

  it('of one that hears late packets is told again, a few times', () => {
    const pair = new SimulatedPair({ seed: 1 });
    pair.establish();
    pair.settle();
    // The CLOSE of the responder never arrives.
    pair.network.change({ blocked: true }, { from: '198.51.100.2', to: '192.0.2.1' });
    pair.responder.link.close(pair.network.now);
    pair.network.run(1);
    const before = pair.trace.length;
    for (let i = 0; i < 30; i += 1) {
      pair.initiator.link.send(numbered(i, 10));
      pair.network.run(20);
    }
    const answers = pair.trace.slice(before).filter(({ from }) => from === pair.responder.host.address);
    expect(answers.length).toBeGreaterThan(8);
    // Eight answers, and a few repetitions by the clock.
    expect(answers.length).toBeLessThanOrEqual(8 + 6);
    pair.network.run(2_000);
    expect(pair.responder.endpoint.linkCount).toBe(0);
  });
});

describe('the simulation', () => {
  it('gives the same run for the same seed, to the byte', () => {
    const run = (seed: number): string => {
      const pair = new SimulatedPair({ seed, conditions: { loss: 0.1, jitterMs: 20, duplication: 0.1 } });
      exchange(pair, 10, 30_000);
      return pair.trace
        .map(({ at, bytes, fate }) => `${String(at)} ${fate} ${Buffer.from(bytes).toString('hex')}`)
        .join();
    };
    expect(run(11)).toBe(run(11));
    expect(run(11)).not.toBe(run(12));
  });
});

describe('with two sides that do not read', () => {
  it('what each has received before still counts for the other', () => {
    const pair = new SimulatedPair({ seed: 1 });
    pair.establish();
    for (const side of pair.sides) {
      side.reads = false;
      for (let i = 0; i < 400; i += 1) side.link.send(numbered(i, 1_000));
    }
    pair.network.run(5_000);
    // 128 KiB of each are read into the other's memory, and acknowledged though nothing more fits.
    for (const { link } of pair.sides) expect(link.bufferedBytes).toBeLessThan(400_000 - 100 * 1024);
    for (const side of pair.sides) {
      side.reads = true;
      side.read();
    }
    expectAllArrive(pair, 400, 60_000);
  });
});

describe('a datagram that is too large for the path', () => {
  it('by now is dropped, and holds up nothing', () => {
    const pair = new SimulatedPair({ seed: 1 });
    pair.establish();
    for (const { link } of pair.sides) link.setMaxDatagramBytes(1_452);
    for (let i = 0; i < 20; i += 1) {
      pair.initiator.link.send(numbered(i, 5_000));
      pair.network.run(50);
    }
    expect(pair.initiator.link.status(pair.network.now).datagramBytes).toBe(1_452);
    pair.initiator.link.streams.sendDatagram(new Uint8Array(1_400));
    pair.initiator.link.setMaxDatagramBytes(1_200);
    pair.initiator.link.streams.sendDatagram(Uint8Array.of(7));
    pair.initiator.link.touch();
    const before = pair.trace.length;
    pair.network.run(1_000);
    expect(pair.responder.events.filter(({ type }) => type === 'datagram')).toEqual([
      { type: 'datagram', bytes: Uint8Array.of(7) },
    ]);
    expect(pair.trace.length - before).toBeLessThan(10);
  });
});

it('a drain is told as soon as what waited has left, and not only when the peer has answered', () => {
  const pair = new ManualPair({ config: { sendBufferBytes: 40_000 } });
  pair.run(100);
  const { initiator } = pair;
  const id = initiator.link.streams.open('files');
  expect(initiator.link.streams.write(id, new Uint8Array(11_000))).toBe(false);
  initiator.link.touch();
  initiator.read();
  // Nothing of it reaches the peer.
  expect(initiator.take().length).toBeGreaterThan(5);
  initiator.read();
  expect(initiator.events).toContainEqual({ type: 'stream-drain', id });
});
