/** The client's standing with one server: the control connection, the login on it, and coming back when it breaks. */
import { networkInterfaces } from 'node:os';
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

/** Where a server is, in the network. */
export interface ServerPlace {
  readonly address: string;
  /** This machine: then peers may be on it, too. */
  readonly isLoopback: boolean;
  /** TCP and UDP ports that are the server's. */
  readonly ports: readonly number[];
}

interface Login {
  readonly user: string;
  readonly resumeToken: string;
}

/** Events that come in while the login is being restored, before they are told. */
const heldEventsLimit = 10_000;

export class ServerLink {
  readonly address: ServerAddress;
  readonly #options: ServerLinkOptions;
  readonly #stop = new AbortController();
  /** Ends the wait before the next try. */
  #hurry = new AbortController();
  #connection: ControlConnection | undefined;
  #place: ServerPlace = { address: '', isLoopback: false, ports: [] };
  #login: Login | undefined;
  #isReconnecting = false;
  /** Names the connection that counts, or is about to; what older ones still say does not. */
  #current: object = {};
  /** While the login is being restored; whoever is told of an event then may ask the server at once. */
  #held: ServerEvent[] | undefined;

  private constructor(options: ServerLinkOptions) {
    this.address = options.address;
    this.#options = options;
  }

  static async connect(
    options: ServerLinkOptions,
    signal?: AbortSignal,
  ): Promise<{ link: ServerLink; connected: ConnectedServer }> {
    const link = new ServerLink(options);
    const firstContact = options.tls && options.profile.pins.server(options.address.text) === undefined;
    const connection = await ControlConnection.open(options.address, link.#controlOptions(), signal);
    link.#connection = connection;
    link.#learnPlace(connection);
    return {
      link,
      connected: { server: options.address.text, fingerprint: connection.fingerprint, firstContact },
    };
  }

  get user(): string | undefined {
    return this.#login?.user;
  }

  /** Where it is, or was when it was there last. */
  get place(): ServerPlace {
    return this.#place;
  }

  get isUp(): boolean {
    return this.#connection !== undefined;
  }

  /** The connection as it is now. @throws ParleyError SERVER_LOST, NOT_CONNECTED */
  get connection(): ControlConnection {
    if (this.#connection) return this.#connection;
    if (this.#stop.signal.aborted) throw new ParleyError('NOT_CONNECTED', 'the connection to the server is closed');
    throw new ParleyError('SERVER_LOST', 'the connection to the server broke; trying again');
  }

  /** Interfaces have other addresses, or the machine woke up: a connection that is dead is left soon, and one is tried now. */
  networkChanged(): void {
    this.#hurry.abort();
    const own = new Set(
      Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address)),
    );
    this.#connection?.examine((address) => own.has(address));
  }

  /** Never throws before it returns. */
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
  async close(): Promise<void> {
    this.#stop.abort();
    const connection = this.#connection;
    this.#connection = undefined;
    if (!connection) return;
    try {
      if (this.#login) await connection.call('account.logout', {}, { timeoutMs: 2_000 });
    } catch {
      // The connection ends below, which the server sees as well.
    }
    connection.close();
  }

  #controlOptions(): ControlOptions {
    const { address, profile } = this.#options;
    const mine = {};
    this.#current = mine;
    return {
      ...this.#options,
      checkFingerprint: (fingerprint) => {
        if (profile.pins.checkServer(address.text, fingerprint) !== 'changed') return;
        throw new ServerKeyChangedError(address, profile.pins.server(address.text) ?? '', fingerprint);
      },
      onEvent: (event) => {
        if (this.#current === mine) this.#onEvent(event);
      },
      onLost: () => {
        if (this.#current === mine) this.#onLost();
      },
    };
  }

  #onEvent(event: ServerEvent): void {
    if (event.name === 'server.replaced') {
      this.#giveUp(new ParleyError('ALREADY_CONNECTED', 'this account was resumed on another connection'));
      return;
    }
    if (!this.#held) {
      if (event.name === 'server.shutdown') this.#options.onState('shutdown');
      this.#options.onEvent(event);
    } else if (this.#held.push(event) > heldEventsLimit) {
      // A server that floods while it is asked for little: this connection counts no more, and `#comeBack` ends it.
      this.#held = [];
      this.#current = {};
    }
  }

  #onLost(): void {
    this.#connection = undefined;
    // Lost again while coming back: the loop that is at it goes on.
    if (this.#stop.signal.aborted || this.#isReconnecting) return;
    this.#options.onState('lost');
    this.#reconnect().catch((error: unknown) => {
      // A defect: said aloud rather than left as a client that never comes back.
      this.#giveUp(error instanceof ParleyError ? error : new ParleyError('INTERNAL', String(error)));
    });
  }

