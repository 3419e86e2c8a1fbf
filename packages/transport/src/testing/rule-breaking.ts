/** What the tests of peers that break the rules have in common. */
import { expect } from '@jest/globals';
import { closeIn, RawPeer } from './raw-peer.js';
import { streamIdOf } from '../streams/stream-id.js';
import type { LoggedFrame } from './frame-log.js';

export const mostHeldBytes = 1024 * 1024;

export function stream(id: number, offset: number, data: Uint8Array | number, isEnd = false): LoggedFrame {
  return { type: 'stream', id, offset, data: typeof data === 'number' ? new Uint8Array(data).fill(1) : data, isEnd };
}

export function ack(...numbers: [number, number][]): LoggedFrame {
  return { type: 'ack', ranges: numbers.map(([smallest, largest]) => ({ smallest, largest })), delayUs: 0 };
}

/** A stream of the hostile initiator. */
export function its(ordinal: number, priority = 0): number {
  return streamIdOf(true, priority, ordinal);
}

/** Of what was sent in answer to what breaks a rule: the link has ended with this code, and stays ended. */
export function expectViolation(peer: RawPeer, answer: readonly LoggedFrame[], code: number): void {
  expect(closeIn(answer)?.code).toBe(code);
  expect(peer.events().at(-1)).toMatchObject({ type: 'ended', end: { kind: 'violation', code } });
  expect(peer.link.state).toBe('ended');
  expect(peer.link.usage.receiveBytes).toBeLessThanOrEqual(mostHeldBytes);
  peer.send(stream(0, 0, Uint8Array.of(1, 65)));
  expect(peer.events()).toEqual([]);
}

/** Sends each in a packet of its own; only the last breaks a rule. */
export function expectLastToViolate(code: number, ...frames: LoggedFrame[]): void {
  const peer = new RawPeer();
  for (const frame of frames.slice(0, -1)) {
    expect(closeIn(peer.send(frame))).toBeUndefined();
    expect(peer.link.state).toBe('established');
  }
  expectViolation(peer, peer.send(...frames.slice(-1)), code);
}

export function expectAlive(peer: RawPeer): void {
  expect(peer.link.state).toBe('established');
  expect(peer.link.usage.receiveBytes).toBeLessThanOrEqual(mostHeldBytes);
}

/** Lets time pass in steps, and returns all that the honest side says meanwhile. */
export function wait(peer: RawPeer, durationMs: number, stepMs = 100): LoggedFrame[] {
  const frames: LoggedFrame[] = [];
  for (let passed = 0; passed < durationMs; passed += stepMs) {
    peer.now += stepMs;
    frames.push(...peer.receive());
  }
  return frames;
}
