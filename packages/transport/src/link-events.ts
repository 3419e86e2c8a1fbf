/** What a link tells of itself, until it is read; streams keep what they tell themselves. */
import type { LinkEnd, LinkEvent, PathEvent } from './link-event.js';

/** Nobody reads: what is newer is not told. The address in use can be asked for at any time. */
const mostUnread = 64;

export class LinkEvents {
  /** Mostly there is none. */
  #unread: LinkEvent[] | undefined;
  #end: LinkEnd | undefined;
  #hasEnded = false;

  pushEstablished(): void {
    (this.#unread ??= []).push({ type: 'established' });
  }

  pushPath(event: PathEvent): void {
    // A closed link still answers.
    if (this.#hasEnded) return;
    const unread = (this.#unread ??= []);
    if (event.type === 'moved' && unread.at(-1)?.type === 'moved') return;
    // That the path has moved is worth a place.
    if (unread.length < mostUnread || (event.type === 'moved' && unread.length === mostUnread)) unread.push(event);
  }

  /** Told when all else is read. */
  pushEnd(end: LinkEnd): void {
    this.#end = end;
    this.#hasEnded = true;
  }

  shift(): LinkEvent | undefined {
    const event = this.#unread?.shift();
    if (this.#unread?.length === 0) this.#unread = undefined;
    return event;
  }

  takeEnd(): LinkEvent | undefined {
    const end = this.#end;
    this.#end = undefined;
    return end && { type: 'ended', end };
  }
}
