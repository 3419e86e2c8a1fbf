/** Random use of streams over a channel that loses, repeats and reorders: every byte once, in order, and nothing left behind. */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { TransportError } from '../errors.js';
import { eventsOf, newSet, packetFrom, type FlyingPacket } from '../testing/stream-pair.js';
import type { StreamEvent } from './stream-event.js';
import { isInitiators, streamPriorities } from './stream-id.js';
import { smallestPacketRoom, type StreamSet } from './stream-set.js';

const patternPeriod = 251;
const pattern = Uint8Array.from({ length: 100 * 1024 }, (_, i) => ((i % patternPeriod) * 31) & 0xff);

/** What stands from an offset of a stream on, for each direction. */
function bytesOf(id: number, isFromInitiator: boolean, offset: number, length: number): Uint8Array {
  const start = (id * 7 + (isFromInitiator ? 0 : 101) + offset) % patternPeriod;
  return pattern.subarray(start, start + length);
}

/** One direction of a stream, as its applications see it. */
interface Flow {
  written: number;
  read: number;
  /** How the sender's application ended it, and how the receiver's learned of it. */
  sent: 'open' | 'ended' | 'reset' | 'stopped';
  seen: 'open' | 'ended' | 'reset' | 'stopped';
}

class Side {
  readonly set: StreamSet;
  readonly isInitiator: boolean;
  /** By id. */
  readonly sends = new Map<number, Flow>();
  readonly messagesSent: Uint8Array[] = [];
  readonly messagesRead: Uint8Array[] = [];
  readonly flying: FlyingPacket[] = [];
  peer!: Side;

  constructor(isInitiator: boolean) {
    this.isInitiator = isInitiator;
    this.set = newSet(isInitiator ? 'initiator' : 'responder', { sendBufferBytes: 200_000 });
  }

  poll(): void {
    for (const event of eventsOf(this.set)) this.#onEvent(event);
    expect(this.set.receiveCapacityBytes).toBeLessThanOrEqual(this.set.receiveLimitBytes);
  }

  #onEvent(event: StreamEvent): void {
    switch (event.type) {
      case 'message':
        this.messagesRead.push(event.bytes);
        return;
      case 'stream':
        expect(isInitiators(event.id)).toBe(!this.isInitiator);
        expect(this.sends.has(event.id)).toBe(false);
        expect(streamPriorities.indexOf(event.priority)).toBe((event.id >> 1) & 3);
        this.sends.set(event.id, { written: 0, read: 0, sent: 'open', seen: 'open' });
        return;
      case 'stream-data': {
        const flow = this.#received(event.id);
        expect(flow.seen).toBe('open');
        const expected = bytesOf(event.id, !this.isInitiator, flow.read, event.bytes.length);
        expect(Buffer.compare(expected, event.bytes)).toBe(0);
        flow.read += event.bytes.length;
        return;
      }
      case 'stream-end': {
        const flow = this.#received(event.id);
        expect([flow.seen, flow.read]).toEqual(['open', flow.written]);
        expect(flow.sent).not.toBe('open');
        flow.seen = 'ended';
        return;
      }
      case 'stream-reset': {
        const flow = this.#received(event.id);
        expect(flow.seen).toBe('open');
        expect(['reset', 'stopped']).toContain(flow.sent);
        flow.seen = 'reset';
        return;
      }
      case 'stream-stopped': {
        const flow = this.sends.get(event.id)!;
        expect(flow.seen).toBe('stopped');
        flow.sent = 'stopped';
        return;
      }
      case 'drain':
      case 'stream-drain':
      case 'streams-available':
      case 'datagram':
        return;
    }
  }

  #received(id: number): Flow {
    const flow = this.peer.sends.get(id);
    if (!flow) throw new Error('bytes of a stream that was never opened');
    return flow;
  }
}

type Step = readonly [kind: number, side: boolean, choice: number, size: number];

