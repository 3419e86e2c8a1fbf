/** What a peer may not do with streams, one by one, and what it can make us hold. */
import { describe, expect, it } from '@jest/globals';
import { closeCodes, Violation } from '../errors.js';
import { BufferPool } from './buffer-pool.js';
import { WindowPool } from './flow-control.js';
import { eventsOf, newSet, packetFrom } from '../testing/stream-pair.js';
import { streamIdOf } from './stream-id.js';
import { streamLimits } from './stream-limits.js';
import type { StreamSet } from './stream-set.js';

const { messageWindowBytes, streamWindowBytes, linkWindowBytes, openStreams, streamGaps, linkGaps } = streamLimits;
const mebibyte = 1024 * 1024;
/** In buffers, for a peer that has earned nothing; the objects that go with them fit into the rest of 1 MiB. */
const mostHeldBytes = 768 * 1024;

/** Of the peer, which is the initiator here. */
function theirs(ordinal: number, priority = 0): number {
  return streamIdOf(true, priority, ordinal);
}

function ours(ordinal: number, priority = 0): number {
  return streamIdOf(false, priority, ordinal);
}

function bytes(length: number): Uint8Array {
  return new Uint8Array(length).fill(1);
}

/** The code with which the link ends, when the last of these happens. */
function violation(...steps: readonly ((set: StreamSet) => void)[]): number | undefined {
  const set = newSet('responder');
  for (const [i, step] of steps.entries()) {
    try {
      step(set);
    } catch (error) {
      if (!(error instanceof Violation) || i < steps.length - 1) throw error;
      return error.code;
    }
  }
  return undefined;
}

const data =
  (id: number, offset: number, length: number, isEnd = false) =>
  (set: StreamSet): void => {
    set.onStream(id, offset, bytes(length), isEnd);
  };
const reset =
  (id: number, finalSize: number) =>
  (set: StreamSet): void => {
    set.onResetStream(id, 1, finalSize);
  };
const stop =
  (id: number) =>
  (set: StreamSet): void => {
    set.onStopSending(id, 1);
  };
const limit =
  (id: number) =>
  (set: StreamSet): void => {
    set.onMaxStreamData(id, 1_000_000);
  };

/** Counts the arrays that others have taken the place of. */
class CountingBuffers extends BufferPool {
  movedBytes = 0;

  override give(array: Uint8Array): void {
    this.movedBytes += array.length;
    super.give(array);
  }
}

class CountingPool extends WindowPool {
  override readonly buffers = new CountingBuffers();
}

