/** A peer that was introduced and proved who it is, and then breaks the rules. */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { closeCodes } from './errors.js';
import { nodeCrypto } from './node/node-crypto.js';
import { streamIdOf } from './streams/stream-id.js';
import { streamLimits } from './streams/stream-limits.js';
import type { LoggedFrame } from './testing/frame-log.js';
import { closeIn, encoded, RawPeer, type RawPeerOptions } from './testing/raw-peer.js';

const mostHeldBytes = 1024 * 1024;
const { messageWindowBytes, streamWindowBytes, linkWindowBytes, openStreams } = streamLimits;

function stream(id: number, offset: number, data: Uint8Array | number, isEnd = false): LoggedFrame {
  return { type: 'stream', id, offset, data: typeof data === 'number' ? new Uint8Array(data).fill(1) : data, isEnd };
}

function ack(...numbers: [number, number][]): LoggedFrame {
  return { type: 'ack', ranges: numbers.map(([smallest, largest]) => ({ smallest, largest })), delayUs: 0 };
}

/** A stream of the hostile initiator. */
function its(ordinal: number, priority = 0): number {
  return streamIdOf(true, priority, ordinal);
}

/** Of what was sent in answer to what breaks a rule: the link has ended with this code, and stays ended. */
function expectViolation(peer: RawPeer, answer: readonly LoggedFrame[], code: number): void {
  expect(closeIn(answer)?.code).toBe(code);
  expect(peer.events().at(-1)).toMatchObject({ type: 'ended', end: { kind: 'violation', code } });
  expect(peer.link.state).toBe('ended');
  expect(peer.link.usage.receiveBytes).toBeLessThanOrEqual(mostHeldBytes);
  peer.send(stream(0, 0, Uint8Array.of(1, 65)));
  expect(peer.events()).toEqual([]);
}

/** Sends each in a packet of its own; only the last breaks a rule. */
function expectLastToViolate(code: number, ...frames: LoggedFrame[]): void {
  const peer = new RawPeer();
  for (const frame of frames.slice(0, -1)) {
    expect(closeIn(peer.send(frame))).toBeUndefined();
    expect(peer.link.state).toBe('established');
  }
  expectViolation(peer, peer.send(...frames.slice(-1)), code);
}

function expectAlive(peer: RawPeer): void {
  expect(peer.link.state).toBe('established');
  expect(peer.link.usage.receiveBytes).toBeLessThanOrEqual(mostHeldBytes);
}

/** Lets time pass in steps, and returns all that the honest side says meanwhile. */
function wait(peer: RawPeer, durationMs: number, stepMs = 100): LoggedFrame[] {
  const frames: LoggedFrame[] = [];
  for (let passed = 0; passed < durationMs; passed += stepMs) {
    peer.now += stepMs;
    frames.push(...peer.receive());
  }
  return frames;
}

describe('a peer that keeps to the rules', () => {
  it.each(['initiator', 'responder'] as const)('is heard, as the %s', (role) => {
    const peer = new RawPeer({ role });
    const answer = peer.send({ type: 'ping' }, stream(0, 0, Uint8Array.of(2, 65, 66)));
    expect(answer).toEqual([]);
    expect(peer.events()).toEqual([{ type: 'established' }, { type: 'message', bytes: Uint8Array.of(65, 66) }]);
    peer.now += 25;
    expect(peer.receive()).toEqual([expect.objectContaining({ type: 'ack', delayUs: 25_000 })]);
  });
});

