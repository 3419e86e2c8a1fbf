import { limits, ParleyError, type ErrorCode } from '@parley/protocol';
import type { LineAnswer, LineAsk, LineNews, Refusal } from '@parley/gateways';
import { TokenBucket } from '../dispatch/token-bucket.js';
import { BridgedUser, type BridgeEvents } from './bridged-user.js';
import type { GatewaySocket } from './gateway-listener.js';
import type { GatewayParts } from './gateway-parts.js';

/** What a telnet user may learn of, and meet, at once. */
const maxOthers = limits.pageNames;

/** Names that one connection may try: each is looked up among the accounts. */
const joinRate = { burst: 20, perSecond: 2 };

/** How long a user who goes waits for what was said to arrive. */
const settleMs = 3_000;

/** What the line users have in common: how they typed the names that others know them by. */
export type TypedNames = Map<string, string>;

/** The other users and the rooms, for one client of the line service. */
export class LineWorld {
  readonly #parts: GatewayParts;
  readonly #typedNames: TypedNames;
  readonly #socket: GatewaySocket;
  readonly #tell: (news: LineNews, delivered?: () => void) => void;
  readonly #joins: TokenBucket;
  #joined: Promise<BridgedUser> | undefined;
  #user: BridgedUser | undefined;
  #isGone = false;

  /** @param tell news for the client; `delivered` is to be called once its system has them */
  constructor(
    parts: GatewayParts,
    typedNames: TypedNames,
    socket: GatewaySocket,
    tell: (news: LineNews, delivered?: () => void) => void,
  ) {
    this.#parts = parts;
    this.#typedNames = typedNames;
    this.#socket = socket;
    this.#tell = tell;
    this.#joins = new TokenBucket(joinRate, parts.monotonicMs());
  }

  /** Never rejects. */
  async answer(ask: LineAsk): Promise<LineAnswer> {
    try {
      return await this.#answer(ask);
    } catch (error) {
      if (error instanceof ParleyError) return { type: 'refused', why: refusalOf(error.code) };
      this.#parts.log.error({ err: error }, `the line service could not ${ask.type}`);
      return { type: 'refused', why: 'failed' };
    }
  }

  /** Frees the name, at once. */
  leave(how: 'ended' | 'dropped'): void {
    this.#isGone = true;
    if (!this.#user) return;
    this.#typedNames.delete(this.#user.name);
    this.#user.leave(how);
  }

  async #answer(ask: LineAsk): Promise<LineAnswer> {
    switch (ask.type) {
      case 'join':
        await this.#join(ask.name);
        return { type: 'done' };
      case 'list':
        return { type: 'names', names: this.#others() };
      case 'say':
        await this.#mayCall(ask.to);
        await this.#self.say(ask.to, ask.text);
        return { type: 'done' };
      case 'broadcast':
        await this.#broadcast(ask.text);
        return { type: 'done' };
      case 'room':
        await this.#turn(() => this.#parts.introductions.take(this.#socket.address));
        await this.#self.enterRoom(ask.name);
        return { type: 'done' };
      case 'sayInRoom':
        this.#self.sayInRoom(ask.text);
        return { type: 'done' };
      case 'settle':
        await this.#settle();
        return { type: 'done' };
      case 'leaveRoom':
        await this.#self.leaveRoom();
        return { type: 'done' };
    }
  }

  get #self(): BridgedUser {
    if (!this.#user) throw new Error('only registered users ask for this');
    return this.#user;
  }

  async #join(typed: string): Promise<void> {
    await this.#turn(() => this.#joins.take(this.#parts.monotonicMs()));
    const { address, port } = this.#socket;
    this.#joined = BridgedUser.join(this.#parts, { typed, door: 'line', address, port }, this.#events());
    const user = await this.#joined;
    this.#user = user;
    if (this.#hasLeft()) {
      user.leave('dropped');
      return;
    }
    this.#typedNames.set(user.name, typed);
  }

