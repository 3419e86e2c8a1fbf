import { describe, expect, it } from '@jest/globals';
import { limits, ParleyError } from '@parley/protocol';
import { TransportError, type LinkEnd } from '@parley/transport';
import fc from 'fast-check';
import { FakeGateway, ManualClock, settled, type Fate } from './fake-gateway.fixture.js';
import { gapsLimit, GatewayLink, lostMs, refusedMs, requestIntervalMs, sendBufferCharacters } from './gateway-link.js';

function setUp(lingerMs = 3_000) {
  const clock = new ManualClock();
  const gateway = new FakeGateway();
  const heard: string[] = [];
  const ends: LinkEnd[] = [];
  const options = { peer: 'zed', conversation: '00'.repeat(16), server: gateway, clock, lingerMs };
  const link = new GatewayLink(options, {
    established: () => undefined,
    message: (bytes) => heard.push(Buffer.from(bytes).toString()),
    ended: (end) => ends.push(end),
  });
  const send = (text: string): void => {
    link.send(Buffer.from(text));
  };
  /** Lets the events of the gateway arrive. */
  const events = (): void => {
    do link.receive(gateway.stream.nextBatch());
    while (gateway.stream.hasMore);
  };
  /** Answers everything, as often as it takes. */
  const quiet = async (): Promise<void> => {
    for (let i = 0; i < 1_000; i += 1) {
      if (gateway.inFlight > 0) await gateway.answer();
      else if (gateway.stream.hasMore) events();
      else if (clock.waiting > 0 && ends.length === 0) clock.advance(requestIntervalMs);
      else return;
    }
    throw new Error('it never gets quiet');
  };
  return { clock, gateway, heard, ends, link, send, events, quiet };
}

describe('a link through a gateway', () => {
  it('asks for what the other end has to say as soon as it is made', async () => {
    const { gateway, quiet } = setUp();
    expect(gateway.requests).toEqual([
      { peer: 'zed', conversation: '00'.repeat(16), first: 1, frames: [], received: 0, resume: true },
    ]);
    await quiet();
    expect(gateway.requests).toHaveLength(1);
  });

  it('has one request on its way at a time; what is said meanwhile goes together', async () => {
    const { clock, gateway, send, quiet } = setUp();
    for (const text of ['a', 'b', 'c']) send(text);
    expect(gateway.inFlight).toBe(1);
    await gateway.answer();
    expect(gateway.inFlight).toBe(0);
    clock.advance(requestIntervalMs);
    expect(gateway.requests.at(-1)).toMatchObject({ first: 1, resume: false });
    expect(gateway.requests.at(-1)?.frames).toHaveLength(3);
    await quiet();
    expect(gateway.heard).toEqual(['a', 'b', 'c']);
    expect(gateway.requests).toHaveLength(2);
  });

  it('carries any bytes, up to a full text', async () => {
    const { gateway, heard, send, events, quiet } = setUp();
    const text = '😀'.repeat(limits.textBytes / 4);
    send(text);
    gateway.say(text);
    events();
    await quiet();
    expect(gateway.heard).toEqual([text]);
    expect(heard).toEqual([text]);
  });

  it('tells how much has come, though it has nothing to say, and once only', async () => {
    const { gateway, heard, events, quiet } = setUp();
    await quiet();
    gateway.say('hello');
    gateway.say('there');
    events();
    expect(heard).toEqual(['hello', 'there']);
    await quiet();
    expect(gateway.requests.slice(1)).toMatchObject([{ frames: [], received: 2, resume: false }]);
    expect(gateway.stream.keptCharacters).toBe(0);
  });

  it('measures the round trip', async () => {
    const { clock, gateway, link, send } = setUp();
    expect(link.rttMs).toBeUndefined();
    clock.advance(40);
    await gateway.answer();
    expect(link.rttMs).toBe(40);
    send('x');
    clock.advance(0);
    clock.advance(120);
    await gateway.answer();
    expect(link.rttMs).toBe(50);
  });
});