describe('a peer that acknowledges', () => {
  it('what was never sent is closed', () => {
    expectLastToViolate(closeCodes.protocolViolation, ack([1_000, 1_000]));
  });

  it('one more than was sent is closed, and not before', () => {
    const peer = new RawPeer();
    peer.link.send(Uint8Array.of(1));
    const number = peer.receivePackets()[0]!.number;
    expect(closeIn(peer.send(ack([0, number])))).toBeUndefined();
    expect(peer.link.bufferedBytes).toBe(0);
    expectViolation(peer, peer.send(ack([number + 1, number + 1])), closeCodes.protocolViolation);
  });

  it.each([0, 1, 2])('a number that was left out is closed, and who leaves it out is not (seed %i)', (seed) => {
    const peer = new RawPeer({ seed });
    let last = -1;
    let skipped: number | undefined;
    for (let sent = 0; sent < 1_100 && skipped === undefined; sent += 1) {
      peer.link.send(Uint8Array.of(1));
      for (const { number } of peer.receivePackets()) {
        if (last >= 0 && number > last + 1) skipped = last + 1;
        last = number;
      }
      peer.acknowledge();
    }
    expect(skipped).toBeGreaterThan(500);
    expectAlive(peer);
    expect(closeIn(peer.send(ack([last, last], [skipped! - 1, skipped! - 1])))).toBeUndefined();
    // As one of many, as a sender of optimistic acknowledgements would.
    expectViolation(peer, peer.send(ack([skipped! - 3, last])), closeCodes.protocolViolation);
  });

  it('nothing, ever, does not make us send without end', () => {
    const peer = new RawPeer();
    for (let i = 0; i < 60; i += 1) peer.link.send(new Uint8Array(60_000));
    let datagrams = 0;
    for (let second = 0; second < 34; second += 1) {
      datagrams += peer.receiveDatagrams().length;
      peer.now += 1_000;
    }
    expect(peer.link.state).toBe('established');
    // The initial window, and two probes for each timeout.
    expect(datagrams).toBeGreaterThan(10);
    expect(datagrams).toBeLessThan(60);
    expect(() => {
      for (let i = 0; i < 60; i += 1) peer.link.send(new Uint8Array(60_000));
    }).toThrow(expect.objectContaining({ code: 'SEND_BUFFER_FULL' }));
    // What has not left, and what is in flight.
    expect(peer.link.bufferedBytes).toBeLessThanOrEqual(4 * 1024 * 1024 + peer.link.usage.bytesInFlight);
    peer.now += 2_000;
    peer.receive();
    expect(peer.events().at(-1)).toEqual({ type: 'ended', end: { kind: 'lost' } });
  });
});

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

describe('a peer that sends frames', () => {
  it.each([
    ['of an unknown type', Uint8Array.of(0x3f)],
    ['that are cut', Uint8Array.of(0x08, 0)],
    ['behind a good one, of an unknown type', Uint8Array.of(0x01, 0x21)],
    ['with a number in a longer form than needed', Uint8Array.of(0x10, 0x40, 0x00)],
    ['that is a CLOSE with a reason that is no text', Uint8Array.of(0x1c, 0, 1, 0xff)],
  ])('%s is closed', (_, frames) => {
    const peer = new RawPeer();
    expectViolation(peer, peer.sendBytes(frames), closeCodes.frameEncoding);
  });

  it('in a packet without any does nothing', () => {
    const peer = new RawPeer();
    peer.events();
    // The shortest packet that is looked at holds one byte.
    expect(peer.sendBytes(new Uint8Array(0))).toEqual([]);
    expect(peer.events()).toEqual([]);
    expectAlive(peer);
  });

  it('of no length, without end, costs nothing', () => {
    const peer = new RawPeer();
    for (let i = 0; i < 2_000; i += 1) {
      peer.send(
        stream(0, 0, 0),
        stream(0, messageWindowBytes, 0),
        stream(its(1), streamWindowBytes, 0),
        { type: 'datagram', data: new Uint8Array(0) },
        { type: 'max-data', limit: 0 },
        { type: 'max-stream-data', id: 0, limit: 0 },
        { type: 'max-streams', limit: 0 },
      );
    }
    expectAlive(peer);
    expect(peer.link.usage.receiveBytes).toBe(0);
    const types = peer.events().map(({ type }) => type);
    expect(types.filter((type) => type === 'datagram').length).toBe(streamLimits.datagrams);
    expect(types.filter((type) => type !== 'datagram')).toEqual(['established', 'stream']);
  });

  it('of no length beyond a window is closed', () => {
    expectLastToViolate(closeCodes.flowControl, stream(0, messageWindowBytes + 1, 0));
  });

  it('with limits that mean nothing does no harm', () => {
    const peer = new RawPeer();
    const most = Number.MAX_SAFE_INTEGER;
    peer.send({ type: 'max-data', limit: most }, { type: 'max-stream-data', id: 0, limit: most });
    peer.send({ type: 'max-streams', limit: most }, { type: 'max-data', limit: 0 });
    peer.link.send(new Uint8Array(1_000));
    expect(peer.receive().filter(({ type }) => type === 'stream').length).toBe(1);
    expectAlive(peer);
  });
});

