/** One connection to a server: TCP or TLS, JSON-RPC requests with their replies, events, and pings both ways. */
import { once } from 'node:events';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, TLSSocket } from 'node:tls';
import {
  commands,
  describeIssue,
  events,
  isEventName,
  limits,
  notificationLine,
  ParleyError,
  parseServerLine,
  protocolVersion,
  requestLine,
  type Method,
  type Params,
  type Result,
  type ServerEvent,
} from '@parley/protocol';
import { LineDecoder, type DecodedLine } from '@parley/text';
import type { CallOptions } from './api.js';
import type { ServerAddress } from './server-address.js';
import type { EngineSettings } from './settings.js';
import { orAborted } from './waits.js';

export interface ControlOptions {
  readonly tls: boolean;
  readonly agent: string;
  readonly settings: EngineSettings;
  /** Looks at the certificate before anything is said; throws to refuse it. */
  checkFingerprint(fingerprint: string): void;
  onEvent(event: ServerEvent): void;
  /** Once, when the connection has ended for whatever reason but `close`. */
  onLost(reason: ParleyError): void;
}

interface PendingCall {
  resolve(result: unknown): void;
  reject(error: ParleyError): void;
}

/** Of an IPv4 address in IPv6 form. */
const mappedPrefix = /^::ffff:(?=\d+\.)/;
/** How long a server that is there may take to answer a ping. */
const examinationMs = 1_500;

export class ControlConnection {
  /** SHA-256 of the server's certificate; null without TLS. */
  readonly fingerprint: string | null;
  readonly #socket: Socket;
  readonly #options: ControlOptions;
  readonly #decoder = new LineDecoder(limits.serverLineBytes);
  readonly #pending = new Map<number, PendingCall>();
  #lastId = 0;
  #heardAtMs = performance.now();
  #pings: NodeJS.Timeout | undefined;
  #closing = false;
  readonly #lines: DecodedLine[] = [];
  #yielding = false;
  #lost: ParleyError | undefined;
  #hello: Result<'server.hello'> | undefined;
  #clockAheadMs: number | null = null;

  private constructor(socket: Socket, fingerprint: string | null, options: ControlOptions) {
    this.#socket = socket;
    this.fingerprint = fingerprint;
    this.#options = options;
    socket.on('data', (bytes) => {
      this.#heardAtMs = performance.now();
      this.#receive(bytes);
    });
    socket.on('error', (cause) => {
      this.#end(new ParleyError('SERVER_LOST', `the connection to the server broke: ${cause.message}`, { cause }));
    });
    socket.on('close', () => {
      this.#end(new ParleyError('SERVER_LOST'));
    });
  }

