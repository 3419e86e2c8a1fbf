import { describe, expect, it } from '@jest/globals';
import { transportLimits } from '../limits.js';
import { codeOf, eventsOf, exchange, flush, framesOf, packetFrom, pair, typesOf } from '../testing/stream-pair.js';
import { frameTypes } from '../wire/frame-types.js';
import { framedBytes } from './message-framing.js';
import type { StreamEvent } from './stream-event.js';
import { priorityOf } from './stream-id.js';
import { streamLimits } from './stream-limits.js';

describe('messages', () => {
  it('of one tick share a packet', () => {
    const [a, b] = pair();
    for (let i = 1; i <= 11; i += 1) a.sendMessage(new Uint8Array(100).fill(i));
    const packet = packetFrom(a, b);
    expect(a.hasContent).toBe(false);
    packet.deliver();
    const events = eventsOf(b);
    expect(events).toEqual(
      Array.from({ length: 11 }, (_, i) => ({ type: 'message', bytes: new Uint8Array(100).fill(i + 1) })),
    );
  });

  it.each([0, transportLimits.messageBytes + 1])('of %i bytes are not taken', (length) => {
    const [a] = pair();
    expect(codeOf(() => a.sendMessage(new Uint8Array(length)))).toBe('MESSAGE_SIZE');
    expect([a.hasContent, a.bufferedBytes]).toEqual([false, 0]);
  });

  it.each([1, 63, 64, 16_383, 16_384, transportLimits.messageBytes])('of %i bytes arrive as they are', (length) => {
    const [a, b] = pair();
    const message = Uint8Array.from({ length }, (_, i) => i * 7);
    a.sendMessage(message);
    message.fill(0);
    const got: Uint8Array[] = [];
    exchange(a, b, (_, event) => {
      if (event.type === 'message') got.push(event.bytes);
    });
    expect(got.map((bytes) => Buffer.from(bytes).equals(Uint8Array.from({ length }, (_, i) => i * 7)))).toEqual([true]);
  });

  it('cannot be written to or ended as a stream', () => {
    const [a] = pair();
    expect(codeOf(() => a.write(0, Uint8Array.of(1)))).toBe('STREAM_CLOSED');
    a.end(0);
    a.reset(0, 1);
    a.stopSending(0, 1);
    expect(a.hasContent).toBe(false);
  });
});

describe('backpressure', () => {
  it('says false above a quarter of the buffer, throws when it is full, and drains below half of the quarter', () => {
    const [a, b] = pair({ sendBufferBytes: 40_000 });
    const message = new Uint8Array(998);
    expect(framedBytes(998)).toBe(1_000);
    for (let i = 1; i <= 10; i += 1) expect(a.sendMessage(message)).toBe(true);
    for (let i = 11; i <= 40; i += 1) expect(a.sendMessage(message)).toBe(false);
    expect(codeOf(() => a.sendMessage(Uint8Array.of(1)))).toBe('SEND_BUFFER_FULL');
    expect(a.bufferedBytes).toBe(40_000);
    const drainedAt: number[] = [];
    for (let sent = 0; a.hasContent;) {
      sent += packetFrom(a, b, 1_021).contents.length > 0 ? 1 : 0;
      if (typesOf(eventsOf(a)).includes('drain')) drainedAt.push(sent);
    }
    // About 1,000 bytes a packet, and 5,000 are half of the mark.
    expect(drainedAt.length).toBe(1);
    expect(drainedAt[0]).toBeGreaterThanOrEqual(35);
    expect(drainedAt[0]).toBeLessThanOrEqual(36);
    expect([a.bufferedBytes, a.unacknowledgedBytes]).toEqual([40_000, 40_000]);
  });

  it('of files does not hold up a chat', () => {
    const [a] = pair({ sendBufferBytes: 40_000 });
    const file = a.open('files');
    expect(a.write(file, new Uint8Array(40_000))).toBe(false);
    expect(codeOf(() => a.write(file, Uint8Array.of(1)))).toBe('SEND_BUFFER_FULL');
    expect(a.sendMessage(new Uint8Array(100))).toBe(true);
    expect(a.write(a.open('chat'), new Uint8Array(100))).toBe(true);
  });

  it('tells each stream that was told to wait', () => {
    const [a, b] = pair({ sendBufferBytes: 40_000 });
    const ids = [a.open('files'), a.open('files')];
    const [first = 0, second = 0] = ids;
    expect(a.write(first, new Uint8Array(12_000))).toBe(false);
    expect(a.write(second, Uint8Array.of(1))).toBe(false);
    exchange(a, b, (set, event) => {
      if (set === a && event.type === 'stream-drain') ids.splice(ids.indexOf(event.id), 1);
    });
    expect(ids).toEqual([]);
    expect(a.write(first, Uint8Array.of(1))).toBe(true);
  });
});

