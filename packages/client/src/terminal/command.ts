/** What a command of the terminal is: declared once, so that help, completion, parsing and output follow from it. */
import { ParleyError } from '@parley/protocol';
import type { ParleyClient } from '../engine/api.js';
import type { EventBacklog } from './event-backlog.js';
import type { Style } from './style.js';
import type { Timer } from './timer.js';

interface CommandContext {
  readonly client: ParleyClient;
  readonly backlog: EventBacklog;
  readonly timer: Timer;
  /** Aborts when the user gives the command up. */
  readonly signal: AbortSignal;
  /** Tells a person why nothing happens yet; programs are not told. */
  readonly progress: (line: (style: Style) => string) => void;
}

/** A text on its way, for the marks at the terminal and the exit code. */
export interface SentText {
  readonly id: string;
  readonly to: readonly string[];
  readonly text: string;
}

/** What a command that succeeded gives. */
export interface Outcome {
  /** The `data` of the JSON contract. */
  readonly data: object;
  readonly lines: (style: Style) => readonly string[];
  readonly sent?: SentText;
}

/** What an argument names, for completion, and for the question that a person is asked who leaves it out. */
export type Subject =
  | 'server'
  | 'account'
  | 'password'
  | 'new-account'
  | 'new-password'
  | 'user'
  /** Without one the command means something, too. */
  | 'any-user'
  | 'policy'
  | 'trusted'
  | 'room'
  | 'own-room'
  | 'any-room'
  | 'command';

export interface Declaration<Args, Result> {
  readonly name: string;
  readonly long: string;
  readonly usage: string;
  readonly doc: string;
  /** More for `help <command>`: a line each. */
  readonly details?: readonly string[];
  readonly subjects?: readonly Subject[];
  /** A tool for scripts: at a terminal it is only a command with `/` before it, for it may begin a sentence. */
  readonly scriptTool?: true;
  /** After this command the program ends. */
  readonly ends?: true;
  /** @throws ParleyError USAGE or what the argument deserves; the usage is added by the caller. */
  readonly parse: (rest: string) => Args;
  readonly run: (context: CommandContext, args: Args) => Promise<Result>;
  readonly data: (result: Result) => object;
  readonly lines: (result: Result, style: Style) => readonly string[];
  readonly sent?: (result: Result) => SentText;
}

export interface Command extends Omit<Declaration<unknown, unknown>, 'parse' | 'run' | 'data' | 'lines' | 'sent'> {
  /** Checks the arguments; what it returns does the work. @throws ParleyError, USAGE with the usage shown */
  readonly prepare: (rest: string) => (context: CommandContext) => Promise<Outcome>;
}

export function declare<Args, Result>(declaration: Declaration<Args, Result>): Command {
  const { parse: _parse, run, data, lines, sent, ...facts } = declaration;
  return {
    ...facts,
    prepare: (rest) => {
      const args = parseOrShowUsage(declaration, rest);
      return async (context) => {
        const result = await run(context, args);
        return {
          data: data(result),
          lines: (style) => lines(result, style),
          ...(sent ? { sent: sent(result) } : {}),
        };
      };
    },
  };
}

function parseOrShowUsage<Args>(
  { parse, usage }: { parse: (rest: string) => Args; usage: string },
  rest: string,
): Args {
  try {
    return parse(rest);
  } catch (cause) {
    if (!(cause instanceof ParleyError) || cause.code !== 'USAGE') throw cause;
    throw new ParleyError('USAGE', `${cause.message}; usage: ${usage}`, { cause });
  }
}