  /** Connects, checks the certificate and agrees on the protocol version. */
  static async open(address: ServerAddress, options: ControlOptions, signal?: AbortSignal): Promise<ControlConnection> {
    const socket = await openSocket(address, options, signal);
    const fingerprint = socket instanceof TLSSocket ? socket.getPeerCertificate().fingerprint256 : null;
    try {
      if (fingerprint !== null) options.checkFingerprint(fingerprint);
      const connection = new ControlConnection(socket, fingerprint, options);
      await connection.#greet(address, signal);
      return connection;
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  /** What the server said of itself. */
  get hello(): Result<'server.hello'> {
    if (!this.#hello) throw new Error('used before the hello');
    return this.#hello;
  }

  /**
   * The network has changed: finds out soon whether the connection still stands, where TCP would take minutes.
   * @param isOwn whether an address is one of this machine's
   */
  examine(isOwn: (address: string) => boolean): void {
    const lost = (): void => {
      this.#end(new ParleyError('SERVER_LOST', 'the network has changed'));
    };
    const { localAddress } = this.#socket;
    if (localAddress === undefined || !isOwn(localAddress.replace(mappedPrefix, ''))) lost();
    else this.call('server.ping', {}, { timeoutMs: examinationMs }).catch(lost);
  }

  /** How far this device's clock is ahead of the server's, milliseconds, when they met; null when it did not say. */
  get clockAheadMs(): number | null {
    return this.#clockAheadMs;
  }

  /** The server's IP address, where its STUN port is too. */
  get remoteAddress(): string {
    return (this.#socket.remoteAddress ?? '').replace(mappedPrefix, '');
  }

  async call<M extends Method>(
    method: M,
    params: Params<M>,
    { signal, timeoutMs = this.#options.settings.requestTimeoutMs }: CallOptions & { timeoutMs?: number } = {},
  ): Promise<Result<M>> {
    if (this.#lost) throw this.#lost;
    if (this.#pending.size >= limits.pendingRequests) throw new ParleyError('RATE_LIMITED');
    this.#lastId += 1;
    const id = this.#lastId;
    const reply = new Promise<unknown>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
    });
    const timer = setTimeout(() => {
      this.#pending.get(id)?.reject(new ParleyError('TIMEOUT', `the server did not answer ${method} in time`));
    }, timeoutMs);
    this.#socket.write(requestLine(id, method, params));
    try {
      const parsed = commands[method].result.safeParse(await orAborted(reply, signal));
      if (!parsed.success) throw new ParleyError('INTERNAL', `the server's reply: ${describeIssue(parsed.error)}`);
      return parsed.data as Result<M>;
    } finally {
      clearTimeout(timer);
      this.#pending.delete(id);
    }
  }

  /** Ends the connection, after what was written has gone out. */
  close(): void {
    this.#closing = true;
    this.#end(new ParleyError('NOT_CONNECTED', 'the connection was closed'));
    this.#socket.end();
    setTimeout(() => this.#socket.destroy(), 1_000).unref();
  }

  async #greet(address: ServerAddress, signal: AbortSignal | undefined): Promise<void> {
    let hello: Result<'server.hello'>;
    const startedAt = performance.now();
    try {
      const params = { protocol: protocolVersion, agent: this.#options.agent };
      hello = await this.call('server.hello', params, { ...(signal ? { signal } : {}) });
    } catch (error) {
      if (!(error instanceof ParleyError) || !['TIMEOUT', 'SERVER_LOST'].includes(error.code)) throw error;
      const hint = this.#options.tls ? '' : '; does it want TLS?';
      throw new ParleyError('SERVER_UNREACHABLE', `${address.text} does not answer as a Parley server${hint}`, {
        cause: error,
      });
    }
    if (hello.protocol !== protocolVersion) throw new ParleyError('VERSION_UNSUPPORTED');
    // From here on its end is a loss.
    this.#hello = hello;
    const halfWayMs = (performance.now() - startedAt) / 2;
    this.#clockAheadMs = hello.time === null ? null : Date.now() - halfWayMs - hello.time;
    const intervalMs = this.#options.settings.pingIntervalMs ?? hello.pingIntervalMs;
    this.#pings = setInterval(() => {
      this.#ping(intervalMs);
    }, intervalMs);
  }

  #ping(intervalMs: number): void {
    if (performance.now() - this.#heardAtMs > intervalMs * this.#options.settings.pingMisses) {
      this.#end(new ParleyError('SERVER_LOST', 'the server has fallen silent'));
      return;
    }
    // Most are the answer to one of the server's, which comes in time.
    if (performance.now() - this.#heardAtMs < intervalMs) return;
    // Its answer is a sign of life like any other byte, and its failure is seen as silence.
    this.call('server.ping', {}).catch(() => undefined);
  }

  #receive(bytes: Uint8Array): void {
    for (const line of this.#decoder.push(bytes)) this.#lines.push(line);
    if (!this.#yielding) this.#handleLines();
  }

  /**
   * After a reply the event loop turns once, so that whoever asked has acted on it before an event that came behind
   * it is told: entering a room, then somebody joining it.
   */
  #handleLines(): void {
    this.#yielding = false;
    for (let piece = this.#lines.shift(); piece && !this.#lost; piece = this.#lines.shift()) {
      if ('problem' in piece) {
        this.#end(new ParleyError('SERVER_LOST', `the server sent a line that is ${piece.problem}`));
        return;
      }
      try {
        if (this.#handleLine(piece.line) === 'reply') {
          this.#yielding = true;
          setImmediate(() => {
            this.#handleLines();
          });
          return;
        }
      } catch (cause) {
        if (!(cause instanceof ParleyError)) throw cause;
        this.#end(new ParleyError('SERVER_LOST', `the server broke the protocol: ${cause.message}`, { cause }));
        return;
      }
    }
  }

  #handleLine(line: string): 'reply' | 'other' {
    const message = parseServerLine(line);
    if ('notification' in message) {
      const { method, params } = message.notification;
      // A newer server may tell of what this client does not know.
      if (!isEventName(method)) return 'other';
      const parsed = events[method].params.safeParse(params);
      if (!parsed.success) throw new ParleyError('INVALID_PARAMS', `${method}: ${describeIssue(parsed.error)}`);
      if (method === 'server.ping') {
        // Ours goes with the acknowledgement of the server's, and nothing comes back: one packet while nobody says anything.
        this.#socket.write(notificationLine('server.ping', {}));
        return 'other';
      }
      this.#options.onEvent({ name: method, params: parsed.data } as ServerEvent);
      return 'other';
    }
    const { reply } = message;
    if (reply.id === null) {
      // Not about one request: the server refuses the connection.
      if ('error' in reply) this.#end(reply.error);
      return 'other';
    }
    const pending = this.#pending.get(Number(reply.id));
    if (!pending) return 'other';
    if ('error' in reply) pending.reject(reply.error);
    else pending.resolve(reply.result);
    return 'reply';
  }

  #end(reason: ParleyError): void {
    if (this.#lost) return;
    this.#lost = reason;
    clearInterval(this.#pings);
    if (!this.#closing) this.#socket.destroy();
    for (const pending of this.#pending.values()) pending.reject(reason);
    if (!this.#closing && this.#hello) this.#options.onLost(reason);
  }
}

async function openSocket(
  { host, port, text }: ServerAddress,
  { tls, settings }: ControlOptions,
  signal: AbortSignal | undefined,
): Promise<Socket> {
  const socket = tls
    ? connectTls({
        host,
        port,
        minVersion: 'TLSv1.3',
        // The certificate is the server's own and is judged by its pin, in checkFingerprint.
        rejectUnauthorized: false,
        ...(isIP(host) ? {} : { servername: host }),
      })
    : connectTcp({ host, port });
  socket.setNoDelay(true);
  const deadline = AbortSignal.timeout(settings.connectTimeoutMs);
  try {
    await once(socket, tls ? 'secureConnect' : 'connect', {
      signal: AbortSignal.any(signal ? [deadline, signal] : [deadline]),
    });
    return socket;
  } catch (cause) {
    // What still comes of it is of no interest, but must not end the process.
    socket.on('error', () => undefined).destroy();
    if (signal?.aborted) throw new ParleyError('ABORTED', undefined, { cause });
    const why = deadline.aborted ? 'no answer' : describeSocketError(cause as NodeJS.ErrnoException);
    throw new ParleyError('SERVER_UNREACHABLE', `${text} cannot be reached: ${why}`, { cause });
  }
}

const socketErrors: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'its name is unknown',
  EAI_AGAIN: 'its name is unknown',
  EHOSTUNREACH: 'no network route',
  ENETUNREACH: 'no network route',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS (see --no-tls)',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'it does not speak TLS (see --no-tls)',
};

function describeSocketError(error: NodeJS.ErrnoException): string {
  const known = socketErrors[error.code ?? ''];
  if (known !== undefined) return known;
  // Several addresses were tried (Happy Eyeballs): the reasons are inside.
  const inside: unknown = error instanceof AggregateError ? error.errors[0] : undefined;
  return inside instanceof Error ? describeSocketError(inside) : error.message;
}