describe('a peer without end', () => {
  it('that pings gets an acknowledgement for every second one at most, and costs no memory', () => {
    const peer = new RawPeer();
    let acks = 0;
    for (let i = 0; i < 5_000; i += 1) {
      const answer = peer.send({ type: 'ping' });
      expect(answer.every(({ type }) => type === 'ack')).toBe(true);
      acks += answer.length;
    }
    expect(acks).toBeGreaterThan(10);
    expect(acks).toBeLessThanOrEqual(2_500);
    expect(peer.link.usage).toMatchObject({ bytesInFlight: 0, receiveBytes: 0 });
    expectAlive(peer);
  });

  it('that challenges the path gets one answer for a packet, and no more than a window of them', () => {
    const peer = new RawPeer();
    let [answers, sentBytes, receivedBytes] = [0, 0, 0];
    for (let i = 0; i < 5_000; i += 1) {
      const challenges = Array.from({ length: 20 }, (_, j): LoggedFrame => {
        return { type: 'path-challenge', data: new Uint8Array(8).fill(j) };
      });
      const packet = peer.seal(encoded(challenges));
      receivedBytes += packet.length;
      peer.deliver(packet);
      for (const { frames } of peer.receivePackets()) {
        const responses = frames.filter((frame) => frame.type === 'path-response');
        answers += responses.length;
        sentBytes += encoded(frames).length;
        // The newest is what counts.
        expect(responses.every(({ data }) => data[0] === 19)).toBe(true);
      }
    }
    expect(answers).toBeGreaterThan(0);
    // It acknowledges nothing: what is in flight ends it.
    expect(answers).toBeLessThan(2_000);
    expect(sentBytes).toBeLessThan(receivedBytes / 3);
    expect(peer.link.usage.bytesInFlight).toBeLessThanOrEqual(peer.link.usage.windowBytes);
    expectAlive(peer);
  });

  it('that answers challenges nobody made changes nothing', () => {
    const peer = new RawPeer();
    for (let i = 0; i < 100; i += 1) peer.send({ type: 'path-response', data: new Uint8Array(8).fill(i) });
    expectAlive(peer);
  });

  it('that leaves gap behind gap makes us hold no more than we allow', () => {
    const peer = new RawPeer();
    for (let offset = 1; offset < messageWindowBytes; offset += 71) {
      peer.send(stream(0, offset, 1));
      expect(peer.link.usage.receiveBytes).toBeLessThanOrEqual(mostHeldBytes);
    }
    expectAlive(peer);
    wait(peer, 100);
    // What is beyond the bound was not taken, and so not acknowledged: the last packet gets no answer.
    expect([...peer.send(stream(0, 200_003, 1)), ...wait(peer, 100)]).toEqual([]);
    // The gap that all the others wait for is still taken.
    expect([...peer.send(stream(0, 0, 1)), ...wait(peer, 100)]).toEqual([expect.objectContaining({ type: 'ack' })]);
  });

  it('that leaves gaps in many streams makes us hold no more than we allow', () => {
    const peer = new RawPeer();
    for (let ordinal = 1; ordinal <= 3; ordinal += 1) {
      for (let offset = 1; offset < 2_100; offset += 2) peer.send(stream(its(ordinal), offset, 1));
      expectAlive(peer);
    }
    // All gaps together are at their limit: another stream has none, and is still heard in order.
    wait(peer, 100);
    expect([...peer.send(stream(its(6), 1, 1)), ...wait(peer, 100)]).toEqual([]);
    expect([...peer.send(stream(its(6), 0, 1)), ...wait(peer, 100)]).toEqual([
      expect.objectContaining({ type: 'ack' }),
    ]);
  });

  it('that sends datagrams which nobody reads makes us keep the newest only, and nothing beside them', () => {
    const peer = new RawPeer();
    peer.events();
    for (let i = 0; i < 200; i += 1) {
      const data = new Uint8Array(1_000).fill(i);
      peer.send({ type: 'datagram', data: data.subarray(0, i < 190 ? 1_000 : 4) });
      expect(peer.link.usage.receiveBytes).toBeLessThanOrEqual(streamLimits.datagramQueueBytes);
    }
    const datagrams = peer.events().flatMap((event) => (event.type === 'datagram' ? [event.bytes] : []));
    expect(datagrams.map(([first]) => first)).toEqual(Array.from({ length: 64 }, (_, i) => 136 + i));
    // A view would keep its whole packet alive.
    expect(datagrams.every((datagram) => datagram.buffer.byteLength === datagram.length)).toBe(true);
  });

  it('that sends the same packet is not heard twice, nor answered', () => {
    const peer = new RawPeer();
    const packet = peer.seal(encoded([stream(0, 0, Uint8Array.of(1, 65))]));
    for (let i = 0; i < 3; i += 1) peer.deliver(packet);
    expect(peer.events().filter(({ type }) => type === 'message').length).toBe(1);
    wait(peer, 100);
    for (let i = 0; i < 2; i += 1) peer.deliver(packet);
    expect(wait(peer, 100)).toEqual([]);
  });

  it('that takes the largest number there is has no number left, and is not answered', () => {
    const peer = new RawPeer();
    peer.sendBytes(encoded([{ type: 'ping' }]), { counter: 2 ** 53 - 1 });
    wait(peer, 100);
    for (const counter of [5, 2 ** 53 - 1, 2 ** 53 - 8_129]) {
      peer.sendBytes(encoded([stream(0, 0, Uint8Array.of(1, 65))]), { counter });
    }
    expect(wait(peer, 100)).toEqual([]);
    expectAlive(peer);
  });
});

