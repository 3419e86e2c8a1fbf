import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { BufferPool } from './buffer-pool.js';
import { DatagramQueue } from './datagram-queue.js';
import { ReceiveMemory, ReceiveWindow, WindowPool } from './flow-control.js';
import { StreamBuffer } from './stream-buffer.js';
import { streamLimits } from './stream-limits.js';

describe('StreamBuffer as a ring', () => {
  it('agrees with a plain array wherever it is written, read, and made smaller', () => {
    const step = fc.tuple(fc.nat(3), fc.nat(9_000), fc.nat(5_000));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const buffer = new StreamBuffer(new BufferPool());
        const model: number[] = [];
        let value = 0;
        for (const [kind, size, ahead] of steps) {
          const { start, end } = buffer;
          if (kind === 0) {
            // Also beyond its end, and over what is there.
            const offset = start + (ahead % (end - start + 500));
            const data = Uint8Array.from({ length: size % 3_000 }, () => (value += 1) & 0xff);
            buffer.write(offset, data);
            data.forEach((byte, i) => (model[offset + i] = byte));
          } else if (kind === 1) {
            buffer.discardTo(start + Math.min(size, end - start));
          } else if (kind === 2) {
            buffer.tighten();
            expect(buffer.capacityBytes).toBeLessThan(end - start + streamLimits.tightStepBytes);
          } else {
            buffer.appendByte(size & 0xff);
            model[end] = size & 0xff;
          }
          for (let offset = buffer.start; offset < buffer.end; offset += 97) {
            if (model[offset] !== undefined) expect(buffer.byteAt(offset)).toBe(model[offset]);
          }
          const length = Math.min(2_000, buffer.end - buffer.start);
          const expected = Array.from({ length }, (_, i) => model[buffer.end - length + i]);
          for (const bytes of [buffer.view(buffer.end - length, length), buffer.copy(buffer.end - length, length)]) {
            expected.forEach((byte, i) => {
              if (byte !== undefined && byte !== bytes[i]) expect(bytes[i]).toBe(byte);
            });
          }
        }
      }),
    );
  });

  it('gives away the array that it was given, whole or not at all', () => {
    const buffer = new StreamBuffer(new BufferPool());
    buffer.write(0, new Uint8Array(10));
    expect(buffer.release()).toBeUndefined();
    expect(() => {
      buffer.adopt(new Uint8Array(10));
    }).toThrow(RangeError);
    buffer.discardTo(10);
    const array = new Uint8Array(10_000).fill(7);
    buffer.adopt(array);
    expect([buffer.start, buffer.end, buffer.capacityBytes, buffer.byteAt(10_009)]).toEqual([10, 10_010, 10_000, 7]);
    expect(buffer.release()).toBe(array);
    expect([buffer.start, buffer.end, buffer.capacityBytes]).toEqual([10_010, 10_010, 0]);
    buffer.adopt(array);
    buffer.discardTo(10_011);
    expect(buffer.release()).toBeUndefined();
    expect(buffer.copy(10_011, 9_999)).toEqual(new Uint8Array(9_999).fill(7));
  });

  it('hands out copies that stay as they are', () => {
    const buffer = new StreamBuffer(new BufferPool());
    const copies: Uint8Array[] = [];
    for (let i = 0; i < 300; i += 1) {
      buffer.write(buffer.end, new Uint8Array(100).fill(i));
      copies.push(buffer.copy(buffer.start, 100));
      buffer.discardTo(buffer.end);
    }
    copies.forEach((bytes, i) => {
      expect(bytes).toEqual(new Uint8Array(100).fill(i));
    });
  });
});

describe('BufferPool', () => {
  it('gives what was given back, of that size only', () => {
    const pool = new BufferPool();
    const array = pool.take(5_000);
    expect(array.length).toBe(8_192);
    pool.give(array);
    expect(pool.take(4_096)).not.toBe(array);
    expect(pool.take(8_192)).toBe(array);
    expect(pool.take(8_192)).not.toBe(array);
  });

  it('keeps no odd sizes, and not more than its bound', () => {
    const pool = new BufferPool();
    const odd = new Uint8Array(5_000);
    pool.give(odd);
    const given = Array.from({ length: 10 }, (): Uint8Array => new Uint8Array(1024 * 1024));
    for (const array of given) pool.give(array);
    const got = Array.from({ length: 10 }, () => pool.take(1024 * 1024));
    expect(got.filter((array) => given.includes(array)).length).toBe(4);
  });
});