describe('when the control connection breaks', () => {
  it.each<Fate>(['request lost', 'answer lost'])('%s: nothing is lost or doubled', async (fate) => {
    const { clock, gateway, link, send, quiet } = setUp();
    await quiet();
    send('one');
    await gateway.answer(fate);
    send('two');
    clock.advance(1_000);
    expect(gateway.inFlight).toBe(0);
    link.resume();
    expect(gateway.requests.at(-1)).toMatchObject({ resume: true, first: 1 });
    await quiet();
    expect(gateway.heard).toEqual(['one', 'two']);
  });

  it('asks after what is missing though it has nothing to say', async () => {
    const { gateway, heard, link, quiet } = setUp();
    await quiet();
    gateway.say('lost with the connection');
    gateway.stream.nextBatch();
    link.resume();
    await quiet();
    expect(gateway.requests.at(-1)).toMatchObject({ frames: [], received: 1 });
    expect(heard).toEqual(['lost with the connection']);
  });

  it('asks again for what was lost when the other end went on before it was asked', async () => {
    const { gateway, ends, heard, events, quiet } = setUp();
    await quiet();
    gateway.say('lost with the connection');
    gateway.stream.nextBatch();
    gateway.say('said on the new one');
    events();
    expect(heard).toEqual([]);
    expect(gateway.requests.at(-1)).toMatchObject({ resume: true, received: 0 });
    await quiet();
    expect(heard).toEqual(['lost with the connection', 'said on the new one']);
    expect(ends).toEqual([]);
  });

  it('whatever is lost with it, each text arrives once and in order, both ways', async () => {
    const step = fc.oneof(
      fc.record({ what: fc.constantFrom('we say', 'they say', 'events', 'events lost', 'time', 'answer') }),
      fc.record({ what: fc.constant('break'), fate: fc.constantFrom<Fate>('request lost', 'answer lost') }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const { clock, gateway, heard, ends, link, send, events, quiet } = setUp();
        const [ours, theirs]: [string[], string[]] = [[], []];
        await gateway.answer();
        for (const each of steps) {
          if (each.what === 'we say') {
            ours.push(`we ${String(ours.length)}`);
            send(ours.at(-1) ?? '');
          } else if (each.what === 'they say') {
            theirs.push(`they ${String(theirs.length)}`);
            gateway.say(theirs.at(-1) ?? '');
          } else if (each.what === 'events') events();
          else if (each.what === 'events lost') {
            // An event is lost only with its connection.
            gateway.stream.nextBatch();
            if (gateway.inFlight > 0) await gateway.answer('answer lost');
            link.resume();
          } else if (each.what === 'time') clock.advance(requestIntervalMs);
          else if (each.what === 'answer' && gateway.inFlight > 0) await gateway.answer();
          else if ('fate' in each) {
            if (gateway.inFlight > 0) await gateway.answer(each.fate);
            link.resume();
          }
        }
        await quiet();
        expect(gateway.heard).toEqual(ours);
        expect(heard).toEqual(theirs);
        expect(ends).toEqual([]);
      }),
    );
  });

  it.each(['refused', 'answered'])('an older request that is %s late changes nothing', async (how) => {
    const { clock, gateway, link, send, quiet } = setUp();
    await quiet();
    send('x');
    // The old connection has not ended for us yet.
    link.resume();
    expect(gateway.requests.slice(1).map(({ first, frames }) => [first, frames.length])).toEqual([
      [1, 1],
      [1, 1],
    ]);
    if (how === 'refused') await gateway.refuse(new ParleyError('SERVER_LOST'));
    else await gateway.answer();
    send('y');
    clock.advance(1_000);
    expect(gateway.inFlight).toBe(1);
    await quiet();
    expect(gateway.heard).toEqual(['x', 'y']);
  });

  it.each(['SERVER_LOST', 'NOT_CONNECTED', 'SERVER_SHUTDOWN'] as const)(
    'and does not come back (%s), the link ends after a bounded time',
    async (code) => {
      const { clock, gateway, ends, send } = setUp();
      await gateway.refuse(new ParleyError(code));
      send('x');
      clock.advance(lostMs - 1);
      expect(ends).toEqual([]);
      clock.advance(1);
      expect(ends).toEqual([{ kind: 'lost' }]);
      expect(gateway.requests).toHaveLength(1);
      expect(clock.waiting).toBe(0);
    },
  );

  it('a link that came back in time goes on', async () => {
    const { clock, gateway, ends, link, quiet } = setUp();
    await gateway.refuse(new ParleyError('SERVER_LOST'));
    clock.advance(lostMs - 1);
    link.resume();
    await quiet();
    clock.advance(lostMs);
    expect(ends).toEqual([]);
    expect(clock.waiting).toBe(0);
  });
});

