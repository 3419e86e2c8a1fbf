/** What the server has to know, such as the end of a session, and could not be told while it was away. */
import { ParleyError } from '@parley/protocol';

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

  /** To be called first when the server is back: says all at once, before anything newer can be said. */
  async pay(): Promise<void> {
    await Promise.all(this.#owed.splice(0).map((say) => this.tell(say)));
  }

  /** The login they belong to is over. */
  forget(): void {
    this.#owed.length = 0;
  }
}
