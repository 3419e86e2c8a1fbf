/** The terminal program for a person: joins keyboard, screen, questions and the runner. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { AcceptPolicy, ClientEvent, ParleyClient, SessionEvent } from '../engine/api.js';
import { commandNamed } from './commands/index.js';
import { NameCache } from './completion.js';
import { asParleyError } from './error-lines.js';
import { HistoryFile } from './history.js';
import { InteractiveReporter } from './interactive-reporter.js';
import { asOneLine, Keyboard, type KeySource } from './keyboard.js';
import { LineQueue } from './line-queue.js';
import type { SourceLine } from './line-source.js';
import { throughGateway } from './path-words.js';
import { InquirerQuestions, type Questions } from './questions.js';
import type { RunnerRules } from './runner.js';
import { Screen, type Block, type TerminalOutput } from './screen.js';
import type { Style } from './style.js';
import type { Timer } from './timer.js';
import { splitFirstWord } from './tokens.js';
import { completeLine } from './typed-line.js';
import { welcome } from './welcome.js';

export interface InteractiveOptions {
  readonly stdin: KeySource;
  readonly stdout: TerminalOutput;
  readonly client: ParleyClient;
  readonly timer: Timer;
  readonly style: Style;
  readonly home: string;
  readonly server: string | undefined;
  readonly accept: AcceptPolicy;
  /** Put in by tests; @inquirer/prompts otherwise. */
  readonly questions?: (screen: Screen) => Questions;
}

/** How soon a second Ctrl-C must follow the first to mean that somebody leaves. */
const leaveAgainMs = 2_000;

interface TypedLine {
  readonly line: string;
  readonly echo?: Block;
}

export class Interactive {
  readonly reporter: InteractiveReporter;
  readonly #options: InteractiveOptions;
  readonly #screen: Screen;
  readonly #questions: Questions;
  readonly #lines = new LineQueue<TypedLine>();
  readonly #closed = new AbortController();
  /** Who is calling and being asked about, and how to take the question back. */
  readonly #calls = new Map<string, AbortController>();
  readonly #isFirstUse: boolean;
  /** Set for a while after a Ctrl-C on an empty line: forgets it. */
  #forgetInterrupt: (() => void) | undefined;
  #giveUp = (): boolean => false;