describe('a peer with an early packet', () => {
  const early = (role: RawPeerOptions['role'] = 'initiator') => new RawPeer({ role, exchangesPostQuantum: false });
  const unhurried: LoggedFrame[] = [
    stream(0, 0, Uint8Array.of(1, 65)),
    stream(its(1), 0, 1),
    { type: 'max-data', limit: 1_000_000 },
    { type: 'max-stream-data', id: 0, limit: 1_000_000 },
    { type: 'max-streams', limit: 200 },
    { type: 'reset-stream', id: its(1), code: 0, finalSize: 0 },
    { type: 'stop-sending', id: its(1), code: 0 },
    { type: 'datagram', data: Uint8Array.of(1) },
    { type: 'path-challenge', data: new Uint8Array(8) },
    { type: 'path-response', data: new Uint8Array(8) },
  ];

  it.each(unhurried.map((frame) => [frame.type, frame] as const))('that holds %s is closed', (_, frame) => {
    for (const role of ['initiator', 'responder'] as const) {
      const peer = early(role);
      const answer = peer.send(frame);
      expect(closeIn(answer)?.code).toBe(closeCodes.protocolViolation);
      expect(peer.events()).toEqual([
        { type: 'ended', end: expect.objectContaining({ kind: 'violation', code: closeCodes.protocolViolation }) },
      ]);
    }
  });

  it('that holds nothing but what it may is acknowledged', () => {
    const peer = early();
    peer.send({ type: 'ping' });
    peer.now += 25;
    expect(peer.receivePackets()).toEqual([
      { phase: 0, number: 0, frames: [{ type: 'ack', ranges: [{ smallest: 0, largest: 0 }], delayUs: 25_000 }] },
    ]);
    expect(peer.link.state).toBe('connecting');
  });

  it.each([
    ['initiator', 1_184],
    ['responder', 1_088],
  ] as const)('of CRYPTO beyond the message of the %s is closed', (role, length) => {
    const at = (offset: number, bytes: number): LoggedFrame => {
      return { type: 'crypto', offset, data: new Uint8Array(bytes) };
    };
    for (const frame of [at(length, 1), at(length - 1, 2), at(2 ** 52, 1), at(length + 1, 0)]) {
      const peer = early(role);
      expect(closeIn(sendEarly(peer, at(0, 100)))).toBeUndefined();
      expectViolationOf(peer, sendEarly(peer, frame));
    }
  });

  it('of CRYPTO that differs from what came before is closed', () => {
    const peer = early();
    peer.send({ type: 'crypto', offset: 0, data: new Uint8Array(100) });
    expect(closeIn(peer.send({ type: 'crypto', offset: 0, data: new Uint8Array(100) }))).toBeUndefined();
    const other = new Uint8Array(100);
    other[60] = 1;
    expectViolationOf(peer, peer.send({ type: 'crypto', offset: 39, data: other }));
  });

  it('of CRYPTO that is no key of ML-KEM is closed', () => {
    const peer = early();
    peer.send({ type: 'crypto', offset: 0, data: new Uint8Array(1_000).fill(0xff) });
    expectViolationOf(peer, peer.send({ type: 'crypto', offset: 1_000, data: new Uint8Array(184).fill(0xff) }));
  });

  it('of CRYPTO is closed when its keys are the final ones', () => {
    expectLastToViolate(closeCodes.protocolViolation, { type: 'crypto', offset: 0, data: new Uint8Array(0) });
  });

  it('that comes when it has shown its final keys is not read', () => {
    const peer = new RawPeer();
    peer.deliver(peer.seal(encoded([{ type: 'close', code: 1, reason: '' }]), { phase: 0 }));
    expect(wait(peer, 100)).toEqual([]);
    expectAlive(peer);
  });

  function sendEarly(peer: RawPeer, frame: LoggedFrame): LoggedFrame[] {
    return peer.sendBytes(encoded([frame]), { phase: 0 });
  }

  /** `expectViolation` says more, but for keys that the peer has. */
  function expectViolationOf(peer: RawPeer, answer: readonly LoggedFrame[]): void {
    expect(closeIn(answer)?.code).toBe(closeCodes.protocolViolation);
    expect(peer.link.state).toBe('ended');
  }
});

