/** A peer that breaks the rules before its keys are final, or leaves the post-quantum exchange out. */
import { describe, expect, it } from '@jest/globals';
import { closeCodes } from './errors.js';
import { nodeCrypto } from './node/node-crypto.js';
import type { LoggedFrame } from './testing/frame-log.js';
import { closeIn, encoded, RawPeer, type RawPeerOptions } from './testing/raw-peer.js';
import { expectAlive, expectLastToViolate, its, stream, wait } from './testing/rule-breaking.js';

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
