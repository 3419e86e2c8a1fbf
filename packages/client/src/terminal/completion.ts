import type { ParleyClient } from '../engine/api.js';
import type { Subject } from './command.js';
import { commandNamed, commands } from './commands/index.js';
import { policyWords } from './commands/paths.js';
import { sleep, type Timer } from './timer.js';

export interface KnownNames {
  readonly users: readonly string[];
  readonly rooms: readonly string[];
}

/** What Tab may put for the last word of a line. @returns the whole words that fit, and the word they are for */
export function completions(line: string, names: KnownNames): [matches: string[], word: string] {
  const words = line.trimStart().split(/[ \t]+/);
  const word = words.at(-1) ?? '';
  const fitting = candidates(words, names).filter((name) => name.startsWith(word));
  const matches = [...new Set(fitting)].sort();
  return [matches.length === 1 ? matches.map((match) => `${match} `) : matches, word];
}

function candidates(words: readonly string[], names: KnownNames): readonly string[] {
  const [first = ''] = words;
  if (words.length === 1) return commandWords(first.startsWith('/'));
  const command = commandNamed(first);
  // In a text, names of users.
  if (!command || command.name === 's') return words.at(-1) === '' ? [] : names.users;
  const subject = command.subjects?.[words.length - 2];
  return subject === undefined ? [] : ofSubject(subject, names);
}

function ofSubject(subject: Subject, names: KnownNames): readonly string[] {
  switch (subject) {
    case 'user':
    case 'any-user':
    case 'trusted':
      return names.users;
    case 'room':
    case 'own-room':
    case 'any-room':
      return names.rooms;
    case 'policy':
      return policyWords;
    case 'command':
      return commandWords(false);
    case 'account':
    case 'new-account':
    case 'server':
    case 'password':
    case 'new-password':
      return [];
  }
}

function commandWords(slash: boolean): string[] {
  if (slash) return commands.flatMap(({ name, long }) => [`/${name}`, `/${long}`]);
  return commands.filter(({ scriptTool }) => !scriptTool).flatMap(({ name, long }) => [name, long]);
}

/** More names than anybody completes from. */
const maxNames = 10_000;
const freshMs = 5_000;
const refreshTimeoutMs = 5_000;
/** How long Tab waits for names when there are none yet. */
const firstNamesMs = 1_000;

/** The names last heard of, refreshed behind the scenes when somebody completes. */
export class NameCache {
  readonly #client: ParleyClient;
  readonly #timer: Timer;
  #names: KnownNames = { users: [], rooms: [] };
  #fresh = false;
  #refreshing: Promise<void> | undefined;

  constructor(client: ParleyClient, timer: Timer) {
    this.#client = client;
    this.#timer = timer;
  }

  async complete(line: string): Promise<[matches: string[], word: string]> {
    if (/[ \t]/.test(line.trimStart())) {
      const refreshed = this.refresh();
      if (this.#names.users.length === 0) {
        await Promise.race([refreshed, sleep(this.#timer, firstNamesMs, new AbortController().signal)]);
      }
    }
    return completions(line, this.#names);
  }

  /** Asks the server for the names, unless that was done just now. Never rejects: old names are better than none. */
  refresh(): Promise<void> {
    if (this.#fresh || this.#client.status().user === null) return Promise.resolve();
    this.#refreshing ??= this.#load().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #load(): Promise<void> {
    const abort = new AbortController();
    const cancel = this.#timer.after(refreshTimeoutMs, () => {
      abort.abort();
    });
    try {
      const { signal } = abort;
      const [users, online, rooms] = await Promise.all([
        this.#client.users({ signal }),
        // Also those behind a gateway, who have no account.
        this.#client.connectedUsers({ signal }),
        this.#client.rooms({ signal }),
      ]);
      this.#names = { users: namesOf([...online, ...users]), rooms: namesOf(rooms) };
      this.#fresh = true;
      this.#timer.after(freshMs, () => {
        this.#fresh = false;
      });
    } catch {
      // The server is not there or busy: the next Tab tries again.
    } finally {
      cancel();
    }
  }
}

function namesOf(found: readonly { readonly name: string }[]): string[] {
  return found.slice(0, maxNames).map(({ name }) => name);
}