describe('the post-quantum exchange', () => {
  it.each(['initiator', 'responder'] as const)(
    'that the %s leaves out: no content flows, and the link ends',
    (role) => {
      const peer = new RawPeer({ role, exchangesPostQuantum: false });
      peer.link.send(Uint8Array.of(1, 2, 3));
      for (let second = 0; second < 9; second += 1) {
        const frames = [...peer.send({ type: 'ping' }), ...peer.acknowledge(), ...wait(peer, 1_000)];
        expect(frames.filter(({ type }) => type !== 'ack' && type !== 'crypto' && type !== 'ping')).toEqual([]);
        expect(peer.link.state).toBe('connecting');
      }
      peer.now += 1_000;
      expect(peer.receiveDatagrams()).toEqual([]);
      expect(peer.events()).toEqual([{ type: 'ended', end: { kind: 'no-path' } }]);
      expect(peer.endpoint.linkCount).toBe(0);
    },
  );

  it('that is half done: no content flows, and the link ends', () => {
    const peer = new RawPeer({ exchangesPostQuantum: false });
    peer.link.send(Uint8Array.of(1, 2, 3));
    // The first of two packets, again and again.
    const first = peer.nextCrypto().slice();
    for (let second = 0; second < 9; second += 1) {
      const frames = [...peer.sendBytes(first), ...wait(peer, 1_000)];
      expect(frames.every(({ type }) => type === 'ack')).toBe(true);
    }
    peer.now += 1_000;
    peer.receive();
    expect(peer.events()).toEqual([{ type: 'ended', end: { kind: 'no-path' } }]);
  });

  it('with a ciphertext for another key: no content flows', () => {
    const peer = new RawPeer({ role: 'responder', exchangesPostQuantum: false });
    peer.link.send(Uint8Array.of(1, 2, 3));
    // It has the initiator's key, and its own ciphertext does not get there.
    peer.receive();
    expect(peer.session.isFinal).toBe(true);
    const random = (length: number): Uint8Array => new Uint8Array(length).fill(9);
    const { publicKey } = nodeCrypto.mlKem768.generate(random);
    const { ciphertext } = nodeCrypto.mlKem768.encapsulate(publicKey, random)!;
    peer.deliver(peer.seal(encoded([{ type: 'crypto', offset: 0, data: ciphertext }]), { phase: 0 }));
    peer.deliver(peer.seal(encoded([stream(0, 0, Uint8Array.of(1, 65))])));
    expect(() => peer.receive()).toThrow('cannot be opened');
    for (let second = 0; second < 60; second += 1) {
      peer.now += 1_000;
      peer.receiveDatagrams();
    }
    const events = peer.events();
    expect(events.some(({ type }) => type === 'message')).toBe(false);
    expect(events.at(-1)).toMatchObject({ type: 'ended', end: { kind: 'lost' } });
  });

  it.each(['initiator', 'responder'] as const)(
    'that the %s never acknowledges, though it has final keys, does no harm',
    (role) => {
      const peer = new RawPeer({ role, exchangesPostQuantum: false });
      if (role === 'responder') peer.receive();
      for (let frames = peer.nextCrypto(); frames.length > 0; frames = peer.nextCrypto()) {
        peer.sendBytes(frames.slice(), { phase: 0 });
      }
      expect(peer.session.isFinal).toBe(true);
      peer.send(stream(0, 0, Uint8Array.of(1, 65)));
      expect(peer.link.status(peer.now).keys.postQuantum).toEqual({ ours: true, peers: true });
      // Probe timeouts, of packets whose content and whose keys are no more.
      for (const { phase } of waitPackets(peer, 5_000)) expect(phase).toBe(1);
      expectAlive(peer);
      expect(peer.events()).toContainEqual({ type: 'message', bytes: Uint8Array.of(65) });
    },
  );

  function waitPackets(peer: RawPeer, durationMs: number) {
    const end = peer.now + durationMs;
    const packets = [];
    for (; peer.now < end; peer.now += 50) packets.push(...peer.receivePackets());
    return packets;
  }
});