  async #reconnect(): Promise<void> {
    this.#isReconnecting = true;
    try {
      await this.#tryUntilBack();
    } finally {
      this.#isReconnecting = false;
    }
  }

  async #tryUntilBack(): Promise<void> {
    const { settings } = this.#options;
    for (let attempt = 0; ; attempt += 1) {
      const waitMs = backoffMs(attempt, settings.reconnectMinMs, settings.reconnectMaxMs, Math.random());
      this.#hurry = new AbortController();
      const signal = AbortSignal.any([this.#stop.signal, this.#hurry.signal]);
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
      if (this.#hurry.signal.aborted) attempt = 0;
      if (this.#stop.signal.aborted) return;
      try {
        await this.#comeBack();
        return;
      } catch (error) {
        if (error instanceof ParleyError && finalRefusals.has(error.code)) {
          this.#giveUp(error);
          return;
        }
        // Not there yet, or gone again meanwhile: the next try comes later.
      } finally {
        this.#held = undefined;
      }
    }
  }

  async #comeBack(): Promise<void> {
    this.#held = [];
    const options = this.#controlOptions();
    const mine = this.#current;
    const connection = await ControlConnection.open(this.address, options, this.#stop.signal);
    try {
      if (this.#login) await this.#resume(connection, this.#login.resumeToken);
      this.#stop.signal.throwIfAborted();
      this.#connection = connection;
      this.#learnPlace(connection);
      if (this.#login) await this.#options.restore();
      if (this.connection !== connection || this.#current !== mine) throw new ParleyError('SERVER_LOST');
    } catch (error) {
      // What it still says is of no interest: the next try begins with a login of its own.
      this.#current = {};
      this.#connection = undefined;
      connection.close();
      throw error;
    }
    const held = this.#held;
    this.#held = undefined;
    this.#options.onState('back');
    for (const event of held) this.#onEvent(event);
  }

  #learnPlace({ remoteAddress: address, hello }: ControlConnection): void {
    const { stunPort, otherStunPort } = hello;
    const ports = [this.address.port, stunPort, ...(otherStunPort === null ? [] : [otherStunPort])];
    this.#place = { address, isLoopback: address === '::1' || address.startsWith('127.'), ports };
  }

  async #resume(connection: ControlConnection, token: string): Promise<void> {
    try {
      await connection.call('account.resume', { token });
    } catch (error) {
      if (!(error instanceof ParleyError) || error.code !== 'TOKEN_INVALID') throw error;
      this.#login = undefined;
      this.#options.onNotice({ level: 'warning', text: 'the server no longer knows this login; log in again' });
    }
  }

  #giveUp(reason: ParleyError): void {
    this.#stop.abort();
    this.#login = undefined;
    this.#current = {};
    this.#connection?.close();
    this.#connection = undefined;
    this.#options.onGone(reason);
  }
}

/** Answers to coming back that another try would not change. */
const finalRefusals = new Set(['SERVER_KEY_CHANGED', 'ALREADY_CONNECTED']);

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
