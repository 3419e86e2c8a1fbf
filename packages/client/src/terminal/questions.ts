/** What a person is asked, through @inquirer/prompts. */
import { Writable } from 'node:stream';
import { confirm, input, password, select } from '@inquirer/prompts';
import { ParleyError } from '@parley/protocol';
import type { QuestionStreams, Screen, TerminalOutput } from './screen.js';

export interface Choice<T> {
  readonly value: T;
  readonly name: string;
}

/** All reject with ABORTED when the person does not want to answer (Ctrl-C, Ctrl-D), or the signal aborts. */
export interface Questions {
  /** @param problem says what is wrong with an answer; it is shown, and the answer may be mended */
  text(
    message: string,
    initial: string | undefined,
    signal: AbortSignal,
    problem?: (answer: string) => string | undefined,
  ): Promise<string>;
  /** Not shown while it is typed. */
  secret(message: string, signal: AbortSignal): Promise<string>;
  choice<T>(message: string, choices: readonly Choice<T>[], signal: AbortSignal): Promise<T>;
  /** @param initial the answer that Enter alone gives */
  confirm(message: string, initial: boolean, signal: AbortSignal): Promise<boolean>;
}

/** How questions look; all of it is in ASCII when wanted, else as @inquirer/prompts has it. */
interface Theme {
  readonly prefix?: { readonly idle: string; readonly done: string };
  readonly spinner?: { readonly interval: number; readonly frames: string[] };
}

const asciiTheme: Theme = {
  prefix: { idle: '?', done: '*' },
  spinner: { interval: 200, frames: ['-', '\\', '|', '/'] },
};

const asciiChoiceTheme = { ...asciiTheme, icon: { cursor: '>' }, style: { keysHelpTip: () => undefined } };

export class InquirerQuestions implements Questions {
  readonly #screen: Screen;
  readonly #colour: boolean;
  readonly #theme: Theme;
  readonly #choiceTheme: Theme;

  constructor(screen: Screen, { colour, ascii }: { colour: boolean; ascii: boolean }) {
    this.#screen = screen;
    this.#colour = colour;
    this.#theme = ascii ? asciiTheme : {};
    this.#choiceTheme = ascii ? asciiChoiceTheme : {};
  }

  text(
    message: string,
    initial: string | undefined,
    signal: AbortSignal,
    problem?: (answer: string) => string | undefined,
  ): Promise<string> {
    const config = {
      message,
      required: true,
      ...(initial === undefined ? {} : { default: initial }),
      ...(problem === undefined ? {} : { validate: (answer: string) => problem(answer) ?? true }),
      theme: this.#theme,
    };
    return this.#ask((streams) => input(config, streams), signal);
  }

  secret(message: string, signal: AbortSignal): Promise<string> {
    return this.#ask((streams) => password({ message, theme: this.#theme }, streams), signal);
  }

  choice<T>(message: string, choices: readonly Choice<T>[], signal: AbortSignal): Promise<T> {
    return this.#ask(
      (streams) => select<T>({ message, choices, loop: false, theme: this.#choiceTheme }, streams),
      signal,
    );
  }

  confirm(message: string, initial: boolean, signal: AbortSignal): Promise<boolean> {
    return this.#ask((streams) => confirm({ message, default: initial, theme: this.#theme }, streams), signal);
  }

  async #ask<T>(question: (streams: QuestionStreams) => Promise<T>, signal: AbortSignal): Promise<T> {
    try {
      return await this.#screen.ask(
        ({ output, ...streams }) => question({ ...streams, output: new QuestionOutput(output, this.#colour) }),
        signal,
      );
    } catch (cause) {
      if (signal.aborted || (cause instanceof Error && givenUp.has(cause.name))) {
        throw new ParleyError('ABORTED', undefined, { cause });
      }
      throw cause;
    }
  }
}

const givenUp = new Set(['AbortError', 'AbortPromptError', 'CancelPromptError', 'ExitPromptError']);

const colours = /\u001b\[[0-9;]*m/g;

/** The terminal as a question may use it: it is not to be ended, and its colours depend on the user's wish. */
class QuestionOutput extends Writable {
  readonly #terminal: TerminalOutput;
  readonly #colour: boolean;
  readonly isTTY = true;

  constructor(terminal: TerminalOutput, colour: boolean) {
    super({ decodeStrings: false });
    this.#terminal = terminal;
    this.#colour = colour;
  }

  get columns(): number {
    return this.#terminal.columns ?? 80;
  }

  get rows(): number {
    return this.#terminal.rows ?? 24;
  }

  override _write(chunk: string | Buffer, _encoding: string, done: () => void): void {
    const text = chunk.toString();
    this.#terminal.write(this.#colour ? text : text.replace(colours, ''));
    done();
  }
}
