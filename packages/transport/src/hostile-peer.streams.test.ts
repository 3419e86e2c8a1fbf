/** A peer that was introduced and proved who it is, and then sends more than it may, or contradicts itself. */
import { describe, expect, it } from '@jest/globals';
import { closeCodes } from './errors.js';
import { streamIdOf } from './streams/stream-id.js';
import { streamLimits } from './streams/stream-limits.js';
import type { LoggedFrame } from './testing/frame-log.js';
import { closeIn, RawPeer } from './testing/raw-peer.js';
import {
  expectAlive,
  expectLastToViolate,
  expectViolation,
  its,
  mostHeldBytes,
  stream,
  wait,
} from './testing/rule-breaking.js';

const { messageWindowBytes, streamWindowBytes, linkWindowBytes, openStreams } = streamLimits;

describe('a peer that sends more than it may', () => {
  it('of messages is closed, and not before', () => {
    const within = stream(0, messageWindowBytes - 1, 1);
    expectLastToViolate(closeCodes.flowControl, within, stream(0, messageWindowBytes, 1));
  });

  it('on one stream is closed, and not before', () => {
    const within = stream(its(1), streamWindowBytes - 1, 1);
    expectLastToViolate(closeCodes.flowControl, within, stream(its(1), streamWindowBytes, 1));
  });

  it('on one of our own streams is closed, and not before', () => {
    const peer = new RawPeer();
    const id = peer.link.streams.open('chat');
    peer.link.streams.write(id, Uint8Array.of(1));
    peer.link.touch();
    peer.receive();
    expect(closeIn(peer.send(stream(id, streamWindowBytes - 1, 1)))).toBeUndefined();
    expectViolation(peer, peer.send(stream(id, streamWindowBytes, 1)), closeCodes.flowControl);
  });

  it('on all streams together is closed, and not before; messages do not count', () => {
    const rest = linkWindowBytes - streamWindowBytes;
    const frames = [stream(its(1), streamWindowBytes - 1, 1), stream(its(2), 999, 1)];
    frames.push(stream(0, messageWindowBytes - 1, 1), stream(its(3), rest - 1_000 - 1, 1));
    expectLastToViolate(closeCodes.flowControl, ...frames, stream(its(4), 0, 1));
  });

  it('by what it says it would have sent before a reset is closed', () => {
    const reset = (ordinal: number, finalSize: number): LoggedFrame => {
      return { type: 'reset-stream', id: its(ordinal), code: 1, finalSize };
    };
    expectLastToViolate(closeCodes.flowControl, reset(1, streamWindowBytes + 1));
    // Nobody has read anything, so the streams that were reset still count until then.
    const peer = new RawPeer();
    let answer: LoggedFrame[] = [];
    for (let ordinal = 1; ordinal <= openStreams && !closeIn(answer); ordinal += 1) {
      answer = peer.send(stream(its(ordinal), 200_000, 1));
      expect(peer.link.usage.receiveBytes).toBeLessThanOrEqual(mostHeldBytes);
    }
    expectViolation(peer, answer, closeCodes.flowControl);
  });

  it('is not closed for what the windows allow after something was read', () => {
    const peer = new RawPeer();
    const half = streamWindowBytes / 2;
    let answer: LoggedFrame[] = [];
    for (let offset = 0; offset < half; offset += 1_024) answer = peer.send(stream(its(1), offset, 1_024));
    expect(answer.filter(({ type }) => type === 'max-stream-data')).toEqual([]);
    peer.events();
    const limits = peer.receive().filter((frame) => frame.type === 'max-stream-data');
    expect(limits).toEqual([{ type: 'max-stream-data', id: its(1), limit: half + streamWindowBytes }]);
    expect(closeIn(peer.send(stream(its(1), half + streamWindowBytes - 1, 1)))).toBeUndefined();
    expectViolation(peer, peer.send(stream(its(1), half + streamWindowBytes, 1)), closeCodes.flowControl);
  });
});

