import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Clock } from '../domain/index.js';
import { bindFailure, resolveHost } from '../listeners/bind.js';
import { plainAddress } from '../listeners/control-connection.js';
import type { HostAndPort } from '../listeners/host-and-port.js';
import type { Log } from '../log.js';
import type { ConnectionPool } from './connection-pool.js';
import type { StatusLog } from './status-log.js';

/** How long a client may take to read its last bytes before it is cut off. */
const lingerMs = 3_000;

/** After so long without a word the system asks whether the other end is still there. */
const keepAliveMs = 60_000;

/** One client of a gateway, as the gateway sees it. */
export interface GatewaySocket {
  readonly address: string;
  readonly port: number;
  /** Ours, as this client reaches it. */
  readonly localAddress: string;
  /**
   * What is written within one turn of the event loop leaves together. A client that leaves more unread than the queue
   * takes is dropped.
   * @param written called when the system has taken the bytes; never, when the client is gone before
   */
  write(bytes: Uint8Array | string, written?: () => void): void;
  /** Lets what is queued go out, then closes; nothing is received any more. */
  end(): void;
  destroy(): void;
  pause(): void;
  resume(): void;
  /** Nobody is known to be there any more: a stranger again. */
  unsettle(): void;
  /** Somebody is there, and makes room for nobody any more. @param silenceMs how long they may be silent; null: for ever */
  settle(silenceMs: number | null): void;
}

/** What a gateway does with one client. */
export interface GatewayUse {
  received(bytes: Uint8Array): void;
  /** It says no more, but may still read; to be ended by the gateway. Where this is missing, it is ended at once. */
  ended?(): void;
  /** It is gone, for whatever reason; called once. */
  closed(): void;
}

export interface GatewaySocketOptions {
  /** For the log. */
  readonly name: string;
  /** One that is not settled may be silent so long. */
  readonly strangerMs: number;
  /** What may wait to be written to one client. */
  readonly sendQueueBytes: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly statusLog: StatusLog;
  accept(socket: GatewaySocket): GatewayUse;
}

export interface GatewayListenerOptions extends GatewaySocketOptions {
  /** The option of the program that chooses the port. */
  readonly portFlag: string;
  /** Who has a place; several listeners may share one. */
  readonly pool: ConnectionPool;
}

/** How the sockets of gateways are opened, on either side: what was said before the end is answered. */
export const gatewayTcp = {
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: keepAliveMs,
  allowHalfOpen: true,
} as const;

/** The same for a connection that we have made, with the options of `gatewayTcp`, to an older client. */
export function useConnected(socket: Socket, options: GatewaySocketOptions): void {
  const nothing = (): void => undefined;
  new Client(socket, options, { settled: nothing, unsettled: nothing, ending: nothing, gone: nothing }).start();
}

/** Accepts the TCP clients of one gateway: never too many, none that is silent for ever, none that does not read. */
export class GatewayListener {
  readonly #options: GatewayListenerOptions;
  readonly #server: Server;
  readonly #clients = new Set<Client>();
  #closed: Promise<unknown> = Promise.resolve();