function take(side: Side, [kind, , choice, size]: Step): void {
  const { set, sends, flying } = side;
  const ids = [...sends.keys()];
  const id = ids[choice % Math.max(1, ids.length)];
  const packet = flying[choice % Math.max(1, flying.length)];
  switch (kind) {
    case 0: {
      const message = bytesOf(0, side.isInitiator, choice, 1 + (size % 3_000));
      if (attempt(() => set.sendMessage(message))) side.messagesSent.push(message);
      return;
    }
    case 1:
      if (ids.length < 12) {
        const priority = streamPriorities[choice % 3] ?? 'files';
        sends.set(set.open(priority), { written: 0, read: 0, sent: 'open', seen: 'open' });
      }
      return;
    case 2: {
      const flow = id === undefined ? undefined : sends.get(id);
      if (id === undefined || flow?.sent !== 'open') return;
      if (attempt(() => set.write(id, bytesOf(id, side.isInitiator, flow.written, size)))) flow.written += size;
      return;
    }
    case 3: {
      const flow = id === undefined ? undefined : sends.get(id);
      if (id === undefined || flow?.sent !== 'open') return;
      flow.sent = size % 5 === 0 ? 'reset' : 'ended';
      if (flow.sent === 'reset') set.reset(id, 7);
      else set.end(id);
      return;
    }
    case 4: {
      const flow = id === undefined ? undefined : side.peer.sends.get(id);
      if (id === undefined || size % 4 !== 0 || flow?.seen !== 'open') return;
      flow.seen = 'stopped';
      set.stopSending(id, 8);
      return;
    }
    case 5:
      if (id === undefined) return;
      if (size % 2 === 0) set.pause(id);
      else set.resume(id);
      return;
    case 6:
    case 7:
    case 8: {
      if (!set.hasContent) return;
      const sent = packetFrom(set, side.peer.set, smallestPacketRoom + (size % 1_400));
      expect(sent.bytes.length).toBeGreaterThan(0);
      flying.push(sent);
      return;
    }
    case 9:
    case 10:
      packet?.deliver();
      return;
    case 11:
      // Possibly one that arrives all the same, or has.
      if (packet && !packet.isAcknowledged && !packet.isLost) packet.lose();
      return;
    case 12: {
      const repeated = packet && !packet.isAcknowledged ? packet.repeat(size) : undefined;
      if (repeated) flying.push(repeated);
      return;
    }
    case 13:
      if (packet?.isDelivered && !packet.isAcknowledged) packet.acknowledge();
      return;
    default:
      side.poll();
  }
}

/** @returns false when the send buffer was full, or the peer has stopped the stream */
function attempt(call: () => boolean): boolean {
  try {
    call();
    return true;
  } catch (error) {
    if (error instanceof TransportError) return false;
    throw error;
  }
}

/** Everything that was sent arrives, and every stream is ended by both. */
function finish(sides: readonly Side[]): void {
  for (const side of sides) {
    for (const packet of side.flying) {
      if (packet.isDelivered && !packet.isAcknowledged) packet.acknowledge();
      else if (!packet.isAcknowledged && !packet.isLost) packet.lose();
    }
    for (const id of side.sends.keys()) side.set.resume(id);
  }
  for (let rounds = 0; rounds < 200; rounds += 1) {
    for (const side of sides) {
      while (side.set.hasContent) {
        const packet = packetFrom(side.set, side.peer.set);
        expect(packet.bytes.length).toBeGreaterThan(0);
        if (packet.deliver()) packet.acknowledge();
        else packet.lose();
      }
    }
    for (const side of sides) side.poll();
    if (sides.some(({ set }) => set.hasContent)) continue;
    // The peer may hear of a stream only by its end, and then has one to end itself.
    let isDone = true;
    for (const side of sides) {
      for (const [id, flow] of side.sends) {
        if (flow.sent !== 'open') continue;
        isDone = false;
        flow.sent = 'ended';
        side.set.end(id);
      }
    }
    if (isDone) return;
  }
  throw new Error('it does not come to an end');
}

describe('streams over a bad channel', () => {
  it('bring every byte once and in order, keep to their windows, and leave nothing behind', () => {
    const step = fc.tuple(fc.nat(14), fc.boolean(), fc.nat(1_000), fc.nat(20_000));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 250, size: 'max' }), (steps) => {
        const sides = [new Side(true), new Side(false)] as const;
        [sides[0].peer, sides[1].peer] = [sides[1], sides[0]];
        for (const taken of steps) take(taken[1] ? sides[0] : sides[1], taken);
        finish(sides);
        for (const { set, peer, sends, messagesSent } of sides) {
          expect(Buffer.concat(peer.messagesRead).equals(Buffer.concat(messagesSent))).toBe(true);
          expect(peer.messagesRead.length).toBe(messagesSent.length);
          for (const { sent, seen, read, written } of sends.values()) {
            if (sent === 'ended' && seen !== 'stopped') expect([seen, read]).toEqual(['ended', written]);
            else expect(seen).not.toBe('open');
          }
          expect([set.openStreams, set.bufferedBytes, set.unacknowledgedBytes, set.receiveCapacityBytes]).toEqual([
            0, 0, 0, 0,
          ]);
        }
      }),
      { numRuns: 60 },
    );
  });
});
