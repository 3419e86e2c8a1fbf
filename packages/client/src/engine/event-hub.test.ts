import { describe, expect, it } from '@jest/globals';
import { EventHub } from './event-hub.js';

describe('the event hub', () => {
  it('tells every listener in order until it is off', () => {
    const hub = new EventHub<number>();
    const heard: string[] = [];
    const listener = (n: number): void => {
      heard.push(`a${String(n)}`);
    };
    const off = hub.on(listener);
    hub.on(listener);
    hub.emit(1);
    off();
    hub.emit(2);
    expect(heard).toEqual(['a1', 'a1', 'a2']);
  });

  it('iterates over what came before and comes after the reading, until the signal', async () => {
    const hub = new EventHub<number>();
    const stop = new AbortController();
    const events = hub.iterate(stop.signal);
    hub.emit(1);
    hub.emit(2);
    expect(await events.next()).toEqual({ done: false, value: 1 });
    expect(await events.next()).toEqual({ done: false, value: 2 });
    const waiting = events.next();
    hub.emit(3);
    expect(await waiting).toEqual({ done: false, value: 3 });
    const last = events.next();
    stop.abort();
    expect((await last).done).toBe(true);
    hub.emit(4);
    expect((await events.next()).done).toBe(true);
  });

  it('ends when its reader leaves the loop', async () => {
    const hub = new EventHub<number>();
    const events = hub.iterate(new AbortController().signal);
    hub.emit(1);
    hub.emit(2);
    const seen: number[] = [];
    for await (const event of events) {
      seen.push(event);
      break;
    }
    expect(seen).toEqual([1]);
    expect((await events.next()).done).toBe(true);
  });

  it('drops the oldest beyond ten thousand unread', async () => {
    const hub = new EventHub<number>();
    const events = hub.iterate(new AbortController().signal);
    for (let n = 0; n < 10_005; n += 1) hub.emit(n);
    expect((await events.next()).value).toBe(5);
  });
});
