import { namePattern, ParleyError } from '@parley/protocol';
import { normalPassword } from './password-rules.js';
import { cutPage, pageLimit, type Page, type PageRequest } from './page.js';
import type {
  Account,
  AccountRepository,
  Background,
  Clock,
  Connection,
  GatewayConnection,
  HashingClient,
  PasswordHasher,
  RandomSource,
  ResumeTokenRepository,
} from './ports.js';
import type { DeviceUser, GatewayDoor, GatewayUser, PresenceTable } from './presence.js';
import { userBounds } from './settings.js';
import { Turns } from './turns.js';

export interface Credentials {
  readonly name: string;
  readonly password: string;
  /** X25519 public key of the device that logs in, base64. */
  readonly deviceKey: string;
}

export interface AccountPorts {
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly accounts: AccountRepository;
  readonly resumeTokens: ResumeTokenRepository;
  readonly passwords: PasswordHasher;
  readonly background: Background;
}

/** Registering, logging in with a password or a token, logging out. */
export class Accounts {
  readonly #ports: AccountPorts;
  readonly #presence: PresenceTable;
  readonly #resumeTokenMs: number;
  /** Connections with a login under way: one at a time, so that one connection has one place in the hashing queue. */
  readonly #entering = new Set<Connection>();
  /** Of two logins to one account, one comes first. */
  readonly #turns = new Turns();

  constructor(ports: AccountPorts, presence: PresenceTable, resumeTokenMs: number) {
    this.#ports = ports;
    this.#presence = presence;
    this.#resumeTokenMs = resumeTokenMs;
  }