describe('ReceiveMemory', () => {
  it('that is scarce is not copied at each packet', () => {
    const memory = new ReceiveMemory(new WindowPool());
    const buffers = [new StreamBuffer(), new StreamBuffer(), new StreamBuffer()];
    let moves = 0;
    for (let filled = 0; filled + 3 * 1_000 <= memory.limitBytes; filled += 3 * 1_000) {
      for (const buffer of buffers) {
        const had = buffer.capacityBytes;
        const needed = buffer.end + 1_000;
        if (needed > had) {
          moves += 1;
          buffer.moveTo(memory.arrayFor(needed, had));
        }
        buffer.write(buffer.end, new Uint8Array(1_000));
        memory.heldBytes += buffer.capacityBytes - had;
        if (memory.heldBytes <= memory.limitBytes) continue;
        for (const each of buffers) each.tighten();
        memory.heldBytes = buffers.reduce((sum, { capacityBytes }) => sum + capacityBytes, 0);
      }
    }
    // Of about 980 writes.
    expect(moves).toBeLessThan(120);
  });
});

describe('ReceiveWindow', () => {
  const windowBytes = streamLimits.messageWindowBytes;

  function window(): readonly [ReceiveWindow, ReceiveMemory] {
    const memory = new ReceiveMemory(new WindowPool());
    return [new ReceiveWindow(windowBytes, memory), memory];
  }

  it.each([
    ['at once', 0, 2],
    ['in eight round trips', 400, 2],
    ['in more', 401, 1],
  ])('read %s is %f ms later %i times as large', (_, laterMs, factor) => {
    const [read, memory] = window();
    memory.roundTripMs = 50;
    read.onConsumed(windowBytes / 2);
    memory.now = laterMs;
    read.onConsumed(windowBytes / 2 - 1);
    expect(read.windowBytes).toBe(windowBytes);
    read.onConsumed(1);
    expect(read.windowBytes).toBe(factor * windowBytes);
  });

  it('does not grow before a round trip is known, nor after the link has ended', () => {
    const [read, memory] = window();
    read.onConsumed(windowBytes);
    expect(read.windowBytes).toBe(windowBytes);
    memory.release();
    memory.roundTripMs = 50;
    read.onConsumed(windowBytes);
    expect(read.windowBytes).toBe(windowBytes);
  });

  it('counts from where it was idle, not from before', () => {
    const [read, memory] = window();
    memory.roundTripMs = 50;
    memory.now = 10_000;
    read.onConsumed(windowBytes);
    expect(read.windowBytes).toBe(windowBytes);
    read.onConsumed(windowBytes);
    expect(read.windowBytes).toBe(2 * windowBytes);
  });

  it('tells of a new limit when half was read', () => {
    const [read] = window();
    let told = 0;
    read.limitFrame = { queue: () => (told += 1) };
    read.onConsumed(windowBytes / 2 - 1);
    expect(told).toBe(0);
    read.onConsumed(1);
    expect(told).toBe(1);
    expect(read.moveLimit()).toBe(1.5 * windowBytes);
    read.onConsumed(1);
    expect(told).toBe(1);
  });
});

describe('DatagramQueue', () => {
  it('is bounded by number and by bytes; the oldest gives way', () => {
    const queue = new DatagramQueue(3, 10);
    expect([1, 2, 3].map((length) => queue.push(new Uint8Array(length)))).toEqual([true, true, true]);
    expect(queue.push(new Uint8Array(4))).toBe(false);
    expect(queue.bytes).toBe(9);
    expect(queue.push(new Uint8Array(7))).toBe(false);
    expect([queue.bytes, queue.shift()?.length, queue.isEmpty]).toEqual([7, 7, true]);
    queue.push(new Uint8Array(11));
    expect([queue.bytes, queue.isEmpty]).toEqual([0, true]);
  });
});