describe('priorities', () => {
  it('put chat before control, control before datagrams, and these before files', () => {
    const [a, b] = pair();
    const [file, control, chat] = [a.open('files'), a.open('control'), a.open('chat')];
    for (const id of [file, control, chat]) a.write(id, new Uint8Array(50));
    a.sendDatagram(new Uint8Array(20));
    a.sendMessage(new Uint8Array(10));
    expect(framesOf(packetFrom(a, b))).toEqual([
      'stream 0 at 0, 11',
      `stream ${String(chat)} at 0, 50`,
      `stream ${String(control)} at 0, 50`,
      'datagram 20',
      `stream ${String(file)} at 0, 50`,
    ]);
  });

  it('give a file nothing while more important things fill the packets', () => {
    const [a, b] = pair();
    const file = a.open('files');
    a.write(file, new Uint8Array(10_000));
    a.sendMessage(new Uint8Array(10_000));
    const packets = flush(a, b).map(framesOf);
    const firstWithFile = packets.findIndex((frames) =>
      frames.some((text) => text.startsWith(`stream ${String(file)}`)),
    );
    const lastWithMessage = packets.findLastIndex((frames) => frames.some((text) => text.startsWith('stream 0')));
    expect(lastWithMessage).toBe(8);
    expect(firstWithFile).toBeGreaterThanOrEqual(lastWithMessage);
  });

  it('let streams of one class take turns', () => {
    const [a, b] = pair();
    const ids = [a.open('files'), a.open('files'), a.open('files')];
    for (const id of ids) a.write(id, new Uint8Array(5_000));
    const turns = flush(a, b).map((packet) => framesOf(packet)[0]?.split(' ')[1]);
    expect(turns.slice(0, 6)).toEqual([...ids, ...ids].map(String));
  });

  it('let streams of one class take turns with what was lost, too', () => {
    const [a, b] = pair();
    const ids = [a.open('files'), a.open('files')];
    for (const id of ids) a.write(id, new Uint8Array(5_000));
    for (const packet of flush(a, b)) packet.lose();
    const turns = flush(a, b).map((packet) => framesOf(packet)[0]?.split(' ')[1]);
    expect(turns.slice(0, 4)).toEqual([...ids, ...ids].map(String));
  });

  it('let messages and streams of chat take turns', () => {
    const [a, b] = pair();
    const chat = a.open('chat');
    a.sendMessage(new Uint8Array(5_000));
    a.write(chat, new Uint8Array(5_000));
    const turns = flush(a, b).map((packet) => framesOf(packet)[0]?.split(' ')[1]);
    expect(turns.slice(0, 4)).toEqual(['0', String(chat), '0', String(chat)]);
  });

  it('send a lost chat message before a file that waits', () => {
    const [a, b] = pair();
    a.sendMessage(new Uint8Array(100));
    const packet = packetFrom(a, b);
    a.write(a.open('files'), new Uint8Array(5_000));
    packet.lose();
    expect(framesOf(packetFrom(a, b))[0]).toBe('stream 0 at 0, 102');
  });
});

