/** Who calls us, and what becomes of it: taken, asked about, declined, or told that we are busy. */
import { ParleyError } from '@parley/protocol';
import type { AcceptPolicy, Path, SessionEndReason } from './api.js';
import { closeReasonOf, Session } from './session.js';
import type { Surroundings } from './surroundings.js';

export interface IncomingCallsOptions {
  readonly policy: AcceptPolicy;
  readonly ringMs: number;
  /** Makes an accepted session the one the user is in. */
  begin(session: Session): void;
}

type State =
  | { readonly name: 'quiet' }
  /** The user is asked. */
  | {
      readonly name: 'ringing';
      readonly peer: string;
      readonly path: Path;
      readonly timer: NodeJS.Timeout;
      readonly around: Surroundings;
    }
  /** The call is accepted, and its session is being made. */
  | {
      readonly name: 'answering';
      readonly peer: string;
      readonly stop: AbortController;
      readonly done: Promise<unknown>;
    };

export class IncomingCalls {
  readonly #options: IncomingCallsOptions;
  #state: State = { name: 'quiet' };

  constructor(options: IncomingCallsOptions) {
    this.#options = options;
  }

  /**
   * @param path by which the session would be
   * @param around what it would find
   * @param current the open session, when it is with this very caller: its device has lost it and calls anew
   * @param busy the user is in, or about to be in, something else
   */
  onCall(peer: string, path: Path, around: Surroundings, current: Session | undefined, busy: boolean): void {
    const { policy, ringMs } = this.#options;
    // Told twice, after a reconnect.
    if (this.#state.name !== 'quiet' && this.#state.peer === peer) return;
    if (busy || this.#state.name !== 'quiet') {
      reject(peer, 'busy', around);
      around.notice({ level: 'info', text: `${peer} called while you were busy` });
      return;
    }
    if (policy === 'never' && !current) {
      reject(peer, 'decline', around);
      return;
    }
    around.emit({ event: 'session', peer, state: 'incoming', path });
    if (policy !== 'ask' || current) {
      this.#answer(peer, path, around, current).catch(() => {
        // Told as the end of the session.
      });
      return;
    }
    const timer = setTimeout(() => {
      this.#refuse('decline', 'DECLINED');
    }, ringMs);
    this.#state = { name: 'ringing', peer, path, timer, around };
  }

  onCancelled(peer: string): void {
    if (this.#state.name === 'ringing' && this.#state.peer === peer) this.#silence();
  }

  /** The user says yes. @throws ParleyError NO_CALLER, and what making a session throws */
  async accept(signal: AbortSignal | undefined): Promise<Session> {
    const { peer, path, around } = this.#stopRinging();
    return this.#answer(peer, path, around, undefined, signal);
  }

  /** The user says no. @throws ParleyError NO_CALLER */
  decline(): string {
    return this.#refuse('decline', 'DECLINED');
  }

  /** The user does something else: whoever rings is told busy, and a session that is being made is given up. */
  async giveWay(): Promise<void> {
    if (this.#state.name === 'ringing') this.#refuse('busy', 'DECLINED');
    if (this.#state.name !== 'answering') return;
    const { stop, done } = this.#state;
    stop.abort();
    await done;
  }

  /** The call is over without an answer of ours: the server is away, or we are leaving it. */
  hangUp(): void {
    if (this.#state.name === 'ringing') this.#silence();
  }

  async #answer(
    peer: string,
    path: Path,
    around: Surroundings,
    current: Session | undefined,
    signal?: AbortSignal,
  ): Promise<Session> {
    const stop = new AbortController();
    const either = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
    const answered = this.#makeSession(peer, path, around, current, either);
    const state: State = { name: 'answering', peer, stop, done: answered.catch(() => undefined) };
    this.#state = state;
    try {
      return await answered;
    } finally {
      if (this.#state === state) this.#state = { name: 'quiet' };
    }
  }

  async #makeSession(
    peer: string,
    path: Path,
    around: Surroundings,
    current: Session | undefined,
    signal: AbortSignal,
  ): Promise<Session> {
    try {
      const { introduction } = await around.server.call('session.answer', { peer, answer: 'accept' });
      if (!introduction) throw new ParleyError('NO_CALLER');
      const session = Session.with(peer, introduction, around);
      // The user, or the policy, has said yes to an encrypted session.
      if (path === 'direct' && session.path === 'gateway')
        throw new ParleyError('INTERNAL', `the server introduces ${peer} by another way than it said`);
      current?.replace();
      this.#options.begin(session);
      await session.establish(signal);
      return session;
    } catch (error) {
      const code = error instanceof ParleyError ? error.code : undefined;
      const reason: SessionEndReason = code === 'NO_CALLER' ? 'CANCELLED' : closeReasonOf(error);
      around.emit({ event: 'session', peer, state: 'closed', reason });
      if (code === 'KEY_CHANGED') around.notice({ level: 'warning', text: (error as Error).message });
      throw error;
    }
  }

  #refuse(answer: 'busy' | 'decline', reason: SessionEndReason): string {
    const { peer, around } = this.#stopRinging();
    reject(peer, answer, around);
    around.emit({ event: 'session', peer, state: 'closed', reason });
    return peer;
  }

  #silence(): void {
    const { peer, around } = this.#stopRinging();
    around.emit({ event: 'session', peer, state: 'closed', reason: 'CANCELLED' });
  }

  /** @throws ParleyError NO_CALLER */
  #stopRinging(): { peer: string; path: Path; around: Surroundings } {
    if (this.#state.name !== 'ringing') throw new ParleyError('NO_CALLER');
    const { peer, path, around, timer } = this.#state;
    clearTimeout(timer);
    this.#state = { name: 'quiet' };
    return { peer, path, around };
  }
}

function reject(peer: string, answer: 'busy' | 'decline', { server }: Surroundings): void {
  server.call('session.answer', { peer, answer }).catch(() => {
    // The caller has given up, or the connection broke: there is nobody to answer.
  });
}
