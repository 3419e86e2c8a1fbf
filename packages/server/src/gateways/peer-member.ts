import { isPeerName, type DirectoryClient } from '@parley/gateways';
import { ParleyError, type CloseReason } from '@parley/protocol';
import { BridgedUser, type BridgeEvents } from './bridged-user.js';
import type { GatewayParts } from './gateway-parts.js';
import { callClient } from './peer-call.js';
import { PeerTalk } from './peer-talk.js';
import type { StatusLog } from './status-log.js';

/** How long a call waits for its turn. */
const turnMs = 5_000;

/** What a member needs of its gateway. */
interface Around {
  readonly statusLog: StatusLog;
  /** At which port the directory’s clients reach a user who is none of them; undefined: at none. */
  portOf(user: string): Promise<number | undefined>;
}

/**
 * A client of the directory among the users of the server: its session with a user is a connection, to the client or
 * from it, at whose other end we stand for that user. (Two clients talk to each other without us.)
 */
export class PeerMember implements BridgeEvents {
  readonly client: DirectoryClient;
  readonly #parts: GatewayParts;
  readonly #around: Around;
  /** With each user at most one. */
  readonly #talks = new Map<string, PeerTalk>();
  readonly #joined: Promise<BridgedUser>;
  #user: BridgedUser | undefined;

  private constructor(parts: GatewayParts, client: DirectoryClient, fromPort: number, around: Around) {
    this.#parts = parts;
    this.client = client;
    this.#around = around;
    const facts = { typed: client.name, door: 'peer', address: client.source, port: fromPort } as const;
    this.#joined = BridgedUser.join(parts, facts, this);
  }

  /** @param fromPort of the client’s connection @throws ParleyError NAME_INVALID, NAME_TAKEN */
  static async join(
    parts: GatewayParts,
    client: DirectoryClient,
    fromPort: number,
    around: Around,
  ): Promise<PeerMember> {
    const member = new PeerMember(parts, client, fromPort, around);
    member.#user = await member.#joined;
    return member;
  }

  /** Among the users of the server. */
  get name(): string {
    return this.#self.name;
  }

  /** The client has connected to where we stand for a user, and calls. */
  takeCall(talk: PeerTalk, user: string): void {
    const before = this.#talks.get(user);
    if (before?.state === 'called' || before?.state === 'talking') {
      talk.answer(false);
      return;
    }
    // They call each other: one connection is enough.
    before?.end();
    this.#keep(user, talk);
    this.#open(user, talk).catch((error: unknown) => {
      if (!(error instanceof ParleyError)) this.#parts.log.error({ err: error }, 'peer directory: a call failed');
      if (this.#forget(user, talk)) talk.answer(false);
    });
  }

  /** @throws ParleyError RATE_LIMITED when others of its network call so much that there is no turn for it */
  async #open(user: string, talk: PeerTalk): Promise<void> {
    const { introductions, clock, monotonicMs } = this.#parts;
    const deadline = monotonicMs() + turnMs;
    for (
      let waitMs = introductions.take(this.client.source);
      waitMs > 0;
      waitMs = introductions.take(this.client.source)
    ) {
      if (monotonicMs() + waitMs > deadline) throw new ParleyError('RATE_LIMITED');
      await new Promise<void>((resolve) => {
        clock.after(waitMs, resolve);
      });
      if (talk.isOver) return;
    }
    await this.#self.open(user);
  }

  /** Off the list: ends all talks, and frees the name. */
  leave(how: 'ended' | 'dropped'): void {
    for (const talk of this.#talks.values()) talk.end();
    this.#talks.clear();
    this.#self.leave(how);
  }

  // --- what the other users do --------------------------------------------------------------------------------------

  called(user: string): void {
    this.#call(user).catch((error: unknown) => {
      this.#parts.log.error({ err: error }, 'peer directory: a client could not be called');
    });
  }

  callEnded(user: string): void {
    const talk = this.#talks.get(user);
    if (talk?.state !== 'listening' && talk?.state !== 'calling') return;
    this.#forget(user, talk);
    talk.end();
  }

  opened(user: string): void {
    const talk = this.#talks.get(user);
    if (talk?.state === 'called') talk.answer(true);
    else if (talk?.state !== 'talking') this.#self.close(user);
  }

  closed(user: string, _reason: CloseReason, lost: number): void {
    const talk = this.#talks.get(user);
    if (lost > 0) talk?.say(`(not confirmed: your last ${lost === 1 ? 'text' : `${String(lost)} texts`})`);
    // A newer session has taken its place, in the same talk.
    if (this.#self.isInSession(user)) return;
    this.#talks.delete(user);
    talk?.end();
  }

  text(from: string, _room: string | null, text: string, delivered: () => void): void {
    this.#talks.get(from)?.say(text, delivered);
  }

  stalled(from: string): void {
    this.#talks.get(from)?.drop();
  }

  refused(): void {
    // Texts go out in sessions only: none waits for a call.
  }

  roomChanged(): void {
    // A client has no way into a room.
  }

  shutdown(): void {
    // The gateway is stopped with the server, and lets its members leave.
  }

  // --- talks --------------------------------------------------------------------------------------------------------

  /** It cannot be reached before it has joined. */
  get #self(): BridgedUser {
    if (!this.#user) throw new Error('not joined');
    return this.#user;
  }

  async #call(user: string): Promise<void> {
    const self = await this.#joined;
    const before = this.#talks.get(user);
    if (before) {
      if (before.state === 'talking') self.accept(user);
      return;
    }
    // A longer name would be cut, and then might be somebody else's.
    if (!isPeerName(user)) {
      self.refuse(user, 'NO_PATH');
      return;
    }
    const talk = new PeerTalk(this.#parts);
    this.#keep(user, talk);
    const port = (await this.#around.portOf(user)) ?? 0;
    const { clock, log } = this.#parts;
    // Only where the client came from, and the port that we allotted to it: nobody chooses whom this server dials.
    const target = { host: this.client.source, port: this.client.port };
    const isReached =
      talk.isOver ||
      (await callClient({
        ...target,
        caller: { name: user, port },
        talk,
        clock,
        log,
        statusLog: this.#around.statusLog,
      }));
    if (!isReached && this.#forget(user, talk)) self.refuse(user, 'NO_PATH');
  }

  #keep(user: string, talk: PeerTalk): void {
    this.#talks.set(user, talk);
    talk.tell({
      agreed: () => {
        this.#self.accept(user);
        if (this.#self.isInSession(user)) return;
        // The caller gave up in the same moment.
        this.#forget(user, talk);
        talk.end();
      },
      declined: () => {
        if (this.#forget(user, talk)) this.#self.refuse(user, 'DECLINED');
      },
      text: async (text) => {
        if (this.#talks.get(user) !== talk || !this.#self.isInSession(user)) return;
        await this.#self.say(user, text).catch((error: unknown) => {
          // Of what has become of the session, `closed` tells.
          if (!(error instanceof ParleyError)) throw error;
        });
      },
      over: (how) => {
        if (!this.#forget(user, talk)) return;
        this.#self.refuse(user, how === 'ended' ? 'DECLINED' : 'NO_PATH');
        this.#self.close(user, how === 'ended' ? 'ended' : 'PEER_LOST');
      },
    });
  }

  /** @returns false when another talk with that user has taken its place, or none is left */
  #forget(user: string, talk: PeerTalk): boolean {
    return this.#talks.get(user) === talk && this.#talks.delete(user);
  }
}
