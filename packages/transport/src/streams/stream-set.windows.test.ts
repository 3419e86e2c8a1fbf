/** What holds a sender up, and what lets it go on. */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { eventsOf, exchange, flush, framesOf, packetFrom, pair, type FlyingPacket } from '../testing/stream-pair.js';
import { WindowPool } from './flow-control.js';
import { framedBytes } from './message-framing.js';
import type { StreamEvent } from './stream-event.js';
import { streamLimits } from './stream-limits.js';
import type { StreamSet } from './stream-set.js';

const { messageWindowBytes, streamWindowBytes, linkWindowBytes } = streamLimits;
const besideWindowsBytes = streamLimits.bufferSlackBytes + streamLimits.datagramQueueBytes;
const firstLimitBytes = messageWindowBytes + linkWindowBytes + besideWindowsBytes;

describe('flow control', () => {
  it('holds each stream to its window, all to theirs, and messages to neither', () => {
    const [a, b] = pair();
    const ids = [1, 2, 3].map(() => a.open('chat'));
    for (const id of ids) a.write(id, new Uint8Array(300_000));
    a.sendMessage(new Uint8Array(60_000));
    const sent = new Map<string, number>();
    for (const frames of flush(a, b).map(framesOf)) {
      for (const [, id = '', , , length] of frames.map((text) => text.split(/[ ,]+/))) {
        sent.set(id, (sent.get(id) ?? 0) + Number(length));
      }
    }
    expect(sent.get('0')).toBe(framedBytes(60_000));
    const others = ids.map((id) => sent.get(String(id)) ?? 0);
    expect(Math.max(...others)).toBeLessThanOrEqual(streamWindowBytes);
    expect(others.reduce((sum, bytes) => sum + bytes)).toBe(linkWindowBytes);
    // Without credit for the others, messages still flow.
    a.sendMessage(new Uint8Array(1_000));
    expect(a.hasContent).toBe(true);
    flush(a, b);
    expect(eventsOf(b).filter(({ type }) => type === 'message').length).toBe(2);
  });

  it('stops messages at their window until they are read', () => {
    const [a, b] = pair();
    for (let i = 0; i < 10; i += 1) a.sendMessage(new Uint8Array(60_000));
    flush(a, b);
    expect(a.unacknowledgedBytes).toBe(messageWindowBytes);
    expect(b.receiveCapacityBytes).toBe(messageWindowBytes);
    expect(b.hasContent).toBe(false);
    expect(b.pollEvent()?.type).toBe('message');
    expect(b.hasContent).toBe(false);
    for (let i = 0; i < 3; i += 1) b.pollEvent();
    expect(framesOf(packetFrom(b, a))).toEqual([
      `max-stream-data 0 ${String(4 * framedBytes(60_000) + messageWindowBytes)}`,
    ]);
  });

  it('recovers when limits are lost, with the value of then', () => {
    const [a, b] = pair();
    const file = a.open('files');
    a.write(file, new Uint8Array(1_000_000));
    flush(a, b);
    expect(a.hasContent).toBe(false);
    eventsOf(b);
    const lost = packetFrom(b, a);
    expect(framesOf(lost).sort()).toEqual([
      `max-data ${String(streamWindowBytes + linkWindowBytes)}`,
      `max-stream-data ${String(file)} ${String(2 * streamWindowBytes)}`,
    ]);
    expect(b.hasContent).toBe(false);
    lost.lose();
    expect(b.hasContent).toBe(true);
    flush(b, a);
    flush(a, b);
    expect(a.unacknowledgedBytes).toBe(2 * streamWindowBytes);
    eventsOf(b);
    const newest = packetFrom(b, a);
    // The first was late, not lost; a limit never goes back.
    newest.deliver();
    lost.deliver();
    flush(a, b);
    expect(a.unacknowledgedBytes).toBe(3 * streamWindowBytes);
    expect(framesOf(newest).sort()).toEqual([
      `max-data ${String(2 * streamWindowBytes + linkWindowBytes)}`,
      `max-stream-data ${String(file)} ${String(3 * streamWindowBytes)}`,
    ]);
  });

  it('lets a paused file fill its window, and a chat pass it', () => {
    const [a, b] = pair();
    const file = a.open('files');
    a.write(file, new Uint8Array(600_000));
    flush(a, b);
    expect(b.pollEvent()).toEqual({ type: 'stream', id: file, priority: 'files' });
    b.pause(file);
    expect(eventsOf(b)).toEqual([]);
    for (let i = 0; i < 20; i += 1) {
      a.sendMessage(new Uint8Array(60_000));
      exchange(a, b);
    }
    expect(a.bufferedBytes).toBe(600_000);
    b.resume(file);
    let read = 0;
    const count = (_: StreamSet, event: StreamEvent): void => {
      if (event.type === 'stream-data') read += event.bytes.length;
    };
    for (const event of eventsOf(b)) count(b, event);
    exchange(a, b, count);
    expect(read).toBe(600_000);
  });

  it('gives the credit of a reset stream back', () => {
    const [a, b] = pair();
    for (let i = 0; i < 20; i += 1) {
      const id = a.open('files');
      a.write(id, new Uint8Array(300_000));
      const packets = flush(a, b);
      expect(a.unacknowledgedBytes).toBe(streamWindowBytes);
      for (const packet of packets) packet.acknowledge();
      a.reset(id, 5);
      exchange(a, b, (set, event) => {
        if (set === b && event.type === 'stream-reset') b.end(id);
      });
    }
    expect([a.openStreams, b.openStreams, b.receiveCapacityBytes, a.bufferedBytes]).toEqual([0, 0, 0, 0]);
  });
});

