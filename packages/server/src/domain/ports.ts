/** What the domain needs from the world; `compose.ts` brings the real parts, tests bring fakes. */
import type { EventName, EventParams, FrameBatch } from '@parley/protocol';

export interface Clock {
  /** The wall clock, milliseconds since 1970. */
  now(): number;
  /** Runs `action` once after `delayMs`, on a clock that does not jump; the returned function calls it off. */
  after(delayMs: number, action: () => void): () => void;
}

export interface RandomSource {
  /** 16 random bytes in hexadecimal. */
  id(): string;
  /** 32 random bytes in base64. */
  secret(): string;
}

/** A channel of the blind relay, for the two sides of an introduction. */
export interface RelayChannel {
  readonly number: number;
  /** By side, 32 bytes in base64: known to that side and the relay alone. */
  readonly tokens: readonly [string, string];
}

/** The channels of the blind relay. */
export interface RelayChannels {
  /** One that is free, with new tokens; nothing passes it yet. */
  draw(): RelayChannel;
  /** Opens it to two users, by side. @returns false when one of them, or all together, have too many */
  allow(channel: RelayChannel, users: readonly [string, string]): boolean;
  revoke(number: number): void;
}

/** One control connection. Neither method throws; both do nothing once it is closed. */
export interface Connection {
  readonly address: string;
  readonly port: number;
  /** @param loss `allowed`: it is dropped, instead of the client later, while that reads too slowly */
  notify<E extends EventName>(event: E, params: EventParams<E>, loss?: 'allowed'): void;
  /** Closes it after what was sent before. */
  close(): void;
}

/** A user of an older system: what is said to it ends here, in the server. */
export interface GatewayConnection extends Connection {
  /**
   * Takes what a user says in a conversation that both are in.
   * @param resume what was on its way to that user is to be sent again
   * @returns how many frames of that user have come so far
   * @throws ParleyError NO_CONVERSATION, INVALID_PARAMS
   */
  receive(from: string, conversation: string, batch: FrameBatch, resume: boolean): number;
}

/** Work that nobody waits for. */
export interface Background {
  /** Runs it, and tells the operator when it fails; the server does not stop before it has ended. */
  run(what: string, work: () => Promise<void>): void;
}

/** For whom a password is hashed: those who wait are served in turns, by where they come from. */
export interface HashingClient {
  readonly address: string;
  /** Nobody waits for the outcome any more. */
  isGone(): boolean;
}

export interface PasswordHasher {
  /** @throws ParleyError SERVER_BUSY when too many wait already. */
  hash(password: string, client: HashingClient): Promise<string>;
  /**
   * Takes as long, and answers `matches: false`, when there is no hash to compare with.
   * `outdated`: the password matches, but its hash was made with less work than is asked for now.
   * @throws ParleyError SERVER_BUSY when too many wait already.
   */
  verify(
    password: string,
    hash: string | undefined,
    client: HashingClient,
  ): Promise<{ matches: boolean; outdated: boolean }>;
}

export interface Account {
  readonly name: string;
  readonly passwordHash: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

export interface AccountRepository {
  /** @returns false when the name is taken; of several at once, exactly one gets true. */
  insert(account: Account): Promise<boolean>;
  find(name: string): Promise<Account | undefined>;
  /** Does nothing when the hash is no longer `oldHash`. */
  replaceHash(name: string, oldHash: string, newHash: string): Promise<void>;
  /** At most `limit` names in ascending order, those behind `after` only. */
  namesAfter(after: string | undefined, limit: number): Promise<string[]>;
}

export interface Room {
  readonly name: string;
  readonly owner: string;
  /** Of this opening: a room of the same name opened later has another. */
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

export interface RoomRepository {
  /** `limit`: the owner has `maxOwned` rooms already. */
  insert(room: Room, maxOwned: number): Promise<'inserted' | 'exists' | 'limit'>;
  find(name: string): Promise<Room | undefined>;
  /** Deletes this opening of the room; does nothing when it is gone. */
  delete(room: Room): Promise<void>;
  /** At most `limit` rooms in ascending order of their names, those behind `after` only. */
  roomsAfter(after: string | undefined, limit: number): Promise<Room[]>;
}

/** A device that its user's password has enrolled. */
export interface EnrolledDevice {
  readonly user: string;
  /** X25519 public key, base64. */
  readonly deviceKey: string;
  /** When its token was made or last used, milliseconds since 1970. */
  readonly usedAt: number;
}

/** Tokens are kept as hashes only: who reads the store cannot resume with what it holds. */
export interface ResumeTokenRepository {
  /** Voids the device's earlier token, and of its user's the longest unused ones beyond `maxDevices`. */
  insert(token: string, device: EnrolledDevice, maxDevices: number): Promise<void>;
  find(token: string): Promise<EnrolledDevice | undefined>;
  touch(token: string, usedAt: number): Promise<void>;
  /** Voids the token of one device of a user. */
  delete(user: string, deviceKey: string): Promise<void>;
  deleteUnusedSince(time: number): Promise<void>;
}
