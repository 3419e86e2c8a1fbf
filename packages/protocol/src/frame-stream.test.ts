import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MalformedError } from './byte-codec.js';
import { FrameStream, type FrameBatch } from './frame-stream.js';
import { limits } from './limits.js';

/** Sends everything `from` has; a batch in `lost` does not arrive. */
function transfer(from: FrameStream, to: FrameStream, isLost: () => boolean = () => false): string[] {
  const taken: string[] = [];
  do {
    const batch = from.nextBatch();
    if (isLost()) return taken;
    taken.push(...to.accept(batch));
  } while (from.hasMore);
  return taken;
}

describe('a frame stream', () => {
  it('hands out each frame once, and keeps it until the other end has it', () => {
    const [here, there] = [new FrameStream(), new FrameStream()];
    here.push('aa');
    here.push('b');
    expect(transfer(here, there)).toEqual(['aa', 'b']);
    expect(here.nextBatch()).toEqual({ first: 3, frames: [], received: 0 });
    expect(here.keptCharacters).toBe(3);
    here.acknowledge(there.received);
    expect(here.keptCharacters).toBe(0);
  });

  it('goes on over a new connection: nothing is lost, nothing is taken twice, whatever was lost with the old one', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ fromHere: fc.boolean(), frames: fc.integer({ max: 70, min: 0 }), lost: fc.boolean() })),
        (steps) => {
          const ends = [new FrameStream(), new FrameStream()] as const;
          const sent: [string[], string[]] = [[], []];
          const taken: [string[], string[]] = [[], []];
          const pass = (from: 0 | 1, lost: boolean): void => {
            taken[from === 0 ? 1 : 0].push(...transfer(ends[from], ends[from === 0 ? 1 : 0], () => lost));
          };
          const reconnect = (): void => {
            for (const end of ends) end.rewind();
            pass(0, false);
            pass(1, false);
            pass(0, false);
          };
          for (const { fromHere, frames, lost } of steps) {
            const from = fromHere ? 0 : 1;
            for (let i = 0; i < frames; i += 1) {
              const frame = `${String(from)}-${String(sent[from].length)}`;
              sent[from].push(frame);
              ends[from].push(frame);
            }
            pass(from, lost);
            if (lost) reconnect();
          }
          reconnect();
          expect(taken).toEqual([sent[1], sent[0]]);
          expect(ends.map((end) => end.keptCharacters)).toEqual([0, 0]);
        },
      ),
    );
  });

  it('cuts batches so that they fit a line', () => {
    const stream = new FrameStream();
    const large = 'x'.repeat(limits.frameCharacters);
    for (let i = 0; i < 3; i += 1) stream.push(large);
    for (let i = 0; i < limits.batchFrames + 1; i += 1) stream.push('y');
    const sizes: number[] = [];
    while (stream.hasMore) sizes.push(stream.nextBatch().frames.length);
    expect(sizes).toEqual([2, 1 + limits.batchFrames - 1, 2]);
  });

  it.each<[string, FrameBatch]>([
    ['a gap', { first: 2, frames: ['x'], received: 0 }],
    ['an acknowledgement of what was never sent', { first: 1, frames: [], received: 1 }],
  ])('refuses %s, and takes nothing of it', (_, batch) => {
    const stream = new FrameStream();
    expect(() => stream.accept(batch)).toThrow(MalformedError);
    expect(stream.received).toBe(0);
  });

  it('takes an older acknowledgement for what it is', () => {
    const stream = new FrameStream();
    stream.push('a');
    stream.push('b');
    stream.nextBatch();
    stream.acknowledge(2);
    stream.acknowledge(1);
    expect(stream.nextBatch()).toEqual({ first: 3, frames: [], received: 0 });
  });
});
