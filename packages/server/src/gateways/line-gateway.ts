import { LineService, type LineAsk, type LineNews, type LineOutput } from '@parley/gateways';
import type { HostAndPort } from '../listeners/host-and-port.js';
import { ConnectionPool } from './connection-pool.js';
import { GatewayListener, type GatewaySocket, type GatewayUse } from './gateway-listener.js';
import type { GatewayParts, LineSettings } from './gateway-parts.js';
import { LineGatewayClient } from './line-gateway-client.js';
import { LineWorld, type TypedNames } from './line-gateway-world.js';
import { StatusLog } from './status-log.js';

/** Connections beyond the registered users: of those who have not joined yet. */
const spareConnections = 256;

/** One that has not joined may be silent so long; registered users as long as they like. */
const strangerMs = 60_000;

/** What may wait to be written to one client; one that does not read is dropped then. */
const sendQueueBytes = 256 * 1024;

/** The line service on a TCP port: its clients are users like others, and telnet is all they need. */
export class LineGateway {
  readonly #parts: GatewayParts;
  readonly #statusLog: StatusLog;
  readonly #port: number;
  readonly #service: LineService;
  readonly #listener: GatewayListener;
  readonly #clients = new Map<number, LineGatewayClient>();
  readonly #typedNames: TypedNames = new Map();
  #isActing = false;

  constructor(parts: GatewayParts, { port, maxUsers, broadcastAll }: LineSettings) {
    this.#parts = parts;
    this.#statusLog = new StatusLog(parts.log, parts.monotonicMs);
    this.#port = port;
    this.#service = new LineService({ maxUsers, broadcastAll, logsMessages: parts.log.isLevelEnabled('debug') });
    this.#listener = new GatewayListener({
      name: 'line service',
      portFlag: '--line-port',
      pool: new ConnectionPool(maxUsers + spareConnections),
      statusLog: this.#statusLog,
      strangerMs,
      sendQueueBytes,
      clock: parts.clock,
      log: parts.log,
      accept: (socket) => this.#accept(socket),
    });
  }

  /** @throws StartFailure PORT_IN_USE, ADDRESS_UNUSABLE */
  listen(host: string): Promise<HostAndPort> {
    return this.#listener.listen(host, this.#port);
  }

  /** Tells every user; settles when the last one is gone. */
  async stop(): Promise<void> {
    for (const client of [...this.#clients.values()]) this.#tell(client, { type: 'shutdown' });
    await this.#listener.close();
  }

  #accept(socket: GatewaySocket): GatewayUse {
    const { clock } = this.#parts;
    const fd = this.#service.connected();
    const world = new LineWorld(this.#parts, this.#typedNames, socket, (news, delivered) => {
      this.#tell(client, news, delivered);
    });
    const client = new LineGatewayClient(fd, { socket, world, clock }, (released) => {
      // Not at once: this may be in the middle of what another one caused.
      queueMicrotask(() => {
        this.#goOn(released);
      });
    });
    client.whenRead(() => {
      this.#service.clogged(fd, false);
    });
    this.#clients.set(fd, client);
    this.#act(undefined);
    return {
      received: (bytes) => {
        this.#service.receive(fd, bytes);
        this.#act(client);
        this.#goOn(client);
      },
      ended: () => {
        this.#service.ended(fd);
        this.#act(client);
        this.#goOn(client);
      },
      closed: () => {
        this.#closed(client);
      },
    };
  }

  #closed(client: LineGatewayClient): void {
    // One that the service closed is forgotten already, and its number may be another's.
    if (this.#clients.get(client.fd) === client) {
      this.#clients.delete(client.fd);
      client.world.leave('dropped');
      this.#service.disconnected(client.fd);
    }
    client.gone();
    this.#act(undefined);
  }

  #tell(client: LineGatewayClient, news: LineNews, delivered?: () => void): void {
    if (client.isGone) return;
    if (delivered) client.whenWritten(delivered);
    this.#service.tell(client.fd, news);
    this.#act(undefined);
  }

  /**
   * Takes the next turn of a client that has said more than one turn allows, once others have had theirs, and reads on
   * when there is nothing to wait for.
   */
  #goOn(client: LineGatewayClient): void {
    if (client.isGone || client.isGoingOn) return;
    const mustWait = client.mustWait || this.#service.isWaiting(client.fd);
    const hasMore = this.#service.hasMore(client.fd);
    client.setPaused(mustWait || hasMore);
    if (mustWait || !hasMore) return;
    client.isGoingOn = true;
    setImmediate(() => {
      client.isGoingOn = false;
      if (client.isGone || client.mustWait) return;
      this.#service.goOn(client.fd);
      this.#act(client);
      this.#goOn(client);
    });
  }

  /**
   * Does what the service wants done. What happens meanwhile (a client that is dropped, a text from one line user to
   * another by way of the world) comes back in here, and is done by the outer call.
   * @param source whose lines caused it
   */
  #act(source: LineGatewayClient | undefined): void {
    if (this.#isActing) return;
    this.#isActing = true;
    try {
      for (let output = this.#service.pollOutput(); output; output = this.#service.pollOutput()) {
        this.#do(output, source);
      }
    } finally {
      this.#isActing = false;
    }
  }

  #do(output: LineOutput, source: LineGatewayClient | undefined): void {
    if (output.type === 'log') {
      this.#statusLog.write(output.level, output.line);
      return;
    }
    const client = this.#clients.get(output.fd);
    // It is gone since: there is nobody left to do this for.
    if (!client) return;
    switch (output.type) {
      case 'write':
        client.write(output.text, source);
        if (client.isClogged) this.#service.clogged(client.fd, true);
        break;
      case 'writeBytes':
        client.write(output.bytes, source);
        break;
      case 'registered':
        client.socket.settle(null);
        break;
      case 'ask':
        void this.#answer(client, output.ask);
        break;
      case 'gone':
        client.world.leave(output.how);
        break;
      case 'close':
        this.#clients.delete(client.fd);
        client.isGone = true;
        client.socket.end();
        break;
    }
  }

  /** Never rejects. */
  async #answer(client: LineGatewayClient, ask: LineAsk): Promise<void> {
    const answer = await client.world.answer(ask);
    if (client.isGone) return;
    this.#service.answer(client.fd, ask, answer);
    this.#act(client);
    this.#goOn(client);
  }
}