describe('when the server refuses', () => {
  it('a link that it does not know any more ends', async () => {
    const { clock, gateway, ends, send } = setUp();
    send('x');
    await gateway.refuse(new ParleyError('NO_CONVERSATION'));
    expect(ends).toEqual([{ kind: 'lost' }]);
    expect(() => {
      send('y');
    }).toThrow(expect.objectContaining({ code: 'LINK_CLOSED' }));
    expect(clock.waiting).toBe(0);
  });

  it.each([
    [250, 250],
    [0, requestIntervalMs],
    [undefined, refusedMs],
    [2 ** 40, 30_000],
  ])('for retryAfterMs %p it waits %d ms, and loses nothing', async (retryAfterMs, waitsMs) => {
    const { clock, gateway, ends, send, quiet } = setUp();
    await quiet();
    send('x');
    const after = retryAfterMs === undefined ? {} : { retryAfterMs };
    await gateway.refuse(new ParleyError('RATE_LIMITED', undefined, after));
    clock.advance(waitsMs - 1);
    expect(gateway.inFlight).toBe(0);
    clock.advance(1);
    expect(gateway.inFlight).toBe(1);
    await quiet();
    expect(gateway.heard).toEqual(['x']);
    expect(ends).toEqual([]);
  });

  it('says again what the refused request would have told', async () => {
    const { clock, gateway, events, quiet } = setUp();
    await gateway.refuse(new ParleyError('RATE_LIMITED', undefined, { retryAfterMs: 50 }));
    clock.advance(50);
    expect(gateway.requests.at(-1)).toMatchObject({ resume: true });
    await quiet();
    gateway.say('hello');
    events();
    await gateway.refuse(new ParleyError('SERVER_BUSY', undefined, { retryAfterMs: 50 }));
    clock.advance(50);
    expect(gateway.inFlight).toBe(1);
    expect(gateway.requests.at(-1)).toMatchObject({ resume: false, received: 1 });
  });

  it('asks again when no answer came in time, and ends when none comes at all', async () => {
    const { clock, gateway, ends, send } = setUp();
    await gateway.answer();
    clock.advance(requestIntervalMs);
    send('x');
    await gateway.refuse(new ParleyError('TIMEOUT'));
    clock.advance(requestIntervalMs);
    expect(gateway.requests.at(-1)?.frames).toHaveLength(1);
    await gateway.refuse(new ParleyError('TIMEOUT'));
    clock.advance(lostMs - requestIntervalMs);
    expect(ends).toEqual([{ kind: 'lost' }]);
  });

  it('gives up one that answers, but takes nothing', async () => {
    const clock = new ManualClock();
    const ends: LinkEnd[] = [];
    let requests = 0;
    const server = {
      call: () => {
        requests += 1;
        return Promise.resolve({ received: 0 });
      },
    };
    const link = new GatewayLink(
      { peer: 'zed', conversation: '00'.repeat(16), server, clock, lingerMs: 1_000 },
      { established: () => undefined, message: () => undefined, ended: (end) => ends.push(end) },
    );
    link.send(Buffer.from('x'));
    for (let ms = 0; ms < lostMs + 1_000 && ends.length === 0; ms += 500) {
      await settled();
      clock.advance(500);
    }
    expect(ends).toEqual([{ kind: 'lost' }]);
    expect(requests).toBeLessThan((lostMs / refusedMs) * 1.5);
  });
});

