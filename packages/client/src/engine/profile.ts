/** The files of one client: its device key, what it has pinned, and the lock that keeps a second process out. */
import { createHash } from 'node:crypto';
import {
  statSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
  closeSync,
  fsyncSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { ParleyError } from '@parley/protocol';
import type { KeyPair } from '@parley/transport';
import { generateKeyPair, publicKeyOf } from '@parley/transport/node';

/** What a key seen now is, against those pinned for the same name at the same server. */
export type PinVerdict = 'pinned' | 'first' | 'changed';

interface PinFile {
  servers: Map<string, string>;
  users: Map<string, Map<string, string[]>>;
}

export class Profile {
  readonly home: string;
  readonly keyPair: KeyPair;
  readonly #pins: PinFile;

  /** Opens, and makes at first use, the profile in a folder; every file is for this user's eyes only (0600). */
  constructor(home: string) {
    this.home = resolve(home);
    try {
      makeFolder(this.home);
      this.#lock();
    } catch (cause) {
      throw unusable(home, cause);
    }
    try {
      this.keyPair = this.#loadKeyPair();
      this.#pins = parsePins(readIfThere(this.#path('pins.json')));
    } catch (cause) {
      this.release();
      throw unusable(home, cause);
    }
  }

  /** Compares a server's certificate with the pinned one, and pins the first one seen. */
  checkServer(server: string, fingerprint: string): PinVerdict {
    const pinned = this.#pins.servers.get(server);
    if (pinned === fingerprint) return 'pinned';
    if (pinned !== undefined) return 'changed';
    this.pinServer(server, fingerprint);
    return 'first';
  }

  pinServer(server: string, fingerprint: string): void {
    this.#pins.servers.set(server, fingerprint);
    this.#savePins();
  }

  pinnedServer(server: string): string | undefined {
    return this.#pins.servers.get(server);
  }

  /** Compares a user's device key (base64) with the pinned ones, and pins the first one seen. */
  checkUser(server: string, user: string, key: string): PinVerdict {
    const keys = this.#pins.users.get(server)?.get(user);
    if (!keys) {
      this.pinUser(server, user, key);
      return 'first';
    }
    return keys.includes(key) ? 'pinned' : 'changed';
  }

  /** Adds a device of a user. */
  pinUser(server: string, user: string, key: string): void {
    const users = this.#pins.users.get(server) ?? new Map<string, string[]>();
    users.set(user, [...(users.get(user) ?? []), key]);
    this.#pins.users.set(server, users);
    this.#savePins();
  }

  /** The key that was pinned last. */
  pinnedUserKey(server: string, user: string): string | undefined {
    return this.#pins.users.get(server)?.get(user)?.at(-1);
  }

  /** Lets another process use the profile. */
  release(): void {
    rmSync(this.#path('lock'), { force: true });
  }

  #lock(): void {
    const path = this.#path('lock');
    for (;;) {
      try {
        writeFileSync(path, String(process.pid), { flag: 'wx', mode: 0o600 });
        return;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const owner = Number(readIfThere(path));
      if (owner > 0 && isAlive(owner)) {
        throw new ParleyError('PROFILE_LOCKED', `the profile in ${this.home} is used by process ${String(owner)}`);
      }
      // Its process died without a word.
      rmSync(path, { force: true });
    }
  }

  #loadKeyPair(): KeyPair {
    const path = this.#path('device.key');
    const text = readIfThere(path);
    if (text === undefined) {
      const made = generateKeyPair();
      writeDurably(path, `${Buffer.from(made.privateKey).toString('base64')}\n`);
      return made;
    }
    const privateKey = Uint8Array.from(Buffer.from(text, 'base64'));
    if (privateKey.length !== 32) throw new Error('device.key does not hold a key');
    return { privateKey, publicKey: publicKeyOf(privateKey) };
  }

  #savePins(): void {
    const { servers, users } = this.#pins;
    const plain = {
      version: 1,
      servers: Object.fromEntries(servers),
      users: Object.fromEntries([...users].map(([server, keys]) => [server, Object.fromEntries(keys)])),
    };
    writeDurably(this.#path('pins.json'), `${JSON.stringify(plain, null, 2)}\n`);
  }

  #path(name: string): string {
    return join(this.home, name);
  }
}

function unusable(home: string, cause: unknown): ParleyError {
  if (cause instanceof ParleyError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new ParleyError('PROFILE_UNUSABLE', `the profile in ${home} cannot be used: ${reason}`, { cause });
}

/** What a person compares: SHA-256 of the key, 16 bytes of it in groups of four hexadecimal digits. */
export function keyFingerprint(key: string): string {
  const digest = createHash('sha256').update(Buffer.from(key, 'base64')).digest('hex').slice(0, 32);
  return digest.match(/.{4}/g)?.join(' ') ?? digest;
}

function parsePins(text: string | undefined): PinFile {
  if (text === undefined) return { servers: new Map(), users: new Map() };
  const plain: unknown = JSON.parse(text);
  if (!isRecord(plain) || plain['version'] !== 1) throw new Error('pins.json is not of version 1');
  return {
    servers: entries(plain['servers'], isString),
    users: new Map([...entries(plain['users'], isRecord)].map(([server, keys]) => [server, entries(keys, isStrings)])),
  };
}

/** The entries of a JSON object; a lost pin would be a key accepted unseen, so nothing is passed over. */
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

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(isString);
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Whole or not at all, also when the power fails. */
function writeDurably(path: string, text: string): void {
  const fresh = `${path}.new`;
  const file = openSync(fresh, 'w', 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(fresh, path);
}

/** `mkdirSync` with `recursive` never returns below /proc in Node 20, so each level is made by itself. */
function makeFolder(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  makeFolder(dirname(path));
  mkdirSync(path, { mode: 0o700 });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
