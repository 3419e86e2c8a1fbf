import { describe, expect, it } from '@jest/globals';
import type { ClientEvent } from '../engine/api.js';
import { backlogEvents, backlogTextCharacters, EventBacklog, type AwaitedEvent } from './event-backlog.js';
import { ManualTimer, settled } from './fake-client.fixture.js';

function message(seq: number, fields: Partial<ClientEvent & { event: 'message' }> = {}): ClientEvent {
  return { event: 'message', from: 'bob', room: null, text: `text ${String(seq)}`, id: 'x', seq, at: 'now', ...fields };
}

function awaited(kind: AwaitedEvent['kind'], ...fields: [string, string][]): AwaitedEvent {
  return { kind, fields };
}

function setUp() {
  const backlog = new EventBacklog();
  const timer = new ManualTimer();
  const abort = new AbortController();
  const wait = (what: AwaitedEvent, ms = 5_000) => backlog.wait(what, ms, timer, abort.signal);
  return { backlog, timer, abort, wait };
}

describe('EventBacklog', () => {
  it('gives the first event that fits, once, and keeps the others for later', async () => {
    const { backlog, wait } = setUp();
    const opened: ClientEvent = { event: 'session', peer: 'bob', state: 'opened' };
    for (const event of [message(1), opened, message(2)]) backlog.add(event);
    expect(await wait(awaited('session', ['peer', 'bob']))).toBe(opened);
    expect(await wait(awaited('message'))).toEqual(message(1));
    expect(await wait(awaited('message'))).toEqual(message(2));
  });

  it('drops the oldest when the texts grow too large together', async () => {
    const { backlog, timer, wait } = setUp();
    const text = 'x'.repeat(backlogTextCharacters / 4);
    for (let seq = 1; seq <= 5; seq += 1) backlog.add(message(seq, { text }));
    const gone = wait(awaited('message', ['seq', '1']));
    gone.catch(() => undefined);
    await settled();
    timer.advance(5_000);
    await expect(gone).rejects.toMatchObject({ code: 'TIMEOUT' });
    expect(await wait(awaited('message'))).toMatchObject({ seq: 2 });
    // What was taken makes room.
    backlog.add(message(6, { text }));
    expect(await wait(awaited('message'))).toMatchObject({ seq: 3 });
  });

  it('compares values as texts; a field that is not there fits nothing', async () => {
    const { backlog, timer, wait } = setUp();
    backlog.add(message(1, { room: 'lobby' }));
    backlog.add(message(2));
    expect(await wait(awaited('message', ['room', 'null'], ['seq', '2']))).toEqual(message(2));
    backlog.add({ event: 'room', room: 'lobby', state: 'closed' });
    const missing = wait(awaited('room', ['user', 'undefined']));
    timer.advance(5_000);
    await expect(missing).rejects.toMatchObject({ code: 'TIMEOUT' });
  });

  it('waits for an event that is still to come, and lets others pass', async () => {
    const { backlog, timer, wait } = setUp();
    const waiting = wait(awaited('message', ['seq', '2']));
    backlog.add(message(1));
    backlog.add(message(2));
    expect(await waiting).toEqual(message(2));
    expect(timer.nextMs).toBeUndefined();
    expect(await wait(awaited('message'))).toEqual(message(1));
  });

  it('an event that was waited for is not given again', async () => {
    const { backlog, timer, wait } = setUp();
    const first = wait(awaited('message'));
    backlog.add(message(1));
    await first;
    const second = wait(awaited('message'));
    timer.advance(5_000);
    await expect(second).rejects.toMatchObject({ code: 'TIMEOUT' });
  });

  it('says what it waited for and what came last', async () => {
    const { backlog, timer, wait } = setUp();
    const first = wait(awaited('message', ['from', 'bob']), 1_500);
    timer.advance(1_499);
    await settled();
    timer.advance(1);
    await expect(first).rejects.toMatchObject({
      message: 'no event "message from=bob" within 1500ms; there was no event at all',
    });
    backlog.add({ event: 'session', peer: 'bob', state: 'opened' });
    const second = wait(awaited('receipt'));
    timer.advance(5_000);
    await expect(second).rejects.toMatchObject({
      message: 'no event "receipt" within 5s; the last event was: session peer=bob state=opened',
    });
  });

  it('is given up by the signal', async () => {
    const { abort, timer, wait } = setUp();
    const waiting = wait(awaited('message'));
    abort.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'ABORTED' });
    expect(timer.nextMs).toBeUndefined();
  });

  it('keeps the newest 10,000', async () => {
    const { backlog, wait } = setUp();
    for (let seq = 1; seq <= backlogEvents + 1; seq += 1) backlog.add(message(seq));
    expect(await wait(awaited('message'))).toEqual(message(2));
  });
});