  /** @throws ParleyError NAME_INVALID, NAME_TAKEN, PASSWORD_INVALID, SERVER_BUSY, ALREADY_LOGGED_IN */
  register(connection: Connection, { name, password, deviceKey }: Credentials): Promise<LoggedIn> {
    return this.#entry(connection, async () => {
      if (!namePattern.test(name)) throw new ParleyError('NAME_INVALID');
      const normal = normalPassword(password);
      if (normal === undefined) throw new ParleyError('PASSWORD_INVALID');
      const { accounts, passwords, clock } = this.#ports;
      // Spares the hashing; who really comes first is decided by the insertion.
      if ((await accounts.find(name)) || this.#presence.isBehindGateway(name)) throw new ParleyError('NAME_TAKEN');
      const passwordHash = await passwords.hash(normal, this.#client(connection));
      await this.#turns.take(name, async () => {
        const isFree =
          !this.#presence.isBehindGateway(name) &&
          (await accounts.insert({ name, passwordHash, createdAt: clock.now() }));
        if (!isFree) throw new ParleyError('NAME_TAKEN');
      });
      return this.#enrol(connection, name, deviceKey);
    });
  }

  /**
   * An unknown name gets the answer of a wrong password, after the same work. Only who knows the password learns
   * whether the user is connected.
   * @throws ParleyError BAD_CREDENTIALS, ALREADY_CONNECTED, SERVER_BUSY, ALREADY_LOGGED_IN
   */
  login(connection: Connection, { name, password, deviceKey }: Credentials): Promise<LoggedIn> {
    return this.#entry(connection, async () => {
      const normal = normalPassword(password);
      // Says nothing about the account: no account has such a password.
      if (normal === undefined) throw new ParleyError('BAD_CREDENTIALS');
      const account = namePattern.test(name) ? await this.#ports.accounts.find(name) : undefined;
      const client = this.#client(connection);
      const { matches, outdated } = await this.#ports.passwords.verify(normal, account?.passwordHash, client);
      if (!account || !matches) throw new ParleyError('BAD_CREDENTIALS');
      const loggedIn = await this.#enrol(connection, account.name, deviceKey);
      if (outdated) this.#ports.background.run('a stronger hash', () => this.#rehash(account, normal, client));
      return loggedIn;
    });
  }

  /**
   * Takes over from an earlier connection of the same device, if that still stands.
   * @throws ParleyError TOKEN_INVALID, ALREADY_CONNECTED with another device
   */
  resume(connection: Connection, token: string): Promise<{ user: string }> {
    return this.#entry(connection, async () => {
      const { resumeTokens, clock } = this.#ports;
      const oldest = clock.now() - this.#resumeTokenMs;
      const known = await resumeTokens.find(token);
      if (!known || known.usedAt < oldest) throw new ParleyError('TOKEN_INVALID');
      return this.#turns.take(known.user, async () => {
        // Another login of the same device, or its logout, may have voided it meanwhile.
        if (!(await resumeTokens.find(token))) throw new ParleyError('TOKEN_INVALID');
        await resumeTokens.touch(token, clock.now());
        this.#presence.resume(connection, known.user, known.deviceKey);
        return { user: known.user };
      });
    });
  }

  async logout(user: DeviceUser): Promise<void> {
    await this.#turns.take(user.name, async () => {
      await this.#ports.resumeTokens.delete(user.name, user.deviceKey);
      this.#presence.leave(user);
    });
  }

  /**
   * Lets a user of an older system in, under a name that nobody has.
   * @throws ParleyError NAME_INVALID, NAME_TAKEN
   */
  enterGateway(connection: GatewayConnection, name: string, door: GatewayDoor): Promise<GatewayUser> {
    return this.#turns.take(name, async () => {
      if (!namePattern.test(name)) throw new ParleyError('NAME_INVALID');
      if (await this.#ports.accounts.find(name)) throw new ParleyError('NAME_TAKEN');
      return this.#presence.enterGateway(connection, name, door);
    });
  }

  async exists(name: string): Promise<boolean> {
    return namePattern.test(name) && (await this.#ports.accounts.find(name)) !== undefined;
  }

  /** A page of all accounts, and whether each is online. */
  async page(request: PageRequest): Promise<Page<{ name: string; online: boolean }>> {
    const limit = pageLimit(request);
    const names = await this.#ports.accounts.namesAfter(request.after, limit + 1);
    const users = names.map((name) => ({ name, online: this.#presence.online(name) !== undefined }));
    return cutPage(users, limit, (user) => user.name);
  }

  /** Forgets the tokens that were not used for too long. */
  async dropOldTokens(): Promise<void> {
    await this.#ports.resumeTokens.deleteUnusedSince(this.#ports.clock.now() - this.#resumeTokenMs);
  }

  async #entry<T>(connection: Connection, enter: () => Promise<T>): Promise<T> {
    if (this.#entering.has(connection)) {
      throw new ParleyError('ALREADY_LOGGED_IN', 'this connection is logging in already');
    }
    this.#entering.add(connection);
    try {
      return await enter();
    } finally {
      this.#entering.delete(connection);
    }
  }

  #enrol(connection: Connection, name: string, deviceKey: string): Promise<LoggedIn> {
    return this.#turns.take(name, async () => {
      if (this.#presence.online(name)) throw new ParleyError('ALREADY_CONNECTED');
      const resumeToken = this.#ports.random.secret();
      const device = { user: name, deviceKey, usedAt: this.#ports.clock.now() };
      await this.#ports.resumeTokens.insert(resumeToken, device, userBounds.devices);
      this.#presence.enter(connection, name, deviceKey);
      return { user: name, resumeToken };
    });
  }

  #client(connection: Connection): HashingClient {
    return { address: connection.address, isGone: () => !this.#presence.isOpen(connection) };
  }

  async #rehash(account: Account, normal: string, client: HashingClient): Promise<void> {
    try {
      const hash = await this.#ports.passwords.hash(normal, client);
      await this.#ports.accounts.replaceHash(account.name, account.passwordHash, hash);
    } catch (error) {
      // The old hash serves until a login at a quieter time.
      if (!(error instanceof ParleyError && ['SERVER_BUSY', 'SERVER_SHUTDOWN'].includes(error.code))) throw error;
    }
  }
}

export interface LoggedIn {
  readonly user: string;
  readonly resumeToken: string;
}