describe('a violation is', () => {
  it.each([
    ['of the message stream', data(0, messageWindowBytes - 1, 1), data(0, messageWindowBytes, 1)],
    ['of a stream', data(theirs(1), streamWindowBytes - 1, 1), data(theirs(1), streamWindowBytes, 1)],
    ['of a stream, by no bytes', data(theirs(1), streamWindowBytes, 0), data(theirs(1), streamWindowBytes + 1, 0)],
    ['of a stream, by a reset', reset(theirs(1), streamWindowBytes), reset(theirs(2), streamWindowBytes + 1)],
    ['far beyond', data(theirs(1), 0, 1), data(theirs(1), 2 ** 53 - 2, 1)],
  ])('data beyond the window %s', (_, allowed, forbidden) => {
    expect(violation(allowed)).toBeUndefined();
    expect(violation(allowed, forbidden)).toBe(closeCodes.flowControl);
  });

  it.each([
    ['data', data(theirs(3), linkWindowBytes - streamWindowBytes - 1_000, 1)],
    ['a reset', reset(theirs(3), linkWindowBytes - streamWindowBytes - 1_000 + 1)],
  ])('more than all streams may have, by %s', (_, forbidden) => {
    const before = [
      data(theirs(1), streamWindowBytes - 1, 1),
      reset(theirs(2), 1_000),
      data(theirs(3), linkWindowBytes - streamWindowBytes - 1_000 - 1, 1),
    ];
    // A reset stream is thrown away, but the limit moves only when the peer is told.
    expect(violation(...before)).toBeUndefined();
    expect(violation(...before, forbidden)).toBe(closeCodes.flowControl);
    // The message stream does not count.
    expect(violation(...before, data(0, 1, messageWindowBytes - 1))).toBeUndefined();
  });

  it.each([
    ['data beyond the end', [data(theirs(1), 0, 10, true), data(theirs(1), 10, 1)]],
    ['an end that comes earlier', [data(theirs(1), 0, 10, true), data(theirs(1), 0, 9, true)]],
    ['an end that comes later', [data(theirs(1), 0, 10, true), data(theirs(1), 10, 1, true)]],
    ['an end before data that came', [data(theirs(1), 20, 5), data(theirs(1), 0, 10, true)]],
    ['a reset before data that came', [data(theirs(1), 20, 5), reset(theirs(1), 24)]],
    ['a reset that contradicts the end', [data(theirs(1), 0, 10, true), reset(theirs(1), 11)]],
    ['a reset that contradicts another', [reset(theirs(1), 11), reset(theirs(1), 12)]],
    ['data beyond a reset', [reset(theirs(1), 11), data(theirs(1), 11, 1)]],
    ['the end of the message stream', [data(0, 0, 0, true)]],
    ['a reset of the message stream', [reset(0, 0)]],
    ['stopping the message stream', [stop(0)]],
    ['priority 3', [data(theirs(1, 3), 0, 1)]],
    ['ordinal 0', [data(theirs(0, 1), 0, 1)]],
    ['ordinal 0 of ours', [data(ours(0), 0, 1)]],
    ['data on a stream of ours that was never opened', [data(ours(1), 0, 1)]],
    ['a reset of one', [reset(ours(1), 0)]],
    ['stopping one', [stop(ours(1))]],
    ['a limit for one', [limit(ours(1))]],
    ['two streams with one ordinal', [data(theirs(1, 0), 0, 1), data(theirs(1, 2), 0, 1)]],
  ])('%s', (_, steps) => {
    expect(violation(...steps)).toBe(closeCodes.streamState);
  });

  it.each([
    ['data', data],
    ['a reset', reset],
    ['stopping', stop],
    ['a limit', limit],
  ])('a stream too many, by %s', (_, frame) => {
    expect(violation(frame(theirs(openStreams), 0, 0))).toBeUndefined();
    expect(violation(frame(theirs(openStreams + 1), 0, 0))).toBe(closeCodes.streamLimit);
  });

  it('no message, or one that is too long', () => {
    const of = (...content: number[]) =>
      violation((set) => {
        set.onStream(0, 0, Uint8Array.from(content), false);
      });
    expect(of(0x80, 0x01, 0x00, 0x00)).toBeUndefined();
    expect(of(0x80, 0x01, 0x00, 0x01)).toBe(closeCodes.messageSize);
    expect(of(0)).toBe(closeCodes.messageSize);
    expect(of(0x40, 5)).toBe(closeCodes.frameEncoding);
  });

  it('not what is merely late', () => {
    const set = newSet('responder');
    const id = theirs(1);
    set.onStream(id, 0, bytes(10), true);
    eventsOf(set);
    set.end(id);
    packetFrom(set, newSet('initiator')).acknowledge();
    expect(set.openStreams).toBe(0);
    for (const frame of [data(id, 0, 10, true), reset(id, 10), stop(id), limit(id)]) frame(set);
    expect([set.openStreams, eventsOf(set)]).toEqual([0, []]);
  });
});