  /** To be asked again after every wait. */
  #hasLeft(): boolean {
    return this.#isGone;
  }

  /** A telnet user can hear many at once, so takes every call. Never rejects. */
  async #takeCall(peer: string): Promise<void> {
    try {
      (await this.#joined)?.accept(peer);
    } catch (error) {
      // In as many sessions as one may be.
      if (!(error instanceof ParleyError))
        this.#parts.log.error({ err: error }, 'the line service could not take a call');
      this.#user?.refuse(peer, 'BUSY');
    }
  }

  /** Who is called gets something on the screen; others who cannot be reached, or are in a session, do not. */
  async #mayCall(peer: string): Promise<void> {
    const { introductions, messenger } = this.#parts;
    if (this.#self.isInSession(peer) || !messenger.isOnline(peer)) return;
    await this.#turn(() => introductions.take(this.#socket.address));
  }

  /** Waits until `take` says 0. @throws ParleyError ABORTED when the client is gone meanwhile */
  async #turn(take: () => number): Promise<void> {
    for (;;) {
      const waitMs = take();
      if (this.#hasLeft()) throw new ParleyError('ABORTED');
      if (waitMs === 0) return;
      await new Promise<void>((resolve) => {
        this.#parts.clock.after(waitMs, resolve);
      });
    }
  }

  async #settle(): Promise<void> {
    await this.#self.settled(settleMs);
    if (this.#hasLeft()) return;
    for (const { peer, count } of this.#self.unconfirmed())
      this.#tell({ type: 'lost', peer: this.#typed(peer), count });
  }

  #others(): string[] {
    const names: string[] = [];
    let after: string | null = '';
    do {
      const page = this.#parts.messenger.onlinePage({ after });
      names.push(...page.items.filter(({ door }) => door !== 'line').map(({ name }) => name));
      after = page.next;
    } while (after !== null && names.length < maxOthers);
    return names.slice(0, maxOthers);
  }

  async #broadcast(text: string): Promise<void> {
    for (const name of this.#others()) {
      await this.#mayCall(name);
      await this.#self.say(name, text).catch((error: unknown) => {
        // One who went meanwhile does not keep the others from hearing it.
        if (!(error instanceof ParleyError)) throw error;
      });
    }
  }

  #events(): BridgeEvents {
    return {
      called: (peer) => {
        void this.#takeCall(peer);
      },
      callEnded: () => undefined,
      opened: () => undefined,
      closed: (peer, _reason, lost) => {
        if (lost > 0) this.#tell({ type: 'lost', peer: this.#typed(peer), count: lost });
      },
      refused: (peer, code, lost) => {
        this.#tell({ type: 'refused', peer: this.#typed(peer), why: refusalOf(code), lost });
      },
      text: (from, room, text, delivered) => {
        this.#tell({ type: 'text', from: this.#typed(from), room, text }, delivered);
      },
      stalled: () => {
        this.#socket.destroy();
      },
      roomChanged: (room, state, user) => {
        if (user === null) this.#tell({ type: 'roomClosed', room });
        else this.#tell({ type: state === 'joined' ? 'came' : 'went', room, name: this.#typed(user) });
      },
      shutdown: () => {
        this.#tell({ type: 'shutdown' });
      },
    };
  }

  /** Line users know each other by the names they typed. */
  #typed(name: string): string {
    return this.#typedNames.get(name) ?? name;
  }
}

/** What the line service has a word for; all else is `failed`. */
const refusals: Partial<Record<ErrorCode, Refusal>> = {
  NAME_TAKEN: 'taken',
  NAME_INVALID: 'invalid',
  UNKNOWN_USER: 'unknown',
  USER_OFFLINE: 'unknown',
  SELF: 'unknown',
  UNKNOWN_ROOM: 'unknown',
  BUSY: 'busy',
  DECLINED: 'declined',
  ROOM_FULL: 'full',
};

function refusalOf(code: ErrorCode): Refusal {
  return refusals[code] ?? 'failed';
}
