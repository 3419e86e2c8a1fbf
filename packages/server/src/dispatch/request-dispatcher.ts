import {
  commands,
  describeIssue,
  errorLine,
  generalErrors,
  isMethod,
  ParleyError,
  parseRequest,
  requestIdOf,
  resultLine,
  type Command,
  type Method,
  type RateClass,
  type RpcRequest,
} from '@parley/protocol';
import type { Connection, Messenger } from '../domain/index.js';
import type { HandlerContext, HandlerTable, RelayOnControl, ServerFacts } from '../handlers/handler.js';
import type { Log } from '../log.js';
import { TokenBucket, type Rate } from './token-bucket.js';

export interface DispatcherSettings {
  /** Requests by their rate class. */
  readonly rates: Readonly<Record<RateClass, Rate>>;
  /** Requests that may wait for their replies. */
  readonly pendingRequests: number;
}

export interface DispatcherParts {
  readonly handlers: HandlerTable;
  readonly messenger: Messenger;
  readonly server: ServerFacts;
  readonly relay: RelayOnControl | null;
  /** Milliseconds of a clock that does not jump. */
  readonly monotonicMs: () => number;
  readonly log: Log;
  readonly settings: DispatcherSettings;
}

/** Of the classes whose requests carry what people say, a line takes a token for each of these that it begins. */
const charactersPerToken = 1024;
const countedBySize: ReadonlySet<RateClass> = new Set(['gateway', 'relay']);

/** Takes the requests of one connection: checks each, has it handled, and words the answer. */
export class RequestDispatcher {
  readonly #parts: DispatcherParts;
  readonly #connection: Connection;
  readonly #buckets: Readonly<Record<RateClass, TokenBucket>>;
  readonly #pending = new Set<Promise<unknown>>();

  constructor(parts: DispatcherParts, connection: Connection) {
    this.#parts = parts;
    this.#connection = connection;
    const { rates } = parts.settings;
    const now = parts.monotonicMs();
    this.#buckets = {
      light: new TokenBucket(rates.light, now),
      store: new TokenBucket(rates.store, now),
      introduce: new TokenBucket(rates.introduce, now),
      gateway: new TokenBucket(rates.gateway, now),
      relay: new TokenBucket(rates.relay, now),
      password: new TokenBucket(rates.password, now),
    };
  }

  /**
   * Handles one line; requests that wait do not hold up those behind them.
   * @returns the line to answer with, or undefined for a notification. Never rejects.
   */
  async handleLine(line: string): Promise<string | undefined> {
    let request: RpcRequest;
    try {
      request = parseRequest(line);
    } catch (error) {
      return errorLine(requestIdOf(line), this.#asParleyError('a request', error));
    }
    try {
      const result = await this.#handle(request, 1 + Math.floor(line.length / charactersPerToken));
      return request.id === undefined ? undefined : resultLine(request.id, result);
    } catch (error) {
      const answer = this.#asParleyError(request.method, error);
      return request.id === undefined ? undefined : errorLine(request.id, answer);
    }
  }

  /** Settles when all that waited has been answered. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#pending);
  }

  async #handle({ method, params }: RpcRequest, size: number): Promise<unknown> {
    if (!isMethod(method)) throw new ParleyError('UNKNOWN_METHOD');
    const command: Command = commands[method];
    if (this.#pending.size >= this.#parts.settings.pendingRequests) {
      throw new ParleyError('RATE_LIMITED', 'too many requests wait for their answers', { retryAfterMs: 1_000 });
    }
    const tokens = countedBySize.has(command.rate) ? size : 1;
    const retryAfterMs = this.#buckets[command.rate].take(this.#parts.monotonicMs(), tokens);
    if (retryAfterMs > 0) throw new ParleyError('RATE_LIMITED', undefined, { retryAfterMs });
    const user = this.#parts.messenger.userOn(this.#connection);
    if (command.access === 'user' && !user) throw new ParleyError('NOT_LOGGED_IN');
    if (command.access === 'stranger' && user) throw new ParleyError('ALREADY_LOGGED_IN');
    const parsed = command.params.safeParse(params);
    if (!parsed.success) throw new ParleyError('INVALID_PARAMS', describeIssue(parsed.error));

    const { handlers, messenger, server, relay } = this.#parts;
    // The table pairs each method with its types, which TypeScript cannot follow through a variable method.
    const handler = handlers[method] as (params: unknown, context: HandlerContext) => unknown;
    const context = { messenger, server, relay, connection: this.#connection, user };
    try {
      const outcome = handler(parsed.data, context);
      return outcome instanceof Promise ? await this.#waitFor(outcome) : outcome;
    } catch (error) {
      throw this.#declared(method, error);
    }
  }

  async #waitFor(outcome: Promise<unknown>): Promise<unknown> {
    this.#pending.add(outcome);
    try {
      return await outcome;
    } finally {
      this.#pending.delete(outcome);
    }
  }

  /** An error that the command does not declare is a defect of ours, and no client is to rely on it. */
  #declared(method: Method, error: unknown): unknown {
    if (!(error instanceof ParleyError)) return error;
    const known = generalErrors.includes(error.code) || commands[method].errors.some((code) => code === error.code);
    return known ? error : new Error(`undeclared error ${error.code}`, { cause: error });
  }

  #asParleyError(what: string, error: unknown): ParleyError {
    if (error instanceof ParleyError) return error;
    this.#parts.log.error({ err: error }, `${what} failed`);
    return new ParleyError('INTERNAL');
  }
}