  constructor(options: GatewayListenerOptions) {
    this.#options = options;
    this.#server = createServer(gatewayTcp, (socket) => {
      this.#accept(socket);
    });
  }

  /** @param port 0 picks a free one @throws StartFailure PORT_IN_USE, ADDRESS_UNUSABLE */
  async listen(host: string, port: number): Promise<HostAndPort> {
    const flags = { host: '--gateway-host', port: this.#options.portFlag };
    const address = await resolveHost(host, flags);
    try {
      this.#server.listen({ host: address, port });
      await once(this.#server, 'listening');
    } catch (cause) {
      throw bindFailure(address, port, cause, flags);
    }
    this.#server.on('error', (error: NodeJS.ErrnoException) => {
      this.#options.log.warn({ code: error.code }, `${this.#options.name}: a client could not be accepted`);
    });
    const bound = this.#server.address() as AddressInfo;
    return { host: bound.address, port: bound.port };
  }

  /** Accepts nobody any more; those who are settled stay. Settles when the last of them has gone. */
  stopAccepting(): Promise<unknown> {
    if (this.#server.listening) {
      this.#closed = once(this.#server, 'close');
      this.#server.close();
      for (const client of [...this.#clients]) if (!client.isSettled) client.end();
    }
    return this.#closed;
  }

  /** Accepts nobody any more; what is queued goes out, and what has not gone in time is cut off. */
  async close(): Promise<void> {
    const closed = this.stopAccepting();
    for (const client of [...this.#clients]) client.end();
    await closed;
  }

  #accept(socket: Socket): void {
    const { pool } = this.#options;
    if (!pool.makeRoom()) {
      socket.destroy();
      return;
    }
    const client = new Client(socket, this.#options, {
      settled: () => {
        pool.settle(client);
      },
      unsettled: () => {
        pool.unsettle(client);
      },
      ending: () => {
        pool.end(client);
      },
      gone: () => {
        this.#clients.delete(client);
        pool.remove(client);
      },
    });
    this.#clients.add(client);
    pool.add(client);
    client.start();
  }
}

interface ClientListener {
  settled(): void;
  unsettled(): void;
  /** Only what is queued still goes out. */
  ending(): void;
  gone(): void;
}

class Client implements GatewaySocket {
  readonly address: string;
  readonly port: number;
  readonly localAddress: string;
  readonly #socket: Socket;
  readonly #options: GatewaySocketOptions;
  readonly #listener: ClientListener;
  #use: GatewayUse | undefined;
  #isSettled = false;
  #isEnding = false;
  #isGone = false;
  #silenceMs: number | null;
  #stopTimer: () => void = () => undefined;

  constructor(socket: Socket, options: GatewaySocketOptions, listener: ClientListener) {
    this.#socket = socket;
    this.#options = options;
    this.#listener = listener;
    this.address = plainAddress(socket.remoteAddress ?? '');
    this.port = socket.remotePort ?? 0;
    this.localAddress = plainAddress(socket.localAddress ?? '');
    this.#silenceMs = options.strangerMs;
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  start(): void {
    this.#socket.on('data', (bytes) => {
      this.#hear(bytes);
    });
    // A paused socket comes to its end only when it goes on: whatever was said before has been answered by then.
    this.#socket.on('end', () => {
      if (this.#use?.ended && !this.#isEnding) this.#use.ended();
      else this.end();
    });
    this.#socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#options.log.debug({ code: error.code }, `${this.#options.name}: a connection broke`);
    });
    this.#socket.once('close', () => {
      this.#leave();
    });
    this.#watchSilence();
    this.#use = this.#options.accept(this);
  }

  write(bytes: Uint8Array | string, written?: () => void): void {
    if (this.#isEnding || this.#isGone) return;
    if (this.#socket.writableCorked === 0) {
      this.#socket.cork();
      process.nextTick(() => {
        this.#socket.uncork();
        this.#judgeQueue();
      });
    }
    this.#socket.write(bytes, (error) => {
      if (!error) written?.();
    });
  }

  /** Once the system has taken what it can: what is left over waits because the client does not read. */
  #judgeQueue(): void {
    if (this.#isGone || this.#socket.writableLength <= this.#options.sendQueueBytes) return;
    const { name, statusLog } = this.#options;
    statusLog.write('warn', `${name}: a client that does not read was dropped`, { address: this.address });
    this.destroy();
  }

  end(): void {
    if (this.#isEnding || this.#isGone) return;
    this.#isEnding = true;
    this.#listener.ending();
    this.#stopTimer();
    // What still comes is read and thrown away, or the client's system would drop what it has not read yet.
    this.#socket.resume();
    this.#socket.end();
    this.#stopTimer = this.#options.clock.after(lingerMs, () => {
      this.#socket.destroy();
    });
  }

  destroy(): void {
    this.#socket.destroy();
    this.#leave();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  unsettle(): void {
    if (this.#isEnding || this.#isGone) return;
    this.#isSettled = false;
    this.#listener.unsettled();
    this.#silenceMs = this.#options.strangerMs;
    this.#watchSilence();
  }

  settle(silenceMs: number | null): void {
    if (this.#isEnding || this.#isGone) return;
    this.#isSettled = true;
    this.#listener.settled();
    this.#silenceMs = silenceMs;
    this.#watchSilence();
  }

  #hear(bytes: Uint8Array): void {
    if (this.#isEnding || this.#isGone) return;
    if (this.#silenceMs !== null) this.#watchSilence();
    this.#use?.received(bytes);
  }

  #watchSilence(): void {
    this.#stopTimer();
    if (this.#isEnding || this.#isGone) return;
    this.#stopTimer =
      this.#silenceMs === null
        ? () => undefined
        : this.#options.clock.after(this.#silenceMs, () => {
            this.#options.log.debug({ address: this.address }, `${this.#options.name}: a silent client was dropped`);
            this.destroy();
          });
  }

  #leave(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#stopTimer();
    this.#listener.gone();
    this.#use?.closed();
  }
}
