/** The client's standing with one server: the control connection, the login on it, and coming back when it breaks. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ParleyError, type Method, type Params, type Result, type ServerEvent } from '@parley/protocol';
import type { CallOptions, ConnectedServer, Notice } from './api.js';
import { backoffMs } from './backoff.js';
import { ControlConnection, type ControlOptions } from './control-connection.js';
import type { Profile } from './profile.js';
import type { ServerAddress } from './server-address.js';
import type { EngineSettings } from './settings.js';

export interface ServerLinkOptions {
  readonly address: ServerAddress;
  readonly tls: boolean;
  readonly agent: string;
  readonly settings: EngineSettings;
  readonly profile: Profile;
  onEvent(event: ServerEvent): void;
  onState(state: 'lost' | 'back' | 'shutdown'): void;
  onNotice(notice: Notice): void;
  /** After a reconnect with the login standing: tells the server what went on meanwhile. */
  restore(): Promise<void>;
  /** The link is given up for good: the account was resumed elsewhere, or the certificate changed. */
  onGone(reason: ParleyError): void;
}

interface Login {
  readonly user: string;
  readonly resumeToken: string;
}

export class ServerLink {
  readonly address: ServerAddress;
  readonly #options: ServerLinkOptions;
  readonly #stop = new AbortController();
  #connection: ControlConnection | undefined;
  #login: Login | undefined;
  #reconnecting = false;

  private constructor(options: ServerLinkOptions) {
    this.address = options.address;
    this.#options = options;
  }

  static async connect(
    options: ServerLinkOptions,
    signal?: AbortSignal,
  ): Promise<{ link: ServerLink; connected: ConnectedServer }> {
    const link = new ServerLink(options);
    const firstContact = options.tls && options.profile.pinnedServer(options.address.text) === undefined;
    const connection = await ControlConnection.open(options.address, link.#controlOptions(), signal);
    link.#connection = connection;
    return {
      link,
      connected: { server: options.address.text, fingerprint: connection.fingerprint, firstContact },
    };
  }

  get user(): string | undefined {
    return this.#login?.user;
  }

  get isUp(): boolean {
    return this.#connection !== undefined;
  }

  /** The connection as it is now. */
  get connection(): ControlConnection {
    if (!this.#connection) throw new ParleyError('SERVER_LOST', 'the connection to the server broke; trying again');
    return this.#connection;
  }

  async call<M extends Method>(
    method: M,
    params: Params<M>,
    options?: CallOptions & { timeoutMs?: number },
  ): Promise<Result<M>> {
    return this.connection.call(method, params, options);
  }

  loggedIn(login: Login): void {
    this.#login = login;
  }

  /** Leaves the server: voids the login where it can be told, within a bounded time. */
  async close(options?: CallOptions): Promise<void> {
    this.#stop.abort();
    const connection = this.#connection;
    this.#connection = undefined;
    if (!connection) return;
    try {
      if (this.#login) await connection.call('account.logout', {}, { timeoutMs: 2_000, ...options });
    } catch {
      // The connection ends below, which the server sees as well.
    }
    connection.close();
  }

  #controlOptions(): ControlOptions {
    const { address, profile } = this.#options;
    return {
      ...this.#options,
      checkFingerprint: (fingerprint) => {
        if (profile.checkServer(address.text, fingerprint) !== 'changed') return;
        throw new ServerKeyChangedError(address, profile.pinnedServer(address.text) ?? '', fingerprint);
      },
      onEvent: (event) => {
        if (event.name === 'server.shutdown') this.#options.onState('shutdown');
        if (event.name === 'server.replaced') this.#giveUp(new ParleyError('ALREADY_CONNECTED', replacedText));
        this.#options.onEvent(event);
      },
      onLost: () => {
        this.#connection = undefined;
        // Lost again while coming back: the loop that is at it goes on.
        if (this.#stop.signal.aborted || this.#reconnecting) return;
        this.#options.onState('lost');
        this.#reconnect().catch((error: unknown) => {
          // A defect: said aloud rather than left as a client that never comes back.
          this.#giveUp(error instanceof ParleyError ? error : new ParleyError('INTERNAL', String(error)));
        });
      },
    };
  }

  async #reconnect(): Promise<void> {
    this.#reconnecting = true;
    try {
      await this.#tryUntilBack();
    } finally {
      this.#reconnecting = false;
    }
  }

  async #tryUntilBack(): Promise<void> {
    const { settings } = this.#options;
    for (let attempt = 0; ; attempt += 1) {
      await sleep(backoffMs(attempt, settings.reconnectMinMs, settings.reconnectMaxMs, Math.random()), undefined, {
        signal: this.#stop.signal,
      }).catch(() => undefined);
      if (this.#stop.signal.aborted) return;
      try {
        await this.#comeBack();
        return;
      } catch (error) {
        if (error instanceof ParleyError && error.code === 'SERVER_KEY_CHANGED') {
          this.#giveUp(error);
          return;
        }
        // Not there yet, or gone again meanwhile: the next try comes later.
      }
    }
  }

  async #comeBack(): Promise<void> {
    const connection = await ControlConnection.open(this.address, this.#controlOptions(), this.#stop.signal);
    if (this.#login) {
      try {
        await connection.call('account.resume', { token: this.#login.resumeToken });
      } catch (error) {
        if (!(error instanceof ParleyError) || error.code !== 'TOKEN_INVALID') {
          connection.close();
          throw error;
        }
        this.#login = undefined;
        this.#options.onNotice({ level: 'warning', text: 'the server no longer knows this login; log in again' });
      }
    }
    this.#connection = connection;
    if (this.#login) await this.#options.restore();
    if (!this.isUp) throw new ParleyError('SERVER_LOST');
    this.#options.onState('back');
  }

  #giveUp(reason: ParleyError): void {
    this.#stop.abort();
    this.#login = undefined;
    this.#connection?.close();
    this.#connection = undefined;
    this.#options.onGone(reason);
  }
}

const replacedText = 'this account was resumed on another connection';

/** The server shows another certificate than the one pinned. */
export class ServerKeyChangedError extends ParleyError {
  readonly address: ServerAddress;
  /** What it shows now. */
  readonly fingerprint: string;

  constructor(address: ServerAddress, pinned: string, fingerprint: string) {
    const how = `if its operator confirms the new one: trust ${address.text}`;
    const text = `THE CERTIFICATE OF ${address.text} HAS CHANGED: somebody may be listening in. Pinned ${pinned}, now ${fingerprint}; ${how}`;
    super('SERVER_KEY_CHANGED', text);
    this.address = address;
    this.fingerprint = fingerprint;
  }
}