describe('a peer that sends anything at all', () => {
  it('does not break anything', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 100 }), { maxLength: 20 }), (packets) => {
        const peer = new RawPeer();
        for (const packet of packets) peer.sendBytes(packet);
        expect(peer.link.usage.receiveBytes).toBeLessThanOrEqual(mostHeldBytes);
        expect(peer.events().filter(({ type }) => type === 'ended').length).toBeLessThanOrEqual(1);
      }),
      { numRuns: 40 },
    );
  });

  it('does not break anything with frames that are well formed', () => {
    const number = fc.oneof(fc.nat({ max: 40 }), fc.nat({ max: 300_000 }), fc.maxSafeNat());
    const id = fc.nat({ max: 40 });
    const data = fc.uint8Array({ maxLength: 50 });
    const offset = fc.oneof(fc.nat({ max: 60 }), fc.nat({ max: 300_000 }));
    const frame = fc.oneof<fc.Arbitrary<LoggedFrame>[]>(
      fc.record({ type: fc.constant('stream'), id, offset, data, isEnd: fc.boolean() }),
      fc.record({ type: fc.constant('reset-stream'), id, code: number, finalSize: offset }),
      fc.record({ type: fc.constant('stop-sending'), id, code: number }),
      fc.record({ type: fc.constant('max-stream-data'), id, limit: number }),
      fc.record({ type: fc.constant('max-data'), limit: number }),
      fc.record({ type: fc.constant('max-streams'), limit: number }),
      fc.record({ type: fc.constant('datagram'), data }),
      fc.record({ type: fc.constant('path-challenge'), data: fc.uint8Array({ minLength: 8, maxLength: 8 }) }),
      fc.constant({ type: 'ping' }),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(frame, fc.nat({ max: 3 })), { maxLength: 60 }), (steps) => {
        const peer = new RawPeer();
        const events = [];
        for (const [one, then] of steps) {
          peer.send(one);
          expect(peer.link.usage.receiveBytes).toBeLessThanOrEqual(mostHeldBytes);
          if (then === 1) events.push(...peer.events());
          if (then === 2) wait(peer, 500);
          if (then === 3 && peer.link.state === 'established') peer.acknowledge();
        }
        events.push(...peer.events());
        expect(events.filter(({ type }) => type === 'ended').length).toBeLessThanOrEqual(1);
      }),
      { numRuns: 60 },
    );
  });
});
