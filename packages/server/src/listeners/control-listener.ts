import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { errorLine, ParleyError } from '@parley/protocol';
import type { Certificate } from '../certificate.js';
import { ControlConnection, type ConnectionParts, type ConnectionSettings } from './control-connection.js';

/** Sockets beyond the clients: strangers in the middle of a handshake, and those being told that the server is full. */
const spareSockets = 256;

interface ListenerSettings extends ConnectionSettings {
  /** A stranger has this long to complete the TLS handshake. */
  readonly tlsHandshakeMs: number;
  /** Connections; one more is told SERVER_FULL. */
  readonly maxClients: number;
}

export interface ListenerParts extends Omit<ConnectionParts, 'closed'> {
  readonly opened: (connection: ControlConnection) => void;
  readonly closed: (connection: ControlConnection) => void;
  readonly settings: ListenerSettings;
}

/** Accepts clients over TLS or plain TCP, as many as allowed. */
export class ControlListener {
  readonly server: Server;
  readonly #parts: ListenerParts;
  readonly #connections = new Set<ControlConnection>();
  /** Of all who are connected: clients, those in a handshake, and those who were refused. */
  readonly #sockets = new Set<Socket>();

  /** @param certificate null: plain TCP, for loopback or behind a proxy that ends TLS. */
  constructor(certificate: Certificate | null, parts: ListenerParts) {
    this.#parts = parts;
    if (certificate) {
      this.server = createTlsServer({
        key: certificate.key,
        cert: certificate.cert,
        minVersion: 'TLSv1.3',
        handshakeTimeout: parts.settings.tlsHandshakeMs,
        noDelay: true,
      });
      this.server.on('secureConnection', (socket: Socket) => {
        this.#accept(socket);
      });
      this.server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: Socket) => {
        parts.log.debug({ code: error.code }, 'a TLS handshake failed');
        socket.destroy();
      });
    } else {
      this.server = createTcpServer({ noDelay: true });
      this.server.on('connection', (socket: Socket) => {
        this.#accept(socket);
      });
    }
    this.server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => {
        this.#sockets.delete(socket);
      });
    });
    this.server.maxConnections = parts.settings.maxClients + spareSockets;
  }

  /** To be called once it listens: from then on an error is about one client that could not be accepted. */
  started(): void {
    this.server.on('error', (error: NodeJS.ErrnoException) => {
      this.#parts.log.warn({ code: error.code }, 'a client could not be accepted');
    });
  }

  /** Accepts nobody from now on. */
  stopAccepting(): void {
    this.server.close();
  }

  /** Answers what is under way and closes all connections. */
  async drain(): Promise<void> {
    await Promise.all([...this.#connections].map((connection) => connection.drain()));
  }

  /** Cuts what has not drained, and those who never became clients. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #accept(socket: Socket): void {
    if (this.#connections.size >= this.#parts.settings.maxClients) {
      this.#refuse(socket);
      return;
    }
    const connection = new ControlConnection(socket, {
      ...this.#parts,
      closed: (gone) => {
        this.#connections.delete(gone);
        this.#parts.closed(gone);
      },
    });
    this.#connections.add(connection);
    this.#parts.opened(connection);
  }

  #refuse(socket: Socket): void {
    const cut = this.#parts.clock.after(this.#parts.settings.lingerMs, () => {
      socket.destroy();
    });
    socket.once('close', cut);
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#parts.log.debug({ code: error.code }, 'a refused connection broke');
    });
    // What the client has sent is read and thrown away, or its system would drop our line.
    socket.resume();
    socket.end(errorLine(null, new ParleyError('SERVER_FULL')));
  }
}
