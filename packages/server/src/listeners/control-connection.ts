import type { Socket } from 'node:net';
import { errorLine, notificationLine, ParleyError, type EventName, type EventParams } from '@parley/protocol';
import { LineDecoder } from '@parley/text';
import type { RequestDispatcher } from '../dispatch/request-dispatcher.js';
import type { Clock, Connection } from '../domain/index.js';
import { TokenBucket, type Rate } from '../dispatch/token-bucket.js';
import type { Log } from '../log.js';
import type { Reader, SendQueues } from './send-queues.js';

/** Set against each line that waits to be written, besides its length: what the runtime keeps for it. */
const lineOverheadBytes = 256;

/** A line takes a token for each of these that it begins: reading a long one is more work. */
const bytesPerToken = 4 * 1024;

export interface ConnectionSettings {
  readonly pingIntervalMs: number;
  /** Intervals without a sign of life after which the connection is gone. */
  readonly pingMisses: number;
  /** Of one line of the client. */
  readonly lineBytes: number;
  /** Lines of any kind, a long one counted once for each 4 KiB; a client that sends more is cut off. */
  readonly lineRate: Rate;
  /** What may wait to be written to the client; then it is dropped. */
  readonly sendQueueBytes: number;
  /** While more waits than this, what may be lost is. */
  readonly lossyQueueBytes: number;
  /** How long a client may take to read the last lines before its connection is cut. */
  readonly lingerMs: number;
}

export interface ConnectionParts {
  readonly dispatcherFor: (connection: Connection) => RequestDispatcher;
  readonly clock: Clock;
  /** Milliseconds of a clock that does not jump. */
  readonly monotonicMs: () => number;
  readonly log: Log;
  readonly settings: ConnectionSettings;
  readonly sendQueues: SendQueues;
  readonly closed: (connection: ControlConnection) => void;
}

/**
 * `draining`: answers what was asked, takes no more. `ended`: the last line is written; what still comes in is thrown
 * away, because closing on unread bytes would make the client's system drop the lines it has not read yet.
 */
type State = 'open' | 'draining' | 'ended' | 'closed';

/** One client: lines in, lines out, and a pulse. */
export class ControlConnection implements Connection, Reader {
  readonly address: string;
  readonly port: number;
  readonly #socket: Socket;
  readonly #parts: ConnectionParts;
  readonly #dispatcher: RequestDispatcher;
  readonly #decoder: LineDecoder;
  readonly #lineBucket: TokenBucket;
  readonly #gone: Promise<void>;
  #state: State = 'open';
  /** Lines that wait to be written. */
  #unsentLines = 0;
  #heard = false;
  #silentIntervals = 0;
  #stopTimer: () => void = () => undefined;

  constructor(socket: Socket, parts: ConnectionParts) {
    this.#socket = socket;
    this.#parts = parts;
    this.address = plainAddress(socket.remoteAddress ?? '');
    this.port = socket.remotePort ?? 0;
    this.#dispatcher = parts.dispatcherFor(this);
    this.#decoder = new LineDecoder(parts.settings.lineBytes);
    this.#lineBucket = new TokenBucket(parts.settings.lineRate, parts.monotonicMs());
    this.#gone = new Promise((resolve) => {
      socket.once('close', () => {
        this.#state = 'closed';
        this.#stopTimer();
        parts.sendQueues.set(this, 0);
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

  notify<E extends EventName>(event: E, params: EventParams<E>, loss?: 'allowed'): void {
    if (loss && this.#socket.writableLength > this.#parts.settings.lossyQueueBytes) return;
    this.#write(notificationLine(event, params));
  }

  close(): void {
    this.#end('');
  }

  /** Lets go of a client that leaves too much unread. */
  drop(): void {
    if (this.#state === 'closed') return;
    this.#state = 'ended';
    this.#stopTimer();
    this.#parts.log.warn({ address: this.address }, 'a client that does not read was dropped');
    this.#socket.destroy();
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
      if ('line' in decoded) this.#take(decoded.line);
      else this.#refuse(decoded.problem);
      if (!this.#takesRequests()) return;
    }
  }

  #takesRequests(): boolean {
    return this.#state === 'open';
  }

  /** Every line counts, also one that is no request; no honest client comes near the rate. */
  #take(line: string): void {
    const { monotonicMs } = this.#parts;
    const retryAfterMs = this.#lineBucket.take(monotonicMs(), 1 + Math.floor(line.length / bytesPerToken));
    if (retryAfterMs === 0) void this.#answer(line);
    else this.#end(errorLine(null, new ParleyError('RATE_LIMITED', undefined, { retryAfterMs })));
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
    this.#unsentLines += 1;
    this.#socket.write(line, () => {
      this.#unsentLines -= 1;
      this.#countQueue();
    });
    this.#countQueue();
  }

  #countQueue(): void {
    if (this.#socket.destroyed) return;
    const { sendQueues, settings } = this.#parts;
    const bytes = this.#socket.writableLength + this.#unsentLines * lineOverheadBytes;
    if (bytes > settings.sendQueueBytes) this.drop();
    else sendQueues.set(this, bytes);
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
      if (this.#silentIntervals >= this.#parts.settings.pingMisses) {
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