describe('growing windows', () => {
  /** Sends and reads with a round trip of 50 ms. @returns the most that was in flight at once */
  function transfer(a: StreamSet, b: StreamSet, id: number, bytes: number, turnMs = 50): number {
    let most = 0;
    let left = bytes;
    for (let now = 0; left > 0 || a.bufferedBytes > 0; now += turnMs) {
      b.onRoundTrip(now, 50);
      const packets: FlyingPacket[] = [];
      // As much as the windows take in one round trip.
      for (let isFlowing = true; isFlowing; packets.push(...flush(a, b, 8_000))) {
        isFlowing = left > 0 && a.write(id, new Uint8Array(65_536));
        if (left > 0) left -= 65_536;
      }
      most = Math.max(most, a.unacknowledgedBytes);
      eventsOf(b);
      for (const packet of flush(b, a)) packet.acknowledge();
      for (const packet of packets) packet.acknowledge();
      eventsOf(a);
    }
    return most;
  }

  it('carry 70 MB/s at 50 ms, and not more than the bound of a link; what was taken is given back', () => {
    const windowPool = new WindowPool();
    const [a, b] = pair({ sendBufferBytes: 64 * 1024 * 1024, windowPool });
    const before = windowPool.freeBytes;
    const most = transfer(a, b, a.open('files'), 64 * 1024 * 1024);
    expect(b.receiveLimitBytes).toBeLessThanOrEqual(streamLimits.largestLinkBytes + besideWindowsBytes);
    expect(before - windowPool.freeBytes).toBe(b.receiveLimitBytes - firstLimitBytes);
    b.release();
    b.release();
    expect(windowPool.freeBytes).toBe(before);
    expect(most).toBeGreaterThanOrEqual(3_500_000);
  });

  it('stay when they are not used up in eight round trips', () => {
    const [a, b] = pair({ sendBufferBytes: 64 * 1024 * 1024 });
    transfer(a, b, a.open('files'), 8 * 1024 * 1024, 2_000);
    expect(b.receiveLimitBytes).toBe(firstLimitBytes);
  });

  it('stay when the pool has no more', () => {
    const windowPool = new WindowPool(1024 * 1024);
    const [a, b] = pair({ sendBufferBytes: 64 * 1024 * 1024, windowPool });
    transfer(a, b, a.open('files'), 32 * 1024 * 1024);
    expect(b.receiveLimitBytes).toBe(firstLimitBytes + 1024 * 1024);
    expect(windowPool.freeBytes).toBe(0);
  });

  it('grow for messages, too', () => {
    const [a, b] = pair();
    let now = 0;
    for (let i = 0; i < 400; i += 1) {
      a.sendMessage(new Uint8Array(60_000));
      b.onRoundTrip((now += 1), 50);
      exchange(a, b);
    }
    expect(b.receiveLimitBytes).toBeGreaterThan(4 * 1024 * 1024);
  });
});

describe('a file and a chat over a channel that loses and reorders, limits and all', () => {
  it('arrive whole', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 40 }), fc.infiniteStream(fc.nat(99)), (lossPercent, chances) => {
        const [a, b] = pair();
        const file = a.open('files');
        const chance = (): number => chances.next().value as number;
        let [written, read, messages] = [0, 0, 0];
        let flying: FlyingPacket[] = [];
        for (let round = 0; read < 2_000_000 || messages < 50; round += 1) {
          expect(round).toBeLessThan(1_000);
          for (let isFlowing = true; isFlowing && written < 2_000_000; written += 50_000) {
            isFlowing = a.write(file, new Uint8Array(50_000).fill(written / 50_000));
          }
          if (round < 50) a.sendMessage(Uint8Array.of(round, 1));
          while (a.hasContent) flying.push(packetFrom(a, b));
          while (b.hasContent) flying.push(packetFrom(b, a));
          const late: FlyingPacket[] = [];
          for (const packet of flying) {
            if (chance() < lossPercent) packet.lose();
            else if (chance() < 10) late.push(packet);
            else if (packet.deliver()) packet.acknowledge();
            else packet.lose();
          }
          flying = late;
          for (const event of eventsOf(b)) {
            if (event.type === 'stream-data') {
              expect([event.bytes[0], event.bytes.at(-1)]).toEqual([
                Math.floor(read / 50_000),
                Math.floor((read + event.bytes.length - 1) / 50_000),
              ]);
              read += event.bytes.length;
            }
            if (event.type === 'message') expect(event.bytes[0]).toBe(messages++);
          }
          eventsOf(a);
        }
        expect([read, messages]).toEqual([2_000_000, 50]);
      }),
      { numRuns: 10 },
    );
  });
});
