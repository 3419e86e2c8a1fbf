/** The certificates and device keys that were seen first, so that another one is noticed; a file in the profile. */
import { readIfThere, writePrivateFile } from '@parley/files';

/** What a key seen now is, against those pinned for the same name at the same server. */
export type PinVerdict = 'pinned' | 'first' | 'changed';

export class Pins {
  readonly #path: string;
  /** Fingerprints by `host:port`. */
  readonly #servers: Map<string, string>;
  /** Keys by `host:port` and user. */
  readonly #users: Map<string, Map<string, string[]>>;
  #unsaved: NodeJS.Immediate | undefined;

  /** @throws Error for a file of another form: a lost pin would be a key accepted unseen */
  constructor(path: string) {
    this.#path = path;
    const text = readIfThere(path);
    const plain = text === undefined ? { version: 1, servers: {}, users: {} } : parse(text);
    if (!isRecord(plain) || plain['version'] !== 1) throw new Error('pins.json is not of version 1');
    this.#servers = entries(plain['servers'], isString);
    this.#users = new Map(
      [...entries(plain['users'], isRecord)].map(([server, keys]) => [server, entries(keys, isStrings)]),
    );
  }

  /** The fingerprint that is pinned for a server. */
  server(server: string): string | undefined {
    return this.#servers.get(server);
  }

  /** The one that was pinned last. */
  get lastServer(): string | undefined {
    return [...this.#servers.keys()].at(-1);
  }

  /** Compares a server's certificate with the pinned one, and pins the first one seen. */
  checkServer(server: string, fingerprint: string): PinVerdict {
    const pinned = this.#servers.get(server);
    if (pinned === fingerprint) return 'pinned';
    if (pinned !== undefined) return 'changed';
    this.pinServer(server, fingerprint);
    return 'first';
  }

  pinServer(server: string, fingerprint: string): void {
    this.#servers.set(server, fingerprint);
    this.#save();
  }

  /** The key (base64) of a user that was pinned last. */
  userKey(server: string, user: string): string | undefined {
    return this.#users.get(server)?.get(user)?.at(-1);
  }

  /** Compares a user's device key with the pinned ones, and pins the first one seen. */
  checkUser(server: string, user: string, key: string): PinVerdict {
    const keys = this.#users.get(server)?.get(user);
    if (!keys) {
      this.pinUser(server, user, key);
      return 'first';
    }
    return keys.includes(key) ? 'pinned' : 'changed';
  }

  /** Adds a device of a user. */
  pinUser(server: string, user: string, key: string): void {
    const users = this.#users.get(server) ?? new Map<string, string[]>();
    users.set(user, [...(users.get(user) ?? []), key]);
    this.#users.set(server, users);
    this.#save();
  }

  /** Forgets the devices of a user. */
  forgetUser(server: string, user: string): void {
    if (this.#users.get(server)?.delete(user)) this.#save();
  }

  /** What was pinned in one turn of the event loop, such as the members of a room, is written at once. */
  #save(): void {
    this.#unsaved ??= setImmediate(() => {
      this.flush();
    });
  }

  /** Writes what is not written yet. */
  flush(): void {
    if (!this.#unsaved) return;
    clearImmediate(this.#unsaved);
    this.#unsaved = undefined;
    const plain = {
      version: 1,
      servers: Object.fromEntries(this.#servers),
      users: Object.fromEntries([...this.#users].map(([server, keys]) => [server, Object.fromEntries(keys)])),
    };
    writePrivateFile(this.#path, `${JSON.stringify(plain, null, 2)}\n`);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error('pins.json is no JSON', { cause });
  }
}

/** The entries of a JSON object, none of them passed over. */
function entries<T>(value: unknown, isValid: (item: unknown) => item is T): Map<string, T> {
  if (!isRecord(value)) throw new Error('pins.json does not have the form of version 1');
  return new Map(
    Object.entries(value).map(([name, item]) => {
      if (!isValid(item)) throw new Error(`pins.json has a wrong entry for ${name}`);
      return [name, item];
    }),
  );
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(isString);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
