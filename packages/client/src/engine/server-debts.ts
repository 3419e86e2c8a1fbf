/** What the server has to know, such as the end of a session, and could not be told while it was away. */
import { ParleyError } from '@parley/protocol';
import type { ServerLink } from './server-link.js';

/** Beyond it the oldest goes: the server forgets by itself who does not come back in time. */
const debtLimit = 100;

export class ServerDebts {
  readonly #owed: (() => Promise<unknown>)[] = [];

  /** Tells the server now, or when it is back. Never rejects. */
  async tell(say: () => Promise<unknown>): Promise<void> {
    try {
      await say();
    } catch (error) {
      if (!(error instanceof ParleyError) || error.code !== 'SERVER_LOST') return;
      if (this.#owed.push(say) > debtLimit) this.#owed.shift();
    }
  }

  /** A call that nobody waits for any more. */
  takeBack(peer: string, server: ServerLink): Promise<void> {
    return this.tell(() => server.call('session.close', { peer, id: null, reason: 'ended' }));
  }

  /** To be called first when the server is back: says all at once, before anything newer can be said. */
  async pay(): Promise<void> {
    await Promise.all(this.#owed.splice(0).map((say) => this.tell(say)));
  }

  /** The login they belong to is over. */
  forget(): void {
    this.#owed.length = 0;
  }
}

/** The server may have done what was asked, though nobody waited for its answer. */
export function isUnanswered(error: unknown): boolean {
  return error instanceof ParleyError && ['ABORTED', 'TIMEOUT', 'SERVER_LOST'].includes(error.code);
}
