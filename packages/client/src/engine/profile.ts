/** The folder of one client: its device key, its pins, and the lock that keeps a second process out. */
import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';
import { makePrivateDirectory, readIfThere, writePrivateFile } from '@parley/files';
import { ParleyError } from '@parley/protocol';
import type { KeyPair } from '@parley/transport';
import { PathPolicies } from './path-policies.js';
import { Pins } from './pins.js';
import { ProfileLock } from './profile-lock.js';

/** How keys are made; `@parley/transport/node` has it. */
export interface KeyMaker {
  generateKeyPair(): KeyPair;
  publicKeyOf(privateKey: Uint8Array): Uint8Array;
}

export class Profile {
  readonly home: string;
  readonly keyPair: KeyPair;
  readonly pins: Pins;
  readonly paths: PathPolicies;
  readonly #lock: ProfileLock;

  /**
   * Opens the profile in a folder, and makes it at first use; every file is for this user's eyes only (0600).
   * @throws ParleyError PROFILE_LOCKED, PROFILE_UNUSABLE
   */
  constructor(home: string, keys: KeyMaker) {
    this.home = resolve(home);
    try {
      makePrivateDirectory(this.home);
      this.#lock = new ProfileLock(join(this.home, 'lock'));
    } catch (cause) {
      throw unusable(home, cause);
    }
    try {
      this.keyPair = loadKeyPair(join(this.home, 'device.key'), keys);
      this.pins = new Pins(join(this.home, 'pins.json'));
      this.paths = new PathPolicies(join(this.home, 'paths.json'));
    } catch (cause) {
      this.#lock.release();
      throw unusable(home, cause);
    }
  }

  /** Lets another process use the profile. */
  release(): void {
    this.pins.flush();
    this.#lock.release();
  }
}

/** What a person compares: SHA-256 of the key, 16 bytes of it in groups of four hexadecimal digits. */
export function keyFingerprint(key: string): string {
  const digest = createHash('sha256').update(Buffer.from(key, 'base64')).digest('hex').slice(0, 32);
  return digest.match(/.{4}/g)?.join(' ') ?? digest;
}

function loadKeyPair(path: string, keys: KeyMaker): KeyPair {
  const text = readIfThere(path);
  if (text === undefined) {
    const made = keys.generateKeyPair();
    writePrivateFile(path, `${Buffer.from(made.privateKey).toString('base64')}\n`);
    return made;
  }
  const privateKey = Uint8Array.from(Buffer.from(text, 'base64'));
  if (privateKey.length !== 32) throw new Error('device.key does not hold a key');
  return { privateKey, publicKey: keys.publicKeyOf(privateKey) };
}

function unusable(home: string, cause: unknown): ParleyError {
  if (cause instanceof ParleyError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new ParleyError('PROFILE_UNUSABLE', `the profile in ${home} cannot be used: ${reason}`, { cause });
}
