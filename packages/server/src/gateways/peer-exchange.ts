import { encodePeerMessage, PeerMessageDecoder, type PeerMessage } from '@parley/gateways';
import type { Clock } from '../domain/index.js';
import type { Log } from '../log.js';
import type { GatewaySocket, GatewayUse } from './gateway-listener.js';
import { MessageDeadline } from './peer-deadline.js';

/** What goes back: any number of messages. `end`: the client breaks the protocol, and the connection ends. */
export type ExchangeAnswer = readonly PeerMessage[] | 'end';

export interface ExchangeParts {
  readonly clock: Clock;
  readonly log: Log;
  answer(message: PeerMessage): Promise<ExchangeAnswer>;
  /** The connection is gone. */
  closed(): void;
}

/** A connection of a client with the directory, for one exchange or for many; each is answered before the next is read. */
export class PeerExchange implements GatewayUse {
  readonly #socket: GatewaySocket;
  readonly #parts: ExchangeParts;
  readonly #decoder = new PeerMessageDecoder();
  readonly #deadline: MessageDeadline;
  #isOver = false;

  constructor(socket: GatewaySocket, parts: ExchangeParts) {
    this.#socket = socket;
    this.#parts = parts;
    this.#deadline = new MessageDeadline(parts.clock, () => {
      parts.log.debug({ address: socket.address }, 'peer directory: no whole message came in time');
      socket.destroy();
    });
    this.#deadline.due();
  }

  received(bytes: Uint8Array): void {
    // Nothing more comes, not even the end, before this has been answered.
    this.#socket.pause();
    this.#take(bytes).then(
      () => {
        this.#socket.resume();
      },
      (error: unknown) => {
        this.#parts.log.error({ err: error }, 'peer directory: an exchange failed');
        this.#socket.destroy();
      },
    );
  }

  closed(): void {
    this.#isOver = true;
    this.#deadline.met();
    this.#parts.closed();
  }

  async #take(bytes: Uint8Array): Promise<void> {
    let isFirst = true;
    for (const decoded of this.#decoder.push(bytes)) {
      this.#deadline.met();
      // Others have their turn between two messages of one client.
      if (!isFirst) await new Promise((resolve) => setImmediate(resolve));
      isFirst = false;
      if ('problem' in decoded) {
        this.#end(decoded.problem);
        return;
      }
      const answer = await this.#parts.answer(decoded.message);
      // It may have gone while that took its time.
      if (this.#isOver) return;
      if (answer === 'end') {
        this.#end(`no client says ${decoded.message.type} to a directory`);
        return;
      }
      if (answer.length > 0) this.#socket.write(Buffer.concat(answer.map(encodePeerMessage)));
    }
    if (this.#decoder.begun) this.#deadline.due();
  }

  #end(problem: string): void {
    this.#isOver = true;
    this.#parts.log.debug({ address: this.#socket.address, problem }, 'peer directory: a connection was ended');
    this.#socket.end();
  }
}
