import type { PairClient } from '@parley/gateways';
import type { Messenger } from '../domain/index.js';
import type { Log } from '../log.js';

export interface AdminContext {
  readonly messenger: Messenger;
  /** The clients of the pair chat, which are no users; null: it is off. */
  readonly pairs: () => readonly PairClient[] | null;
  /** Settles when the server has stopped. */
  readonly stop: () => Promise<void>;
  readonly log: Log;
}

/** One command of the operator, in one place: its names, its help, what it does and how a person reads the answer. */
export interface AdminCommand<Data = unknown> {
  readonly name: string;
  readonly long: string;
  /** As a person types it, optional parts in brackets. */
  readonly usage: string;
  readonly doc: string;
  /** How many words may follow the name. */
  readonly words: { readonly min: number; readonly max: number };
  /** @throws ParleyError */
  run(words: readonly string[], context: AdminContext): Data | Promise<Data>;
  print(data: Data): string;
}

/** Forgets the type of the data once `run` and `print` are known to agree on it. */
export function adminCommand<Data>(command: AdminCommand<Data>): AdminCommand {
  return { ...command, print: (data) => command.print(data as Data) };
}