describe('the end of streams', () => {
  it('comes for each direction by itself, and then the stream is forgotten', () => {
    const [a, b] = pair();
    const id = a.open('control');
    a.write(id, Uint8Array.of(1, 2));
    a.end(id);
    expect(codeOf(() => a.write(id, Uint8Array.of(3)))).toBe('STREAM_CLOSED');
    const seen: StreamEvent[] = [];
    exchange(a, b, (_, event) => seen.push(event));
    expect(seen).toEqual([
      { type: 'stream', id, priority: 'control' },
      { type: 'stream-data', id, bytes: Uint8Array.of(1, 2) },
      { type: 'stream-end', id },
    ]);
    expect([a.openStreams, b.openStreams]).toEqual([1, 1]);
    b.write(id, Uint8Array.of(9));
    exchange(a, b, (set, event) => {
      expect(set).toBe(a);
      expect(event).toEqual({ type: 'stream-data', id, bytes: Uint8Array.of(9) });
    });
    b.end(id);
    exchange(a, b, (_, event) => {
      expect(event).toEqual({ type: 'stream-end', id });
    });
    expect([a.openStreams, b.openStreams]).toEqual([0, 0]);
  });

  it('goes with the last data when it is known, alone when it is not, and again when it was lost', () => {
    const [a, b] = pair();
    const id = a.open('chat');
    a.write(id, new Uint8Array(5));
    expect(framesOf(packetFrom(a, b))).toEqual([`stream ${String(id)} at 0, 5`]);
    a.end(id);
    const alone = packetFrom(a, b);
    expect(framesOf(alone)).toEqual([`stream ${String(id)} at 5, 0, end`]);
    expect(a.hasContent).toBe(false);
    alone.lose();
    const again = packetFrom(a, b);
    expect(framesOf(again)).toEqual([`stream ${String(id)} at 5, 0, end`]);
    again.acknowledge();
    alone.lose();
    expect(a.hasContent).toBe(false);
    const other = a.open('chat');
    a.write(other, new Uint8Array(5));
    a.end(other);
    expect(framesOf(packetFrom(a, b))).toEqual([`stream ${String(other)} at 0, 5, end`]);
  });

  it('by reset tells how much was sent, until it is acknowledged', () => {
    const [a, b] = pair();
    const id = a.open('files');
    a.write(id, new Uint8Array(3_000));
    const data = packetFrom(a, b, 1_000);
    const [frame = ''] = framesOf(data);
    a.reset(id, 77);
    expect(a.bufferedBytes).toBe(0);
    const packet = packetFrom(a, b);
    expect(framesOf(packet)).toEqual([`reset ${String(id)} 77 ${frame.split(', ')[1] ?? ''}`]);
    data.lose();
    expect(a.hasContent).toBe(false);
    packet.lose();
    const again = packetFrom(a, b);
    expect(framesOf(again)).toEqual(framesOf(packet));
    again.deliver();
    again.acknowledge();
    expect(eventsOf(b)).toEqual([
      { type: 'stream', id, priority: 'files' },
      { type: 'stream-reset', id, code: 77 },
    ]);
  });

  it('on request: a sender that is stopped resets, and says so', () => {
    const [a, b] = pair();
    const id = a.open('files');
    a.write(id, new Uint8Array(300_000));
    flush(a, b);
    b.stopSending(id, 42);
    expect(b.receiveCapacityBytes).toBe(0);
    expect(framesOf(packetFrom(b, a))).toContain(`stop ${String(id)} 42`);
    b.end(id);
    const [c, d] = pair();
    const other = c.open('files');
    c.write(other, new Uint8Array(300_000));
    flush(c, d);
    d.stopSending(other, 42);
    d.end(other);
    const seen: StreamEvent[] = [];
    exchange(c, d, (_, event) => seen.push(event));
    expect(seen).toContainEqual({ type: 'stream-stopped', id: other, code: 42 });
    expect(typesOf(seen)).not.toContain('stream-data');
    expect(typesOf(seen)).not.toContain('stream-reset');
    expect(codeOf(() => c.write(other, Uint8Array.of(1)))).toBe('STREAM_CLOSED');
    expect([c.openStreams, d.openStreams, c.bufferedBytes]).toEqual([0, 0, 0]);
  });
});

