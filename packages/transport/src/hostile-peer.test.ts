/** A peer that was introduced and proved who it is, and then breaks the rules. */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { closeCodes } from './errors.js';
import { streamLimits } from './streams/stream-limits.js';
import type { LoggedFrame } from './testing/frame-log.js';
import { closeIn, encoded, RawPeer } from './testing/raw-peer.js';
import {
  ack,
  expectAlive,
  expectLastToViolate,
  expectViolation,
  its,
  mostHeldBytes,
  stream,
  wait,
} from './testing/rule-breaking.js';

const { messageWindowBytes, streamWindowBytes } = streamLimits;

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

  it('that challenges the path gets one answer for a packet, which is in no flight', () => {
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
    expect(answers).toBe(5_000);
    expect(sentBytes).toBeLessThan(receivedBytes / 3);
    expect(peer.link.usage.bytesInFlight).toBe(0);
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
