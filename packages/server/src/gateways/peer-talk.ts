import { PeerChat, type CallerParticulars, type ChatEvent } from '@parley/gateways';
import type { Clock } from '../domain/index.js';
import type { Log } from '../log.js';
import type { GatewaySocket, GatewayUse } from './gateway-listener.js';
import { MessageDeadline } from './peer-deadline.js';

/** What may wait to be written to one client in a chat. */
export const talkQueueBytes = 256 * 1024;

export interface TalkListener {
  /** The client has taken our call. */
  agreed(): void;
  declined(): void;
  /** The next text comes when this one has been taken. */
  text(text: string): Promise<void>;
  /** The talk is over, by the client’s END or because the connection broke; not told of an end of our own making. */
  over(how: 'ended' | 'lost'): void;
}

interface TalkParts {
  readonly clock: Clock;
  readonly log: Log;
}

/** A connection between a client and us, who stand for another user; whoever of the two has called. */
export class PeerTalk implements GatewayUse {
  readonly #parts: TalkParts;
  readonly #chat = new PeerChat();
  readonly #deadline: MessageDeadline;
  #socket: GatewaySocket | undefined;
  #called: (caller: CallerParticulars) => void = () => undefined;
  #listener: TalkListener | undefined;
  #isOver = false;
  /** What came before is dealt with first. */
  #work = Promise.resolve();

  constructor(parts: TalkParts) {
    this.#parts = parts;
    this.#deadline = new MessageDeadline(parts.clock, () => {
      this.#break('no whole message came in time');
    });
  }

  get state(): PeerChat['state'] {
    return this.#chat.state;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Who hears of what comes of a call; it may ring as long as it takes. */
  tell(listener: TalkListener): void {
    this.#listener = listener;
    this.#socket?.settle(null);
  }

  /**
   * A client has connected, and has to say first who it is.
   * @param called the client calls: to be answered with `answer`, at once or later
   */
  listen(socket: GatewaySocket, called: (caller: CallerParticulars) => void): this {
    this.#socket = socket;
    this.#called = called;
    this.#deadline.due();
    return this;
  }

  /** We have connected to a client. @param ours whom we call for; the address is ours as that client sees it */
  call(socket: GatewaySocket, ours: Omit<CallerParticulars, 'address'>): this {
    this.#socket = socket;
    socket.settle(null);
    socket.write(this.#chat.call({ ...ours, address: socket.localAddress }));
    return this;
  }

  /** Our RESP to a call; a no ends the talk. One that the client has ended meanwhile gets none. */
  answer(agree: boolean): void {
    if (this.#chat.state !== 'called') {
      this.#finish();
      return;
    }
    this.#socket?.write(this.#chat.answer(agree));
    if (!agree) this.#finish();
  }

  /** Does nothing once the talk is over. @param written called once the client’s system has the text */
  say(text: string, written?: () => void): void {
    if (!this.#isOver && this.#chat.state === 'talking') this.#socket?.write(this.#chat.say(text), written);
  }

  /** Says END where that is due, and closes the connection. */
  end(): void {
    if (this.#isOver) return;
    const end = this.#chat.end();
    if (end.length > 0) this.#socket?.write(end);
    this.#finish();
  }

  /** The client takes nothing in. */
  drop(): void {
    this.#socket?.destroy();
  }

  received(bytes: Uint8Array): void {
    this.#socket?.pause();
    this.#work = this.#work.then(async () => {
      try {
        await this.#take(bytes);
      } catch (error) {
        this.#parts.log.error({ err: error }, 'peer directory: a chat failed');
        this.#break('a defect of ours');
      }
      this.#socket?.resume();
    });
  }

  closed(): void {
    this.#deadline.met();
    this.#work = this.#work.then(() => {
      this.#over('lost');
    });
  }

  async #take(bytes: Uint8Array): Promise<void> {
    const events = this.#chat.received(bytes);
    for (let next = events.next(); !next.done; next = events.next()) {
      this.#deadline.met();
      await this.#hear(next.value);
      // Others have their turn between two messages of one client, and this one may be over then.
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#isOver) return;
    }
    if (this.#chat.begun) this.#deadline.due();
  }

  async #hear(event: ChatEvent): Promise<void> {
    switch (event.type) {
      case 'called':
        this.#called(event.caller);
        break;
      case 'agreed':
        this.#listener?.agreed();
        break;
      case 'declined':
        this.#finish();
        this.#listener?.declined();
        break;
      case 'text':
        if (event.text !== '') await this.#listener?.text(event.text);
        break;
      case 'ended':
        this.#over('ended');
        break;
      case 'problem':
        this.#break(event.problem);
        break;
    }
  }

  /** The client breaks the protocol. */
  #break(problem: string): void {
    this.#parts.log.debug({ address: this.#socket?.address, problem }, 'peer directory: a chat was ended');
    this.#over('lost');
  }

  #over(how: 'ended' | 'lost'): void {
    if (this.#isOver) return;
    this.#finish();
    this.#listener?.over(how);
  }

  #finish(): void {
    this.#isOver = true;
    this.#deadline.met();
    this.#socket?.end();
  }
}