describe('the bounds of a link through a gateway', () => {
  it('takes no more than the transport would', () => {
    const { send } = setUp();
    const text = 'x'.repeat(limits.textBytes);
    const characters = Buffer.from(text).toString('base64').length;
    const fitting = Math.floor(sendBufferCharacters / characters);
    for (let i = 0; i < fitting; i += 1) send(text);
    expect(
      codeOf(() => {
        send(text);
      }),
    ).toBe('SEND_BUFFER_FULL');
  });

  it('refuses what does not fit into a frame', () => {
    const { send } = setUp();
    for (const text of ['', 'x'.repeat(limits.frameCharacters)]) {
      expect(
        codeOf(() => {
          send(text);
        }),
      ).toBe('MESSAGE_SIZE');
    }
  });

  it.each([1, 3])('a word that it has what was never sent ends it, be it of batch %d', async (first) => {
    const { ends, heard, link, quiet } = setUp();
    await quiet();
    link.receive({ first, frames: [], received: 9 });
    expect(ends).toMatchObject([{ kind: 'violation' }]);
    link.receive({ first: 1, frames: ['eA=='], received: 0 });
    expect(heard).toEqual([]);
  });

  it('one whose frames lack some again and again ends', async () => {
    const { ends, heard, gateway, link, quiet } = setUp();
    await quiet();
    const asked = gateway.requests.length;
    for (let n = 0; n < gapsLimit; n += 1) {
      link.receive({ first: 3, frames: ['eA=='], received: 0 });
      await quiet();
    }
    expect(ends).toEqual([]);
    expect(gateway.requests.length - asked).toBe(gapsLimit);
    link.receive({ first: 3, frames: ['eA=='], received: 0 });
    expect(ends).toMatchObject([{ kind: 'violation' }]);
    expect(heard).toEqual([]);
  });

  it('an answer that counts more than was sent ends it, too', async () => {
    const { gateway, ends } = setUp();
    gateway.stream.accept({ first: 1, frames: ['eA==', 'eA=='], received: 0 });
    await gateway.answer();
    expect(ends).toMatchObject([{ kind: 'violation' }]);
  });

  it('hands over nothing more once whoever hears it has closed it', () => {
    const clock = new ManualClock();
    const heard: string[] = [];
    const options = { peer: 'zed', conversation: '00'.repeat(16), server: new FakeGateway(), clock, lingerMs: 10 };
    const link: GatewayLink = new GatewayLink(options, {
      established: () => undefined,
      message: (bytes) => {
        heard.push(Buffer.from(bytes).toString());
        void link.close();
      },
      ended: () => undefined,
    });
    link.receive({ first: 1, frames: ['eA==', 'eQ=='], received: 0 });
    expect(heard).toEqual(['x']);
  });
});

describe('closing', () => {
  it('lets what is queued go out first', async () => {
    const { gateway, ends, link, send, quiet } = setUp();
    send('goodbye');
    let isClosed = false;
    const closed = link.close().then(() => {
      isClosed = true;
    });
    expect(
      codeOf(() => {
        send('too late');
      }),
    ).toBe('LINK_CLOSED');
    await gateway.answer();
    expect(isClosed).toBe(false);
    await quiet();
    await closed;
    expect(gateway.heard).toEqual(['goodbye']);
    expect(ends).toMatchObject([{ kind: 'closed', by: 'us' }]);
  });

  it('does not wait for longer than it may', async () => {
    const { clock, gateway, ends, link, send } = setUp(500);
    await gateway.refuse(new ParleyError('SERVER_LOST'));
    send('x');
    const closed = Promise.all([link.close(), link.close()]);
    clock.advance(500);
    await closed;
    expect(ends).toMatchObject([{ kind: 'closed', by: 'us' }]);
    expect(clock.waiting).toBe(0);
  });

  it('is at once when nothing is queued, and when it has ended before', async () => {
    const { clock, ends, link, quiet } = setUp();
    await quiet();
    await link.close();
    await link.close();
    link.resume();
    link.abandon();
    expect(ends).toHaveLength(1);
    expect(clock.waiting).toBe(0);
  });

  it('a link that is abandoned ends without a word', () => {
    const { clock, gateway, ends, link, send } = setUp();
    send('x');
    link.abandon();
    expect(ends).toEqual([{ kind: 'lost' }]);
    clock.advance(lostMs);
    expect(gateway.requests).toHaveLength(1);
  });
});

function codeOf(work: () => void): string {
  try {
    work();
  } catch (error) {
    if (error instanceof TransportError) return error.code;
    throw error;
  }
  return 'none';
}
