import { PairChat, type PairClient, type PairOutput } from '@parley/gateways';
import type { HostAndPort } from '../listeners/host-and-port.js';
import type { Log } from '../log.js';
import { ConnectionPool } from './connection-pool.js';
import { GatewayListener, type GatewaySocket, type GatewayUse } from './gateway-listener.js';
import type { GatewayParts, PairSettings } from './gateway-parts.js';
import { StatusLog } from './status-log.js';

/** A pair between whom no line has passed may be silent so long. */
const unspokenMs = 5 * 60_000;

/** So may one that has begun to talk. */
const talkingMs = 60 * 60_000;

/** Lines are short, and one waits for the other's before the next: whoever has so much unread reads nothing at all. */
const sendQueueBytes = 64 * 1024;

/** The half-duplex chat of two, over TCP. Its clients have no names and are no users. */
export class PairGateway {
  readonly #chat = new PairChat();
  readonly #sockets = new Map<number, GatewaySocket>();
  readonly #listener: GatewayListener;
  readonly #port: number;
  readonly #log: Log;
  readonly #statusLog: StatusLog;
  #lastId = 0;
  #isGoingOn = false;

  constructor(
    { clock, monotonicMs, log }: Pick<GatewayParts, 'clock' | 'monotonicMs' | 'log'>,
    { port, maxUsers }: PairSettings,
  ) {
    this.#port = port;
    this.#log = log;
    this.#statusLog = new StatusLog(log, monotonicMs);
    this.#listener = new GatewayListener({
      name: 'pair chat',
      portFlag: '--pair-port',
      pool: new ConnectionPool(maxUsers),
      statusLog: this.#statusLog,
      strangerMs: unspokenMs,
      sendQueueBytes,
      clock,
      log,
      accept: (socket) => this.#accept(socket),
    });
  }

  /** @throws StartFailure PORT_IN_USE, ADDRESS_UNUSABLE */
  listen(host: string): Promise<HostAndPort> {
    return this.#listener.listen(host, this.#port);
  }

  /** Says good-bye to everyone; settles when the last one is gone. */
  async stop(): Promise<void> {
    if (this.#chat.count > 0) this.closeAll();
    await this.#listener.close();
  }

  /** Says good-bye to everyone and goes on: who comes after is the first of a new pair. */
  closeAll(): void {
    this.#log.info(`SERVEUR WILL CLOSE NOW : ** ${String(this.#chat.count)} **`);
    this.#chat.closeAll();
    this.#act();
  }

  /** Tells the log how many are connected. */
  sayCount(): void {
    this.#log.info(`NUMBER OF CLIENTS :  ** ${String(this.#chat.count)} **`);
  }

  /** Who is connected, in order of arrival, and then the last ones who were. */
  clients(): PairClient[] {
    return this.#chat.clients();
  }

  #accept(socket: GatewaySocket): GatewayUse {
    this.#lastId += 1;
    const id = this.#lastId;
    this.#sockets.set(id, socket);
    this.#chat.connected(id, socket);
    this.#act();
    return {
      received: (bytes) => {
        this.#chat.receive(id, bytes);
        this.#act();
      },
      closed: () => {
        this.#sockets.delete(id);
        this.#chat.disconnected(id);
        this.#act();
      },
    };
  }

  /** A socket that is dropped meanwhile comes back in here: the rest is done there, in the same order. */
  #act(): void {
    for (let output = this.#chat.pollOutput(); output; output = this.#chat.pollOutput()) this.#do(output);
    if (!this.#chat.hasMore || this.#isGoingOn) return;
    this.#isGoingOn = true;
    setImmediate(() => {
      this.#isGoingOn = false;
      this.#chat.goOn();
      this.#act();
    });
  }

  #do(output: PairOutput): void {
    switch (output.kind) {
      case 'write':
        this.#sockets.get(output.id)?.write(output.bytes);
        break;
      case 'close':
        this.#sockets.get(output.id)?.end();
        this.#sockets.delete(output.id);
        break;
      case 'pause':
        this.#sockets.get(output.id)?.pause();
        break;
      case 'resume':
        this.#sockets.get(output.id)?.resume();
        break;
      case 'waiting':
        // However long it takes: there is at most one of them.
        this.#sockets.get(output.id)?.settle(null);
        break;
      case 'paired':
        // The second stays a stranger: it makes room for others, and takes its pair along, until a line has passed.
        this.#sockets.get(output.first)?.settle(unspokenMs);
        break;
      case 'talking':
        this.#sockets.get(output.first)?.settle(talkingMs);
        this.#sockets.get(output.second)?.settle(talkingMs);
        break;
      case 'log':
        this.#statusLog.write('info', output.line);
    }
  }
}
