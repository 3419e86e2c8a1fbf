/** Holds what happened until a script waits for it, so that `wait` cannot come too late for an event. */
import { ParleyError, showDuration } from '@parley/protocol';
import type { ClientEvent } from '../engine/api.js';
import type { Timer } from './timer.js';

/** The fields of each event, as scripts name them; kept complete by the compiler. */
export const eventFields = {
  message: ['from', 'room', 'text', 'id', 'seq', 'at'],
  receipt: ['id', 'to', 'state'],
  session: ['peer', 'state', 'path', 'reason'],
  room: ['room', 'state', 'user'],
  server: ['state'],
} as const satisfies { [E in ClientEvent as E['event']]: readonly (keyof E)[] };

export type EventKind = keyof typeof eventFields;

export function isEventKind(word: string): word is EventKind {
  return Object.hasOwn(eventFields, word);
}

/** What a script waits for: values compare as texts, so `room=null` and `seq=1` work. */
export interface AwaitedEvent {
  readonly kind: EventKind;
  readonly fields: readonly (readonly [name: string, value: string])[];
}

export const backlogEvents = 10_000;

interface Waiter {
  readonly awaited: AwaitedEvent;
  readonly take: (event: ClientEvent) => void;
}

/** Of all texts together: a peer that talks on to a script that does not listen must not fill the memory. */
export const backlogTextCharacters = 8 * 1024 * 1024;

/** The newest 10,000 events (and 8 Mi characters) that nobody has waited for yet; older ones are dropped. */
export class EventBacklog {
  #events: ClientEvent[] = [];
  #textCharacters = 0;
  #last: ClientEvent | undefined;
  #waiter: Waiter | undefined;

  add(event: ClientEvent): void {
    this.#last = event;
    if (this.#waiter && matches(event, this.#waiter.awaited)) {
      this.#waiter.take(event);
      return;
    }
    this.#events.push(event);
    this.#textCharacters += textCharacters(event);
    while (this.#events.length > backlogEvents || this.#textCharacters > backlogTextCharacters) {
      const dropped = this.#events.shift();
      if (dropped) this.#textCharacters -= textCharacters(dropped);
    }
  }

  /**
   * Takes the oldest event that fits and has not been taken before; the others stay.
   * @throws ParleyError TIMEOUT, ABORTED
   */
  wait(awaited: AwaitedEvent, timeoutMs: number, timer: Timer, signal: AbortSignal): Promise<ClientEvent> {
    const index = this.#events.findIndex((event) => matches(event, awaited));
    const [held] = index === -1 ? [] : this.#events.splice(index, 1);
    if (held) {
      this.#textCharacters -= textCharacters(held);
      return Promise.resolve(held);
    }
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        cancel();
        signal.removeEventListener('abort', stop);
        this.#waiter = undefined;
      };
      const stop = (): void => {
        settle();
        reject(new ParleyError('ABORTED'));
      };
      const cancel = timer.after(timeoutMs, () => {
        settle();
        reject(new ParleyError('TIMEOUT', this.#whatCameInstead(awaited, timeoutMs)));
      });
      this.#waiter = {
        awaited,
        take: (event) => {
          settle();
          resolve(event);
        },
      };
      if (signal.aborted) stop();
      else signal.addEventListener('abort', stop, { once: true });
    });
  }

  #whatCameInstead({ kind, fields }: AwaitedEvent, timeoutMs: number): string {
    const awaited = [kind, ...fields.map((field) => field.join('='))].join(' ');
    const last = this.#last ? `the last event was: ${describe(this.#last)}` : 'there was no event at all';
    return `no event "${awaited}" within ${showDuration(timeoutMs)}; ${last}`;
  }
}

function matches(event: ClientEvent, { kind, fields }: AwaitedEvent): boolean {
  if (event.event !== kind) return false;
  const values = new Map<string, unknown>(Object.entries(event));
  return fields.every(([name, value]) => values.has(name) && String(values.get(name)) === value);
}

function describe(event: ClientEvent): string {
  const fields = Object.entries(event).filter(([name]) => name !== 'event');
  return [event.event, ...fields.map(([name, value]) => `${name}=${String(value).slice(0, 100)}`)].join(' ');
}

function textCharacters(event: ClientEvent): number {
  return event.event === 'message' ? event.text.length : 0;
}