  constructor(options: InteractiveOptions) {
    this.#options = options;
    const { stdin, stdout, client, timer, style, home } = options;
    this.#isFirstUse = !['history', 'pins.json'].some((file) => existsSync(join(home, file)));
    const history = new HistoryFile(join(home, 'history'), (error) => {
      // It may be found out before there is a screen to say it on.
      queueMicrotask(() => {
        this.reporter.notice({ level: 'warning', text: `no history is kept: ${error.message}` });
      });
    });
    const names = new NameCache(client, timer);
    const keyboard = new Keyboard(stdin, {
      onPaste: (text) => {
        this.#paste(text);
      },
    });
    this.#screen = new Screen(keyboard, stdout, history.load(), {
      onLine: (line, echo) => {
        this.#typed({ line, echo });
      },
      onInterrupt: (line) => {
        this.#interrupt(line);
      },
      onClose: () => {
        this.#lines.end();
        this.#closed.abort();
      },
      onHistory: (entries) => {
        history.added(entries);
      },
      complete: (line) => names.complete(line),
    });
    this.#questions = options.questions?.(this.#screen) ?? new InquirerQuestions(this.#screen, style);
    this.reporter = new InteractiveReporter(this.#screen, client, style, timer);
  }

  /** How the runner reads the lines of a person. */
  get rules(): RunnerRules {
    const { client } = this.#options;
    return {
      comments: false,
      script: false,
      complete: (line, signal) => completeLine(line, client, this.#questions, signal),
    };
  }

  /** @param giveUp ends the command that runs, or tells that none does */
  start(giveUp: () => boolean): void {
    this.#giveUp = giveUp;
    this.reporter.updatePrompt();
  }

  /** The commands that the questions at the start make, then what is typed. */
  async *lines(): AsyncGenerator<SourceLine> {
    const { server, client } = this.#options;
    for await (const line of welcome(server, this.#isFirstUse, client, this.#questions, this.#closed.signal)) {
      this.reporter.begin(undefined);
      yield { line, at: '' };
    }
    this.reporter.remark('help lists the commands; Tab completes; Ctrl-D leaves');
    for await (const { line, echo } of this.#lines) {
      this.reporter.begin(echo);
      yield { line, at: '' };
    }
  }

  /** Asks about calls, when the user wants to be asked. */
  event(event: ClientEvent): void {
    if (event.event !== 'session') return;
    this.#calls.get(event.peer)?.abort();
    this.#calls.delete(event.peer);
    if (event.state === 'incoming' && this.#options.accept === 'ask') void this.#askAboutCall(event);
  }

  close(): void {
    this.#screen.close();
  }

  #typed(line: TypedLine): void {
    this.#forgetInterrupt?.();
    if (line.line.trim() === '') return;
    if (!this.#lines.push(line))
      this.reporter.remark('too many lines wait for the command that runs; Ctrl-C gives it up');
  }

  #interrupt(line: string): void {
    if (this.#giveUp()) return;
    if (line !== '') {
      this.#screen.clearLine();
      return;
    }
    if (this.#forgetInterrupt) {
      this.#forgetInterrupt();
      this.#screen.close();
      return;
    }
    this.reporter.remark('Ctrl-C again leaves');
    const cancel = this.#options.timer.after(leaveAgainMs, () => this.#forgetInterrupt?.());
    this.#forgetInterrupt = () => {
      cancel();
      this.#forgetInterrupt = undefined;
    };
  }

  async #askAboutCall({ peer, path }: SessionEvent): Promise<void> {
    const call = new AbortController();
    this.#calls.set(peer, call);
    // Whoever is typing may press Enter before seeing what it now means.
    const { before, after } = this.#screen.typed();
    const isIdle = before + after === '';
    const way = path === 'gateway' ? `, ${throughGateway}` : '';
    const question = this.#questions.confirm(`${peer} is calling${way}. Talk?`, isIdle, call.signal);
    const answer = await this.#asked(question, call.signal);
    if (answer !== undefined && !call.signal.aborted) this.#typed({ line: answer ? 'accept' : 'decline' });
  }

  #paste(text: string | null): void {
    if (text === null) {
      this.reporter.remark('that is too long to paste: a text holds 16 KiB');
      return;
    }
    const lines = text.replace(/\r\n?/g, '\n').replace(/\n$/, '').split('\n');
    const [first = ''] = lines;
    if (lines.length === 1) this.#screen.insert(asOneLine(first));
    else void this.#askAboutPaste(lines);
  }

  async #askAboutPaste(lines: readonly string[]): Promise<void> {
    const { before, after } = this.#screen.typed();
    const question = `Send these ${String(lines.length)} lines as one message?`;
    const { signal } = this.#closed;
    if (!(await this.#asked(this.#questions.confirm(question, true, signal), signal))) {
      if (!signal.aborted) this.reporter.remark(`the ${String(lines.length)} pasted lines were thrown away`);
      return;
    }
    this.#screen.clearLine();
    const text = `${before}${lines.map(withoutKeys).join('\n')}${after}`;
    this.#typed({ line: commandNamed(splitFirstWord(before).word)?.name === 's' ? text : `/s ${text}` });
  }

  /** The answer, or undefined when there is none; what goes wrong is shown. */
  async #asked<T>(question: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
    try {
      return await question;
    } catch (thrown) {
      const error = asParleyError(thrown, signal);
      if (error.code !== 'ABORTED') this.reporter.failure('', error);
      return undefined;
    }
  }
}

/** Tabs may be in a text; nothing else that a terminal obeys. */
function withoutKeys(line: string): string {
  return line.replace(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/g, '');
}
