import { describe, expect, it } from '@jest/globals';
import { streamIdOf } from '../streams/stream-id.js';
import { streamLimits } from '../streams/stream-limits.js';
import type { LoggedFrame } from '../testing/frame-log.js';
import { RawPeer } from '../testing/raw-peer.js';
import { LinkHandle, type LinkHandlers, type LinkStream } from './link-handle.js';

/** A handle at the honest side of a link with a peer that says whatever it is told to. */
class HandledPeer extends RawPeer {
  readonly handle: LinkHandle;

  constructor(handlers: LinkHandlers = {}) {
    super();
    this.handle = new LinkHandle(
      this.link,
      handlers,
      () => this.now,
      () => undefined,
    );
    this.handOver();
  }

  handOver(): void {
    for (const event of this.events()) this.handle.deliver(event);
  }

  /** Sends frames in one packet, and hands over what they bring about. */
  say(...frames: LoggedFrame[]): LoggedFrame[] {
    const answer = this.send(...frames);
    this.handOver();
    return answer;
  }
}

function stream(ordinal: number, isEnd = false): LoggedFrame {
  return { type: 'stream', id: its(ordinal), offset: 0, data: new Uint8Array(3), isEnd };
}

/** A stream of the peer. */
function its(ordinal: number): number {
  return streamIdOf(true, 0, ordinal);
}

const close: LoggedFrame = { type: 'close', code: 0, reason: '' };

describe('a LinkHandle', () => {
  it('takes a stream and a CLOSE in one packet, whether it refuses the stream or not', () => {
    let ends = 0;
    const handlers: LinkHandlers = {
      ended: () => {
        ends += 1;
      },
    };
    const accepted: LinkStream[] = [];
    for (const peer of [
      new HandledPeer(handlers),
      new HandledPeer({ ...handlers, stream: (opened) => accepted.push(opened) }),
    ]) {
      peer.say(stream(1), close);
      expect(peer.handle.state).toBe('ended');
      expect(peer.handle.openStreams).toBe(0);
    }
    expect([ends, accepted.length]).toEqual([2, 1]);
  });

  it('takes a stream that is opened while it closes', () => {
    const peer = new HandledPeer();
    peer.handle.send(new Uint8Array(100));
    void peer.handle.close();
    expect(peer.handle.state).toBe('closing');
    peer.say(stream(1));
    peer.acknowledge();
    peer.handOver();
    expect(peer.handle.state).toBe('ended');
  });

  it('throws LINK_CLOSED for what is written to a link that has ended, and for nothing else', () => {
    const peer = new HandledPeer();
    const opened = peer.handle.openStream({ priority: 'files' });
    peer.say(close);
    expect(peer.handle.state).toBe('ended');
    const closed = expect.objectContaining({ code: 'LINK_CLOSED' });
    expect(() => opened.write(Uint8Array.of(1))).toThrow(closed);
    expect(() => peer.handle.openStream({ priority: 'files' })).toThrow(closed);
    expect(() => peer.handle.send(Uint8Array.of(1))).toThrow(closed);
    expect(() => peer.handle.sendDatagram(Uint8Array.of(1))).toThrow(closed);
    opened.pause();
    opened.resume();
    opened.end();
    opened.stopSending(0);
    opened.reset(0);
  });

  it.each([
    ['refused', {}],
    [
      'stopped in the middle and ended',
      {
        stream: (opened: LinkStream) => {
          opened.handlers = {
            data: () => {
              opened.stopSending(0);
            },
          };
          opened.end();
        },
      },
    ],
  ])('keeps nothing of 3,000 streams that were %s', (_, handlers: LinkHandlers) => {
    const peer = new HandledPeer(handlers);
    for (let ordinal = 1; ordinal <= 3_000; ordinal += 1) {
      peer.say(stream(ordinal));
      peer.say({ type: 'reset-stream', id: its(ordinal), code: 0, finalSize: 3 });
      peer.acknowledge();
      peer.handOver();
      peer.now += 1;
    }
    expect(peer.handle.state).toBe('established');
    expect(peer.handle.openStreams).toBe(0);
    expect(peer.link.streams.openStreams).toBe(0);
  });

  it('tells when streams may be opened again', () => {
    let available = 0;
    const peer = new HandledPeer({
      streamsAvailable: () => {
        available += 1;
      },
    });
    for (let i = 0; i < streamLimits.openStreams; i += 1) peer.handle.openStream({ priority: 'files' });
    expect(() => peer.handle.openStream({ priority: 'files' })).toThrow(
      expect.objectContaining({ code: 'STREAM_LIMIT' }),
    );
    expect(available).toBe(0);
    peer.say({ type: 'max-streams', limit: streamLimits.openStreams + 1 });
    expect(available).toBe(1);
    peer.handle.openStream({ priority: 'files' });
  });
});