describe('a hostile peer', () => {
  it('that opens 10,000 streams is refused at the limit', () => {
    const set = newSet('responder');
    let opened = 0;
    expect(() => {
      for (let ordinal = 1; ordinal <= 10_000; ordinal += 1) {
        set.onStream(theirs(ordinal), 0, bytes(1), false);
        opened += 1;
      }
    }).toThrow(Violation);
    expect([opened, set.openStreams]).toEqual([openStreams, openStreams]);
  });

  it('that opens, resets and stops streams makes no pile of events', () => {
    const set = newSet('responder');
    const peer = newSet('initiator');
    let opened = 0;
    expect(() => {
      for (let ordinal = 1; ordinal <= 10_000; ordinal += 1) {
        set.onResetStream(theirs(ordinal), 1, 0);
        set.onStopSending(theirs(ordinal), 1);
        opened += 1;
        while (set.hasContent) packetFrom(set, peer).acknowledge();
      }
    }).toThrow(Violation);
    expect(opened).toBe(openStreams);
    expect(eventsOf(set).length).toBe(3 * openStreams);
    expect(set.openStreams).toBe(0);
  });

  it('that sends frames without data changes nothing but that the stream is open', () => {
    const set = newSet('responder');
    for (let offset = 0; offset < 10_000; offset += 1) set.onStream(theirs(1), offset * 2, bytes(0), false);
    expect([set.receiveCapacityBytes, set.openStreams, set.takeRefusal(), set.hasContent]).toEqual([
      0,
      1,
      false,
      false,
    ]);
    // The end may still be before all of them.
    set.onStream(theirs(1), 3, bytes(0), true);
  });

  it('that leaves gaps is not acknowledged beyond the bound of a stream, but what fills a gap is taken', () => {
    const set = newSet('responder');
    for (let i = 1; i <= streamGaps; i += 1) set.onStream(theirs(1), i * 2, bytes(1), false);
    expect(set.takeRefusal()).toBe(false);
    set.onStream(theirs(1), 100_000, bytes(1), false);
    expect([set.takeRefusal(), set.takeRefusal()]).toEqual([true, false]);
    set.onStream(theirs(1), 3, bytes(1), false);
    set.onStream(theirs(1), 0, bytes(3), false);
    expect(set.takeRefusal()).toBe(false);
    eventsOf(set);
    set.onStream(theirs(1), 100_000, bytes(1), false);
    expect(set.takeRefusal()).toBe(false);
    // What was refused was not taken: an end there would contradict it.
    const other = newSet('responder');
    for (let i = 1; i <= streamGaps; i += 1) other.onStream(theirs(1), i * 2, bytes(1), false);
    other.onStream(theirs(1), 100_000, bytes(1), true);
    other.onStream(theirs(1), 0, bytes(3_000), true);
  });

  it('that leaves gaps on many streams is not acknowledged beyond the bound of a link; closed streams free theirs', () => {
    const set = newSet('responder');
    const each = 100;
    const full = Math.ceil(linkGaps / each);
    for (let i = 0; i < linkGaps; i += 1) {
      set.onStream(theirs(1 + Math.floor(i / each)), (1 + (i % each)) * 2, bytes(1), false);
    }
    expect(set.takeRefusal()).toBe(false);
    set.onStream(theirs(full + 1), 2, bytes(1), false);
    expect(set.takeRefusal()).toBe(true);
    set.onStream(0, 2, bytes(1), false);
    expect(set.takeRefusal()).toBe(true);
    set.onResetStream(theirs(1), 1, 1_000);
    set.onStream(0, 2, bytes(1), false);
    expect(set.takeRefusal()).toBe(false);
  });

  it.each([
    ['whole windows', 1, streamWindowBytes, 0],
    ['many middling streams', 1, 5_600, 0],
    ['single bytes far out', 1, 1, 5_599],
    ['a little more than half of a power of two', 1, 131_100, 0],
  ])('that fills everything, with %s, makes us hold 768 KiB at most', (_, first, length, offset) => {
    const set = newSet('responder');
    const hold = (): void => {
      expect(set.receiveCapacityBytes).toBeLessThanOrEqual(mostHeldBytes);
    };
    for (let at = 0; at < 64; at += 1) {
      set.onDatagram(bytes(1_400));
      hold();
    }
    // Messages that nobody reads: one that never ends, and then its window to the end.
    set.onStream(0, 0, Uint8Array.of(0x80, 0x01, 0, 0), false);
    for (let at = 4; at < messageWindowBytes - 1_024; at += 1_021) {
      if (at < 65_536 - 1_021) set.onStream(0, at, bytes(1_021), false);
      hold();
    }
    set.onStream(0, messageWindowBytes - 1, bytes(1), false);
    hold();
    let left: number = linkWindowBytes;
    for (let ordinal = first; ordinal <= openStreams && left > 0; ordinal += 1) {
      const most = Math.min(left, length + offset);
      // In order, in small packets, so that buffers grow step by step.
      for (let at = offset; at < most; at += 1_168) {
        set.onStream(theirs(ordinal), at, bytes(Math.min(1_168, most - at)), false);
        hold();
      }
      left -= most;
    }
    expect(set.receiveCapacityBytes).toBeGreaterThan(mebibyte / 2);
  });

  it('that leaves a little of each stream unreadable holds no more either', () => {
    const set = newSet('responder');
    const peer = newSet('initiator');
    set.onRoundTrip(0, 50);
    for (let ordinal = 1; ordinal <= openStreams; ordinal += 1) {
      // All but one byte is read at once, so the limits move; a byte beyond a gap stays.
      const most = streamWindowBytes - 2;
      for (let at = 0; at < most; at += 60_000) {
        set.onStream(theirs(ordinal), at, bytes(Math.min(60_000, most - at)), false);
        expect(set.receiveCapacityBytes).toBeLessThanOrEqual(mostHeldBytes);
      }
      set.onStream(theirs(ordinal), most + 1, bytes(1), false);
      set.onRoundTrip(ordinal * 1_000, 50);
      eventsOf(set);
      while (set.hasContent) packetFrom(set, peer);
      expect(set.receiveCapacityBytes).toBeLessThanOrEqual(mostHeldBytes);
    }
    expect(set.receiveLimitBytes).toBe(mostHeldBytes);
  });

  it.each([3, 20, 100, 127])(
    'that spends the last bytes of its windows one by one, on %i streams, has us copy little',
    (streams) => {
      const windowPool = new CountingPool();
      const set = newSet('responder', { windowPool });
      set.onStream(0, messageWindowBytes - 1, bytes(1), false);
      let left = 60_000;
      const at = Array.from({ length: streams }, () =>
        Math.min(streamWindowBytes - left, Math.floor((linkWindowBytes - left) / streams)),
      );
      for (const [i, end] of at.entries()) set.onStream(theirs(i + 1), end - 1, bytes(1), false);
      for (; left > 0; left -= 1) {
        const i = left % streams;
        set.onStream(theirs(i + 1), at[i] ?? 0, bytes(1), false);
        at[i] = (at[i] ?? 0) + 1;
        expect(set.receiveCapacityBytes).toBeLessThanOrEqual(mostHeldBytes);
      }
      expect(windowPool.buffers.movedBytes).toBeLessThan(16 * mebibyte);
    },
  );

  it.each([
    ['messages', 0],
    ['one stream', 1],
    ['two streams', 2],
  ])(
    'that allows everything and acknowledges all but the first packet has us keep a bounded part of %s',
    (_, streams) => {
      const set = newSet('responder', { sendBufferBytes: 4 * mebibyte });
      const peer = newSet('initiator');
      set.onMaxData(2 ** 53 - 1);
      set.onMaxStreamData(0, 2 ** 53 - 1);
      const ids = Array.from({ length: streams }, () => set.open('files'));
      for (const id of ids) set.onMaxStreamData(id, 2 ** 53 - 1);
      const kept = new Set<number>();
      for (let round = 0; round < 400; round += 1) {
        // Until what is written no longer leaves.
        if (set.bufferedBytes - set.unacknowledgedBytes > mebibyte) break;
        if (streams === 0) set.sendMessage(bytes(65_000));
        for (const id of ids) set.write(id, bytes(65_000));
        for (let i = 0; set.hasContent; i += 1) {
          const packet = packetFrom(set, peer, 60_000);
          // The first of each stream is kept back.
          if (kept.size < Math.max(1, streams)) kept.add(kept.size);
          else packet.acknowledge();
        }
      }
      expect(set.unacknowledgedBytes).toBe(16 * mebibyte);
    },
  );
});
