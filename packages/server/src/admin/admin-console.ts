import { ParleyError, type ErrorCode } from '@parley/protocol';
import { printable } from '@parley/text';
import type { AdminCommand, AdminContext } from './admin-command.js';
import { findAdminCommand } from './admin-commands.js';

/** What one line of the admin prompt came to; as it is written with --json. */
export type AdminResult =
  | { readonly type: 'result'; readonly command: string; readonly ok: true; readonly data: unknown }
  | {
      readonly type: 'result';
      readonly command: string;
      readonly ok: false;
      readonly error: { readonly code: ErrorCode; readonly message: string };
    };

/** Longer than any command with its arguments. */
const maxLineCharacters = 1_000;

/** Of a word that is shown again. */
const shownCharacters = 32;

/** Runs lines of the admin prompt. */
export class AdminConsole {
  readonly #context: AdminContext;

  constructor(context: AdminContext) {
    this.#context = context;
  }

  /** Never rejects; undefined for an empty line. */
  async execute(line: string): Promise<AdminResult | undefined> {
    const [word, ...rest] = line.trim().split(/[ \t]+/);
    if (word === undefined || word === '') return undefined;
    let command: AdminCommand | undefined;
    try {
      if (line.length > maxLineCharacters) throw new ParleyError('USAGE', 'the line is too long');
      command = findAdminCommand(word);
      checkWords(command, rest);
      return { type: 'result', command: command.name, ok: true, data: await command.run(rest, this.#context) };
    } catch (error) {
      const { code, message } = this.#asParleyError(error);
      return { type: 'result', command: command?.name ?? shown(word), ok: false, error: { code, message } };
    }
  }

  #asParleyError(error: unknown): ParleyError {
    if (error instanceof ParleyError) return error;
    this.#context.log.error({ err: error }, 'an admin command failed');
    return new ParleyError('INTERNAL', 'a defect on this side; the log tells more');
  }
}

function checkWords({ usage, words: { min, max } }: AdminCommand, rest: readonly string[]): void {
  const unprintable = rest.find((word) => printable(word) !== word);
  if (unprintable !== undefined) {
    throw new ParleyError('USAGE', `"${shown(unprintable)}" holds control characters`);
  }
  if (rest.length < min) throw new ParleyError('USAGE', `something is missing; usage: ${usage}`);
  const extra = rest[max];
  if (extra !== undefined) throw new ParleyError('USAGE', `"${shown(extra)}" is too much; usage: ${usage}`);
}

/** A word that somebody typed, cut and cleaned. */
function shown(word: string): string {
  return printable(word.slice(0, shownCharacters));
}
