import type { Socket } from 'node:net';
import {
  errorLine,
  LineDecoder,
  limits,
  notificationLine,
  ParleyError,
  type EventName,
  type EventParams,
} from '@parley/protocol';
import type { RequestDispatcher } from '../dispatch/request-dispatcher.js';
import type { Clock, Connection } from '../domain/index.js';
import type { Log } from '../log.js';

interface ConnectionSettings {
  readonly pingIntervalMs: number;
  /** How long a client may take to read the last lines before its connection is cut. */
  readonly lingerMs: number;
}

export interface ConnectionParts {
  readonly dispatcherFor: (connection: Connection) => RequestDispatcher;
  readonly clock: Clock;
  readonly log: Log;
  readonly settings: ConnectionSettings;
  readonly closed: (connection: ControlConnection) => void;
}

/**
 * `draining`: answers what was asked, takes no more. `ended`: the last line is written; what still comes in is thrown
 * away, because closing on unread bytes would make the client's system drop the lines it has not read yet.
 */
type State = 'open' | 'draining' | 'ended' | 'closed';

/** One client: lines in, lines out, and a pulse. */
export class ControlConnection implements Connection {
  readonly address: string;
  readonly port: number;
  readonly #socket: Socket;
  readonly #parts: ConnectionParts;
  readonly #dispatcher: RequestDispatcher;
  readonly #decoder = new LineDecoder(limits.lineBytes);
  readonly #gone: Promise<void>;
  #state: State = 'open';
  #heard = false;
  #silentIntervals = 0;
  #stopTimer: () => void = () => undefined;

  constructor(socket: Socket, parts: ConnectionParts) {
    this.#socket = socket;
    this.#parts = parts;
    this.address = plainAddress(socket.remoteAddress ?? '');
    this.port = socket.remotePort ?? 0;
    this.#dispatcher = parts.dispatcherFor(this);
    this.#gone = new Promise((resolve) => {
      socket.once('close', () => {
        this.#state = 'closed';
        this.#stopTimer();
        parts.closed(this);
        resolve();
      });
    });
    socket.on('data', (bytes) => {
      this.#receive(bytes);
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      parts.log.debug({ code: error.code }, 'a connection broke');
    });
    this.#armPulse();
  }

  notify<E extends EventName>(event: E, params: EventParams<E>): void {
    this.#write(notificationLine(event, params));
  }

  close(): void {
    this.#end('');
  }

  /** Answers what is under way, then closes; settles when the connection is gone. */
  async drain(): Promise<void> {
    if (this.#state === 'open') this.#state = 'draining';
    await this.#dispatcher.idle();
    // The answers are written one turn after their promises settle.
    await new Promise((resolve) => setImmediate(resolve));
    this.#end('');
    await this.#gone;
  }

  #receive(bytes: Uint8Array): void {
    this.#heard = true;
    if (this.#state !== 'open') return;
    for (const decoded of this.#decoder.push(bytes)) {
      if ('line' in decoded) void this.#answer(decoded.line);
      else this.#refuse(decoded.problem);
      // An answer that nobody reads may have closed the connection.
      if (!this.#takesRequests()) return;
    }
  }

  #takesRequests(): boolean {
    return this.#state === 'open';
  }

  async #answer(line: string): Promise<void> {
    const answer = await this.#dispatcher.handleLine(line);
    if (answer !== undefined) this.#write(answer);
  }

  /** What follows a line that is too long or garbled cannot be trusted to be lines. */
  #refuse(problem: 'too-long' | 'not-utf8'): void {
    const error =
      problem === 'too-long'
        ? new ParleyError('LINE_TOO_LONG')
        : new ParleyError('PARSE_ERROR', 'the line is not UTF-8');
    this.#end(errorLine(null, error));
  }

  #write(line: string): void {
    if (this.#state !== 'open' && this.#state !== 'draining') return;
    this.#socket.write(line);
    if (this.#socket.writableLength <= limits.sendQueueBytes) return;
    this.#parts.log.warn({ address: this.address }, 'a client that does not read was dropped');
    this.#socket.destroy();
  }

  #end(lastLine: string): void {
    if (this.#state !== 'open' && this.#state !== 'draining') return;
    this.#state = 'ended';
    this.#stopTimer();
    this.#socket.end(lastLine);
    this.#stopTimer = this.#parts.clock.after(this.#parts.settings.lingerMs, () => {
      this.#socket.destroy();
    });
  }

  #armPulse(): void {
    this.#stopTimer = this.#parts.clock.after(this.#parts.settings.pingIntervalMs, () => {
      // Whole intervals only: the one in which something came does not count.
      this.#silentIntervals = this.#heard ? 0 : this.#silentIntervals + 1;
      this.#heard = false;
      if (this.#silentIntervals >= limits.pingMisses) {
        this.#parts.log.debug('a silent connection was dropped');
        this.#socket.destroy();
        return;
      }
      this.notify('server.ping', {});
      this.#armPulse();
    });
  }
}

/** An IPv4 address as such where the system shows it inside an IPv6 one (RFC 4291, section 2.5.5.2). */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice('::ffff:'.length) : address;
}
