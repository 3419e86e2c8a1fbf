/** A peer that was introduced and proved who it is, and then breaks the rules. */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { closeCodes } from './errors.js';
import type { Frame } from './wire/frames.js';
import { transportLimits } from './limits.js';
import { closeIn, RawPeer } from './testing/raw-peer.js';

function stream(offset: number, data: Uint8Array | number, end = false, id = 0): Frame {
  return { type: 'stream', id, offset, data: typeof data === 'number' ? new Uint8Array(data).fill(1) : data, end };
}

/** Sends what breaks a rule, and expects the link to end with this code, and to stay ended. */
function expectViolation(peer: RawPeer, answer: readonly Frame[], code: number): void {
  expect(closeIn(answer)?.code).toBe(code);
  expect(peer.events().at(-1)).toMatchObject({ type: 'ended', end: { kind: 'violation', code } });
  expect(peer.link.state).toBe('ended');
  peer.send(stream(0, Uint8Array.of(1, 65)));
  expect(peer.events()).toEqual([]);
}

describe('a peer that', () => {
  it('keeps to the rules is heard', () => {
    const peer = new RawPeer();
    const answer = peer.send({ type: 'ping' }, stream(0, Uint8Array.of(2, 65, 66)));
    expect(answer).toEqual([]);
    expect(peer.events()).toEqual([{ type: 'established' }, { type: 'message', bytes: Uint8Array.of(65, 66) }]);
    peer.now += 25;
    expect(peer.receive()).toEqual([{ type: 'ack', ranges: [{ smallest: 0, largest: 0 }], delayUs: 25_000 }]);
  });

  it('acknowledges what was never sent is closed', () => {
    const peer = new RawPeer();
    const answer = peer.send({ type: 'ack', ranges: [{ smallest: 0, largest: 0 }], delayUs: 0 });
    expectViolation(peer, answer, closeCodes.protocolViolation);
  });

  it('acknowledges one more than was sent is closed, and not before', () => {
    const peer = new RawPeer();
    peer.send({ type: 'ping' });
    peer.link.send(Uint8Array.of(1));
    peer.receive();
    expect(closeIn(peer.send({ type: 'ack', ranges: [{ smallest: 0, largest: 0 }], delayUs: 0 }))).toBeUndefined();
    expect(peer.link.bufferedBytes).toBe(0);
    expectViolation(
      peer,
      peer.send({ type: 'ack', ranges: [{ smallest: 1, largest: 1 }], delayUs: 0 }),
      closeCodes.protocolViolation,
    );
  });

  it('sends beyond the window is closed', () => {
    const peer = new RawPeer();
    expect(closeIn(peer.send(stream(transportLimits.receiveWindowBytes - 1, 1)))).toBeUndefined();
    expectViolation(peer, peer.send(stream(transportLimits.receiveWindowBytes, 1)), closeCodes.flowControl);
  });

  it('claims a huge message is closed when it has said the length', () => {
    const peer = new RawPeer();
    expectViolation(peer, peer.send(stream(0, Uint8Array.of(0x80, 1, 0, 1))), closeCodes.messageSize);
  });

  it('sends an empty message is closed', () => {
    const peer = new RawPeer();
    expectViolation(peer, peer.send(stream(0, Uint8Array.of(0))), closeCodes.messageSize);
  });

  it('opens other streams is closed', () => {
    const peer = new RawPeer();
    expectViolation(peer, peer.send(stream(0, 1, false, 1)), closeCodes.streamState);
  });

  it('goes on after the end of its stream is closed', () => {
    const peer = new RawPeer();
    peer.send(stream(0, Uint8Array.of(1, 65), true));
    expectViolation(peer, peer.send(stream(2, 1)), closeCodes.streamState);
  });

  it.each([
    ['an unknown frame', Uint8Array.of(0x3f)],
    ['a cut frame', Uint8Array.of(0x08, 0)],
    ['a frame of a later version', Uint8Array.of(0x10, 0)],
  ])('sends %s is closed', (_, frames) => {
    const peer = new RawPeer();
    expectViolation(peer, peer.sendBytes(frames), closeCodes.frameEncoding);
  });

  it('had something to say before it broke the rule is heard to that point', () => {
    const peer = new RawPeer();
    peer.send(stream(0, Uint8Array.of(1, 65)), stream(2, Uint8Array.of(0)));
    expect(peer.events().map(({ type }) => type)).toEqual(['established', 'message', 'ended']);
  });

  it('sends a packet with nothing in it does nothing', () => {
    const peer = new RawPeer();
    // The shortest packet that is parsed holds one byte.
    expect(peer.sendBytes(new Uint8Array(0))).toEqual([]);
    expect(peer.events()).toEqual([]);
  });

  it('leaves gap behind gap makes us hold no more than the window', () => {
    const peer = new RawPeer();
    for (let offset = 1; offset < transportLimits.receiveWindowBytes; offset += 7) peer.send(stream(offset, 1));
    expect(peer.link.state).toBe('established');
    expect(peer.link.usage.receiveBytes).toBeLessThanOrEqual(512 * 1024);
    // What is beyond the bound was not taken, and so not acknowledged: the last packet gets no answer.
    expect(peer.send(stream(200_000, 1))).toEqual([]);
    // The gap that all the others wait for is still taken.
    expect(peer.send(stream(0, 1))).toEqual([expect.objectContaining({ type: 'ack' })]);
  });

  it('is not read makes us hold no more than the window', () => {
    const peer = new RawPeer();
    const message = Uint8Array.of(0x44, 0x00, ...new Uint8Array(1_024));
    for (let i = 0; i < 2_000; i += 1) peer.send(stream(i * message.length, message));
    expect(peer.link.usage.receiveBytes).toBeLessThanOrEqual(512 * 1024);
    const taken = peer.events().filter(({ type }) => type === 'message').length;
    expect(taken).toBe(Math.ceil(transportLimits.unreadBytes / message.length));
    // Once read, it goes on where it stopped.
    peer.send(stream(taken * message.length, message));
    expect(peer.events()).toEqual([{ type: 'message', bytes: new Uint8Array(1_024) }]);
  });

  it('pings without end gets an acknowledgement for every second one, and costs no memory', () => {
    const peer = new RawPeer();
    let answers = 0;
    for (let i = 0; i < 5_000; i += 1) answers += peer.send({ type: 'ping' }).length;
    expect(answers).toBe(2_500);
    expect(peer.link.usage).toEqual({ bytesInFlight: 0, windowBytes: 12_000, receiveBytes: 0 });
  });

  it('repeats a packet is not heard twice, nor answered', () => {
    const peer = new RawPeer();
    peer.send({ type: 'ping' });
    const frames = Uint8Array.of(0x08, 0, 0, 2, 1, 65);
    const packet = peer.seal(frames);
    const from = { address: '192.0.2.1', port: 1111 };
    for (let i = 0; i < 3; i += 1) peer.endpoint.handleDatagram(peer.now, from, packet);
    expect(peer.events().filter(({ type }) => type === 'message').length).toBe(1);
    peer.receive();
    for (let i = 0; i < 2; i += 1) peer.endpoint.handleDatagram(peer.now, from, packet);
    expect(peer.receive()).toEqual([]);
  });

  it('never acknowledges anything does not make us send without end', () => {
    const peer = new RawPeer();
    peer.send({ type: 'ping' });
    for (let i = 0; i < 60; i += 1) peer.link.send(new Uint8Array(60_000));
    let datagrams = 0;
    for (let second = 0; second < 34; second += 1) {
      for (let next = peer.endpoint.pollTransmit(peer.now); next; next = peer.endpoint.pollTransmit(peer.now))
        datagrams += 1;
      peer.now += 1_000;
      peer.endpoint.handleTimeout(peer.now);
    }
    // The initial window, and two probes for each timeout.
    expect(datagrams).toBeLessThan(40);
    expect(() => {
      for (let i = 0; i < 60; i += 1) peer.link.send(new Uint8Array(60_000));
    }).toThrow(expect.objectContaining({ code: 'SEND_BUFFER_FULL' }));
    expect(peer.link.bufferedBytes).toBeLessThanOrEqual(4 * 1024 * 1024);
  });

  it('sends any frames at all does not break anything', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 100 }), { maxLength: 20 }), (packets) => {
        const peer = new RawPeer();
        for (const packet of packets) peer.sendBytes(packet);
        expect(peer.link.usage.receiveBytes).toBeLessThanOrEqual(512 * 1024);
        expect(peer.events().filter(({ type }) => type === 'ended').length).toBeLessThanOrEqual(1);
      }),
      { numRuns: 300 },
    );
  });
});
