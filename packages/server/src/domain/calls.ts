import { ParleyError, type Introduction } from '@parley/protocol';
import type { Introductions } from './introductions.js';
import { PairTable } from './pair-table.js';
import type { Clock } from './ports.js';
import type { OnlineUser, PresenceTable } from './presence.js';
import type { Sessions } from './sessions.js';

/** A call that rings at the callee; the caller's request waits for how it ends. */
interface Call {
  readonly caller: OnlineUser;
  readonly answered: Promise<Introduction>;
  readonly accept: (introduction: Introduction) => void;
  readonly refuse: (error: ParleyError) => void;
  readonly stopRinging: () => void;
}

/** Ringing, and how it ends: answered, given up, too late, or one of the two gone. */
export class Calls {
  readonly #clock: Clock;
  readonly #introductions: Introductions;
  readonly #ringMs: number;
  readonly #presence: PresenceTable;
  readonly #sessions: Sessions;
  /** From the caller to the callee. */
  readonly #ringing = new PairTable<Call>();

  constructor(clock: Clock, introductions: Introductions, ringMs: number, presence: PresenceTable, sessions: Sessions) {
    this.#clock = clock;
    this.#introductions = introductions;
    this.#ringMs = ringMs;
    this.#presence = presence;
    this.#sessions = sessions;
  }

  /**
   * Calls a user who is online and waits for the answer. Two who call each other are joined: the second call accepts
   * the first. Calling again while it rings waits for the same answer.
   * @throws ParleyError BUSY, DECLINED, USER_OFFLINE
   */
  open(caller: OnlineUser, callee: OnlineUser): Promise<Introduction> {
    const theirs = this.#ringing.get(callee.name, caller.name);
    if (theirs) return Promise.resolve(this.#join(theirs, caller));
    const mine = this.#ringing.get(caller.name, callee.name);
    if (mine) return mine.answered;
    this.#sessions.requireRoom(caller.name, callee.name);
    return this.#ring(caller, callee);
  }

  /** @throws ParleyError NO_CALLER */
  accept(callee: OnlineUser, caller: string): Introduction {
    return this.#join(this.#ringingCall(callee, caller), callee);
  }

  /** @throws ParleyError NO_CALLER */
  refuse(callee: OnlineUser, caller: string, why: 'BUSY' | 'DECLINED' | 'NO_PATH'): void {
    // A device learns by itself whether there is a path; this is about a client that the server calls.
    const text = why === 'NO_PATH' ? 'the client of this user does not answer at its port' : undefined;
    this.#end(this.#ringingCall(callee, caller), callee.name).refuse(new ParleyError(why, text));
  }

  /** Takes a call back, if there is one. */
  cancel(caller: string, callee: string): void {
    const call = this.#ringing.get(caller, callee);
    if (!call) return;
    this.#end(call, callee).refuse(new ParleyError('DECLINED', 'the call was taken back'));
    this.#presence.tell(callee, 'session.cancelled', { peer: caller });
  }

  /** The requests of a connection end with it, and so do the calls they made. */
  cancelAll(caller: string): void {
    for (const [callee] of this.#ringing.from(caller)) this.cancel(caller, callee);
  }

  /** Lets the calls to a user ring on its new connection, once the reply that it is logged in has gone out. */
  ringAgain(callee: OnlineUser): void {
    for (const [caller, call] of this.#ringing.to(callee.name)) {
      this.#clock.after(0, () => {
        if (this.#ringing.get(caller, callee.name) !== call || !this.#presence.isCurrent(callee)) return;
        this.#presence.tell(callee.name, 'session.incoming', { peer: caller, door: call.caller.door });
      });
    }
  }

  /** A user who went offline takes no call. */
  refuseAll(name: string): void {
    for (const [, call] of this.#ringing.to(name)) this.#end(call, name).refuse(new ParleyError('USER_OFFLINE'));
  }

  /** Ends all: the server stops. */
  stop(): void {
    for (const [caller, callee, call] of [...this.#ringing.entries()]) {
      this.#ringing.delete(caller, callee);
      call.stopRinging();
      call.refuse(new ParleyError('SERVER_SHUTDOWN'));
    }
  }

  #ringingCall(callee: OnlineUser, caller: string): Call {
    const call = this.#ringing.get(caller, callee.name);
    if (!call) throw new ParleyError('NO_CALLER', 'this user is not calling');
    return call;
  }

  #ring(caller: OnlineUser, callee: OnlineUser): Promise<Introduction> {
    let accept: Call['accept'] = () => undefined;
    let refuse: Call['refuse'] = () => undefined;
    const answered = new Promise<Introduction>((resolve, reject) => {
      accept = resolve;
      refuse = reject;
    });
    const stopRinging = this.#clock.after(this.#ringMs, () => {
      const call = this.#ringing.get(caller.name, callee.name);
      if (!call) return;
      this.#end(call, callee.name).refuse(new ParleyError('DECLINED', 'the user did not answer'));
      this.#presence.tell(callee.name, 'session.cancelled', { peer: caller.name });
    });
    this.#ringing.set(caller.name, callee.name, { caller, answered, accept, refuse, stopRinging });
    this.#presence.tell(callee.name, 'session.incoming', { peer: caller.name, door: caller.door });
    return answered;
  }

  #join(call: Call, acceptor: OnlineUser): Introduction {
    this.#sessions.requireRoom(acceptor.name, call.caller.name);
    const { id, toInitiator, toResponder } = this.#introductions.introduce(call.caller, acceptor, 'session');
    this.#end(call, acceptor.name).accept(toInitiator);
    this.#sessions.begin(id, call.caller.name, acceptor.name);
    return toResponder;
  }

  #end(call: Call, callee: string): Call {
    call.stopRinging();
    this.#ringing.delete(call.caller.name, callee);
    return call;
  }
}