describe('a peer with streams', () => {
  it('beyond the limit is closed, and not before', () => {
    const frames = Array.from({ length: openStreams }, (_, i) => stream(its(i + 1), 0, 1));
    expectLastToViolate(closeCodes.streamLimit, ...frames, stream(its(openStreams + 1), 0, 1));
    expectLastToViolate(closeCodes.streamLimit, stream(its(10_000), 0, 1));
    expectLastToViolate(closeCodes.streamLimit, { type: 'max-stream-data', id: its(200), limit: 1 });
  });

  it('ten thousand of them, one after another as it may, costs nothing in the end', () => {
    const peer = new RawPeer();
    let limit: number = openStreams;
    let ends = 0;
    for (let ordinal = 1; ordinal <= 10_000; ordinal += 1) {
      expect(ordinal).toBeLessThanOrEqual(limit);
      const answer = peer.send(stream(its(ordinal, ordinal % 3), 0, 10, true));
      for (const event of peer.events()) {
        if (event.type !== 'stream-end') continue;
        ends += 1;
        peer.link.streams.end(event.id);
      }
      peer.link.touch();
      peer.now += 1;
      for (const frame of [...answer, ...peer.receive(), ...peer.acknowledge()]) {
        if (frame.type === 'max-streams') limit = Math.max(limit, frame.limit);
      }
    }
    expect(ends).toBe(10_000);
    wait(peer, 200);
    peer.acknowledge();
    expectAlive(peer);
    expect(peer.link.streams.openStreams).toBe(0);
    expect(peer.link.usage.receiveBytes).toBe(0);
    expect(peer.link.bufferedBytes).toBe(0);
  }, 60_000);

  it('as many as it may have, with a byte at the far end of each, makes us hold 1 MiB at most', () => {
    const peer = new RawPeer();
    const far = Math.floor(linkWindowBytes / openStreams) - 1;
    for (let ordinal = 1; ordinal <= openStreams; ordinal += 1) {
      peer.send(stream(its(ordinal), far, 1));
      peer.send(stream(its(ordinal), Math.floor(far / 2), 1));
      expectAlive(peer);
    }
    for (let offset = 3; offset < messageWindowBytes; offset += 1_000) {
      peer.send(stream(0, offset, 1));
      peer.send({ type: 'datagram', data: new Uint8Array(1_100) });
      expectAlive(peer);
    }
  });

  it('it left half open and opened again is closed', () => {
    // Ordinal 5 is taken, whatever the priority.
    expectLastToViolate(closeCodes.streamState, stream(its(5, 0), 0, 1), stream(its(5, 2), 0, 1));
  });

  it.each([
    ['of a priority that does not exist', stream(its(1, 3), 0, 1)],
    ['with the ordinal 0', stream(2, 0, 1)],
    ['with the ordinal 0, of ours', stream(1, 0, 1)],
    ['of ours that we never opened', stream(streamIdOf(false, 0, 1), 0, 1)],
    ['of ours that we never opened, to reset it', { type: 'reset-stream', id: 9, code: 0, finalSize: 0 } as const],
    ['of ours that we never opened, to stop it', { type: 'stop-sending', id: 9, code: 0 } as const],
    ['of ours that we never opened, with a limit', { type: 'max-stream-data', id: 9, limit: 1 } as const],
    ['of messages that ends', stream(0, 0, Uint8Array.of(1, 65), true)],
    ['of messages that is reset', { type: 'reset-stream', id: 0, code: 0, finalSize: 0 } as const],
    ['of messages that it wants no more of', { type: 'stop-sending', id: 0, code: 0 } as const],
  ])('%s is closed', (_, frame) => {
    expectLastToViolate(closeCodes.streamState, frame);
  });
});

describe('a peer that contradicts itself about the end of a stream', () => {
  const end = stream(its(1), 10, 5, true);
  const reset = (finalSize: number): LoggedFrame => ({ type: 'reset-stream', id: its(1), code: 7, finalSize });

  it.each([
    ['data behind its end', [end, stream(its(1), 15, 1)]],
    ['an end that moves on', [end, stream(its(1), 16, 0, true)]],
    ['an end that moves back', [end, stream(its(1), 14, 0, true)]],
    ['an end before its data', [stream(its(1), 20, 1), stream(its(1), 10, 5, true)]],
    ['a reset before its data', [stream(its(1), 20, 1), reset(20)]],
    ['a reset before its end', [end, reset(14)]],
    ['a reset behind its end', [end, reset(16)]],
    ['another end than its reset', [reset(15), stream(its(1), 15, 1, true)]],
    ['data behind its reset', [reset(15), stream(its(1), 15, 1)]],
    ['two resets', [reset(15), reset(16)]],
  ])('by %s is closed', (_, frames) => {
    expectLastToViolate(closeCodes.streamState, ...frames);
  });

  it('is not closed for what agrees, or comes late', () => {
    const peer = new RawPeer();
    for (const frame of [end, end, stream(its(1), 0, 10), stream(its(1), 12, 3), reset(15), reset(15)])
      peer.send(frame);
    expectAlive(peer);
    // All of it had come before the reset, and is not lost by it.
    const data = peer.events().flatMap((event) => (event.type === 'stream-data' ? [...event.bytes] : []));
    expect(data).toEqual(Array<number>(15).fill(1));
  });
});

describe('a peer with messages', () => {
  it('that are too long is closed when it has said the length', () => {
    expectLastToViolate(closeCodes.messageSize, stream(0, 0, Uint8Array.of(0x80, 1, 0, 1)));
  });

  it('of no bytes is closed', () => {
    expectLastToViolate(closeCodes.messageSize, stream(0, 0, Uint8Array.of(0)));
  });

  it('is heard up to where it broke the rule', () => {
    const peer = new RawPeer();
    peer.send(stream(0, 0, Uint8Array.of(1, 65)), stream(0, 2, Uint8Array.of(0)));
    expect(peer.events().map(({ type }) => type)).toEqual(['established', 'message', 'ended']);
  });

  it('that nobody reads makes us hold no more than the window, and is closed beyond it', () => {
    const peer = new RawPeer();
    const message = Uint8Array.of(0x44, 0x00, ...new Uint8Array(1_024));
    let taken = 0;
    for (; (taken + 1) * message.length <= messageWindowBytes; taken += 1) {
      peer.send(stream(0, taken * message.length, message));
      expectAlive(peer);
    }
    const answer = peer.send(stream(0, taken * message.length, message));
    expect(closeIn(answer)?.code).toBe(closeCodes.flowControl);
    expect(peer.events().filter(({ type }) => type === 'message').length).toBe(taken);
  });
});
