import type { commands, Method, Params, Result } from '@parley/protocol';
import type { Connection, DeviceUser, Messenger } from '../domain/index.js';

/** What clients may ask about the server itself. */
export interface ServerFacts {
  readonly agent: string;
  readonly stunPort: number;
  readonly otherStunPort: number | null;
  readonly relays: boolean;
  readonly pingIntervalMs: number;
}

/** The relay, as far as control connections use it. */
export interface RelayOnControl {
  /** @param frames in base64, of a user who is logged in; what is no frame, or not for this user, is lost */
  receiveOnControl(user: string, frames: readonly string[]): void;
}

export interface HandlerContext<User = DeviceUser | undefined> {
  readonly messenger: Messenger;
  readonly server: ServerFacts;
  /** Null: the server relays nothing. */
  readonly relay: RelayOnControl | null;
  /** Where the request came from. */
  readonly connection: Connection;
  /** Who asks. */
  readonly user: User;
}

type UserOf<M extends Method> = (typeof commands)[M]['access'] extends 'user' ? DeviceUser : DeviceUser | undefined;

/** Answers one command; access, parameters and rate are checked before. */
export type Handler<M extends Method> = (
  params: Params<M>,
  context: HandlerContext<UserOf<M>>,
) => Result<M> | Promise<Result<M>>;

/** One handler for each command of the protocol. */
export type HandlerTable = { readonly [M in Method]: Handler<M> };