describe('the number of streams', () => {
  it('is bounded by the peer, and moves as streams finish', () => {
    const [a, b] = pair();
    const ids = Array.from({ length: streamLimits.openStreams }, () => a.open('chat'));
    expect(codeOf(() => a.open('chat'))).toBe('STREAM_LIMIT');
    for (const id of ids) a.write(id, Uint8Array.of(1));
    exchange(a, b);
    expect([a.openStreams, b.openStreams]).toEqual([128, 128]);
    expect(codeOf(() => a.open('chat'))).toBe('STREAM_LIMIT');
    const [first = 0] = ids;
    a.end(first);
    b.end(first);
    const seen: string[] = [];
    exchange(a, b, (set, { type }) => {
      if (set === a) seen.push(type);
    });
    expect(seen).toContain('streams-available');
    expect(a.open('files')).toBeGreaterThan(first);
    expect(codeOf(() => a.open('chat'))).toBe('STREAM_LIMIT');
  });

  it('is told to who waits for it, though it moves again before anybody asks', () => {
    const [a, b] = pair();
    const ids = Array.from({ length: streamLimits.openStreams }, () => a.open('chat'));
    for (const id of ids) a.write(id, Uint8Array.of(1));
    exchange(a, b);
    expect(codeOf(() => a.open('chat'))).toBe('STREAM_LIMIT');
    a.onMaxStreams(streamLimits.openStreams + 1);
    a.onMaxStreams(streamLimits.openStreams + 2);
    expect([a.pollEvent(), a.pollEvent()]).toEqual([{ type: 'streams-available' }, undefined]);
  });

  it('moves in time for a peer that finished some long ago', () => {
    const [a, b] = pair();
    const finished = Array.from({ length: 60 }, () => a.open('chat'));
    for (const id of finished) a.end(id);
    exchange(a, b, (set, event) => {
      if (set === b && event.type === 'stream') b.end(event.id);
    });
    expect([a.openStreams, b.openStreams]).toEqual([0, 0]);
    for (let i = 0; i < 128; i += 1) {
      a.write(a.open('chat'), Uint8Array.of(1));
      exchange(a, b);
    }
    expect(b.openStreams).toBe(128);
    expect(codeOf(() => a.open('chat'))).toBe('STREAM_LIMIT');
  });

  it('over a life is not bounded, nor remembered', () => {
    const [a, b] = pair();
    for (let i = 0; i < 2_000; i += 1) {
      const id = a.open('control');
      a.write(id, Uint8Array.of(1));
      a.end(id);
      exchange(a, b, (set, event) => {
        if (set === b && event.type === 'stream') b.end(id);
      });
    }
    expect([a.openStreams, b.openStreams]).toEqual([0, 0]);
  });

  it('has an id for the opener and the priority', () => {
    const [a, b] = pair();
    expect([a.open('chat'), a.open('control'), a.open('files')]).toEqual([8, 18, 28]);
    expect([b.open('chat'), b.open('control'), b.open('files')]).toEqual([9, 19, 29]);
    expect([8, 18, 28, 9, 19, 29].map(priorityOf)).toEqual([0, 1, 2, 0, 1, 2]);
  });
});

describe('datagrams', () => {
  it('give way to newer ones, on both sides', () => {
    const [a, b] = pair();
    for (let i = 0; i < 64; i += 1) expect(a.sendDatagram(Uint8Array.of(i))).toBe(true);
    expect(a.sendDatagram(Uint8Array.of(64))).toBe(false);
    flush(a, b);
    for (let i = 65; i < 70; i += 1) a.sendDatagram(Uint8Array.of(i));
    flush(a, b);
    const got = eventsOf(b).map((event) => (event.type === 'datagram' ? event.bytes[0] : undefined));
    expect(got).toEqual(Array.from({ length: 64 }, (_, i) => i + 6));
  });

  it('are not sent again', () => {
    const [a, b] = pair();
    a.sendDatagram(new Uint8Array(0));
    const packet = packetFrom(a, b);
    expect([packet.bytes[0], packet.contents.length, a.hasContent]).toEqual([frameTypes.datagram, 0, false]);
  });

  it('have at most what the path carries, also when it carries less than before', () => {
    const [a] = pair();
    a.maxDatagramBytes = 1_400;
    a.sendDatagram(new Uint8Array(1_400));
    expect(codeOf(() => a.sendDatagram(new Uint8Array(1_401)))).toBe('DATAGRAM_SIZE');
    a.maxDatagramBytes = 1_100;
    expect(a.hasContent).toBe(false);
  });
});

describe('repetition', () => {
  it('is for small pieces of chat and control that have not arrived, twice in all', () => {
    const [a, b] = pair();
    a.sendMessage(new Uint8Array(250));
    const packet = packetFrom(a, b);
    expect(packet.repeat(200)).toBeUndefined();
    const first = packet.repeat(1_000);
    expect(first && framesOf(first)).toEqual(['stream 0 at 0, 252']);
    expect(first?.repeat(1_000)).toBeDefined();
    expect([packet.repeat(1_000), first?.repeat(1_000)]).toEqual([undefined, undefined]);
    first?.acknowledge();
    expect(a.bufferedBytes).toBe(0);
    packet.lose();
    expect(a.hasContent).toBe(false);
  });

  it('is not for files, nor for what is large, acknowledged or reset', () => {
    const [a, b] = pair();
    a.write(a.open('files'), new Uint8Array(10));
    expect(packetFrom(a, b).repeat(1_000)).toBeUndefined();
    a.sendMessage(new Uint8Array(299));
    expect(packetFrom(a, b).repeat(1_000)).toBeUndefined();
    a.sendMessage(new Uint8Array(10));
    const arrived = packetFrom(a, b);
    arrived.acknowledge();
    expect(arrived.repeat(1_000)).toBeUndefined();
    const id = a.open('chat');
    a.write(id, new Uint8Array(10));
    const given = packetFrom(a, b);
    a.reset(id, 1);
    expect(given.repeat(1_000)).toBeUndefined();
  });

  it('keeps the end of a stream', () => {
    const [a, b] = pair();
    const id = a.open('chat');
    a.write(id, new Uint8Array(10));
    a.end(id);
    const repeated = packetFrom(a, b).repeat(1_000);
    expect(repeated && framesOf(repeated)).toEqual([`stream ${String(id)} at 0, 10, end`]);
  });
});

describe('a datagram that no packet has room for', () => {
  it('is dropped when the maximum sinks, and what is behind it leaves', () => {
    const [a, b] = pair();
    a.sendDatagram(new Uint8Array(1_000));
    a.sendDatagram(new Uint8Array(20));
    a.maxDatagramBytes = 900;
    expect(framesOf(packetFrom(a, b))).toEqual(['datagram 20']);
    expect(a.hasContent).toBe(false);
  });

  it('is dropped too where packets are smaller than the maximum says', () => {
    const [a, b] = pair();
    a.sendDatagram(new Uint8Array(1_000));
    a.sendDatagram(new Uint8Array(20));
    expect([1, 2].map(() => packetFrom(a, b, 900).bytes.length)).toEqual([0, 0]);
    expect(framesOf(packetFrom(a, b, 900))).toEqual(['datagram 20']);
    expect(a.hasContent).toBe(false);
  });

  it('waits for a packet without an ACK', () => {
    const [a, b] = pair();
    a.sendDatagram(new Uint8Array(1_000));
    expect(packetFrom(a, b, 900).bytes.length).toBe(0);
    expect(framesOf(packetFrom(a, b))).toEqual(['datagram 1000']);
  });
});

describe('isAllDelivered', () => {
  it('waits for the end, the reset and the stop of a stream, and for datagrams to leave', () => {
    const [a, b] = pair();
    const open = (): number => {
      const id = a.open('files');
      a.write(id, new Uint8Array(10));
      exchange(a, b);
      return id;
    };
    const steps: readonly ((id: number) => void)[] = [
      (id) => {
        a.end(id);
      },
      (id) => {
        a.reset(id, 1);
      },
      (id) => {
        a.stopSending(id, 1);
      },
    ];
    for (const step of steps) {
      const id = open();
      expect(a.isAllDelivered).toBe(true);
      step(id);
      expect([a.bufferedBytes, a.isAllDelivered]).toEqual([0, false]);
      const packet = packetFrom(a, b);
      expect([a.hasContent, a.isAllDelivered]).toEqual([false, false]);
      packet.acknowledge();
      expect(a.isAllDelivered).toBe(true);
    }
    a.sendDatagram(new Uint8Array(1));
    expect(a.isAllDelivered).toBe(false);
    packetFrom(a, b);
    expect(a.isAllDelivered).toBe(true);
  });
});
