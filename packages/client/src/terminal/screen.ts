/**
 * The terminal: lines above, the line being typed below. What comes in is printed above and leaves the typed line, its
 * cursor and all its rows as they were. Cursor arithmetic is readline's.
 */
import { clearScreenDown, createInterface, cursorTo, moveCursor, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { pasteModeOff, pasteModeOn, type Keyboard } from './keyboard.js';

/** Not in its types, but in its every version since Node 0.10: the rows above the cursor that a refresh goes over. */
type Readline = Interface & { prevRows: number };

export type TerminalOutput = Writable & { readonly columns?: number; readonly rows?: number };

/** Lines printed together, as long as they may be rewritten in place. */
export interface Block {
  lines: readonly string[];
}

export interface ScreenListener {
  /** @param echo the block that shows what was typed */
  readonly onLine: (line: string, echo: Block) => void;
  readonly onInterrupt: (line: string) => void;
  readonly onClose: () => void;
  readonly onHistory: (history: string[]) => void;
  readonly complete: (line: string) => Promise<[matches: string[], word: string]>;
}

/** Blocks that are still rewritten when their marks change; a longer look back would only make the screen restless. */
const rewritableBlocks = 12;
/** What may wait while a question is on the screen; the oldest is dropped. */
const heldBlocks = 1_000;

export interface QuestionStreams {
  readonly input: Readable;
  readonly output: TerminalOutput;
  readonly signal: AbortSignal;
}

export class Screen {
  readonly #keyboard: Keyboard;
  readonly #output: TerminalOutput;
  readonly #readline: Readline;
  #recent: Block[] = [];
  #held: Block[] = [];
  #asking = false;
  #turn: Promise<unknown> = Promise.resolve();
  #closed = false;

  /** @param history newest first */
  constructor(keyboard: Keyboard, output: TerminalOutput, history: string[], listener: ScreenListener) {
    this.#keyboard = keyboard;
    this.#output = output;
    output.write(pasteModeOn);
    this.#readline = createInterface({
      input: keyboard.lineInput,
      output,
      terminal: true,
      history,
      historySize: 1_000,
      prompt: '> ',
      completer: (line: string, done: (error: Error | null, result?: [string[], string]) => void) => {
        listener.complete(line).then(
          (result) => {
            // Readline prints several matches by itself: what is above is no longer where it was.
            if (result[0].length > 1) this.#recent = [];
            done(null, result);
          },
          (error: unknown) => {
            done(error instanceof Error ? error : new Error(String(error)));
          },
        );
      },
    }) as Readline;
    const rl = this.#readline;
    rl.on('line', (line) => {
      const echo = { lines: [rl.getPrompt() + line] };
      this.#remember(echo);
      rl.prompt();
      listener.onLine(line, echo);
    });
    rl.on('SIGINT', () => {
      listener.onInterrupt(rl.line);
    });
    rl.on('history', listener.onHistory);
    rl.on('SIGCONT', () => {
      this.#recent = [];
    });
    keyboard.lineInput.on('keypress', (_text: unknown, key: { ctrl?: boolean; name?: string } | undefined) => {
      if (key?.ctrl === true && key.name === 'l') this.#recent = [];
    });
    output.on('resize', () => {
      this.#recent = [];
    });
    rl.on('close', () => {
      this.#hidePrompt();
      this.#closed = true;
      output.write(pasteModeOff);
      listener.onClose();
    });
  }

  /** Shows the prompt for the first time, or a changed one. */
  setPrompt(prompt: string): void {
    if (this.#closed) return;
    if (this.#asking) this.#readline.setPrompt(prompt);
    else if (prompt !== this.#readline.getPrompt()) {
      this.#redraw(() => {
        this.#readline.setPrompt(prompt);
      });
    }
  }

  /** Prints lines above the line being typed. */
  print(lines: readonly string[]): Block {
    const block = { lines };
    if (this.#asking) {
      this.#held.push(block);
      if (this.#held.length > heldBlocks) this.#held.shift();
    } else {
      this.#redraw(() => {
        this.#write(block);
      });
    }
    return block;
  }

  /**
   * Changes what a block shows, where it stands.
   * @returns false when it is too far up, or no longer where it was; nothing is changed then
   */
  rewrite(block: Block, lines: readonly string[]): boolean {
    if (this.#held.includes(block)) {
      block.lines = lines;
      return true;
    }
    const index = this.#recent.indexOf(block);
    if (index === -1 || this.#asking || this.#closed) return false;
    const below = this.#recent.slice(index);
    const rows = below.reduce((sum, { lines: shown }) => sum + this.#rowsOf(shown), 0);
    if (rows + this.#rowsOf([this.#readline.getPrompt() + this.#readline.line]) >= (this.#output.rows ?? 24))
      return false;
    this.#redraw(() => {
      moveCursor(this.#output, 0, -rows);
      clearScreenDown(this.#output);
      block.lines = lines;
      this.#recent.length = index;
      for (const each of below) this.#write(each);
    });
    return true;
  }

  /** Puts text into the line at the cursor, as if it were typed. */
  insert(text: string): void {
    this.#readline.write(text);
  }

  /** Empties the line. */
  clearLine(): void {
    this.#readline.write(null, { ctrl: true, name: 'e' });
    this.#readline.write(null, { ctrl: true, name: 'u' });
  }

  /** The typed line in two, at the cursor. */
  typed(): { before: string; after: string } {
    const { line, cursor } = this.#readline;
    return { before: line.slice(0, cursor), after: line.slice(cursor) };
  }

  /**
   * Takes the line off the screen for a question, and puts it back as it was. One question at a time.
   * @param signal ends the question; so do Ctrl-D and the end of the input
   */
  ask<T>(question: (streams: QuestionStreams) => Promise<T>, signal: AbortSignal): Promise<T> {
    const asked = this.#turn.then(() => this.#askNow(question, signal));
    this.#turn = asked.catch(() => undefined);
    return asked;
  }

  close(): void {
    this.#readline.close();
  }

  async #askNow<T>(question: (streams: QuestionStreams) => Promise<T>, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    const end = new AbortController();
    const { input, restore } = this.#keyboard.divert(() => {
      end.abort();
    });
    this.#hidePrompt();
    this.#asking = true;
    try {
      return await question({ input, output: this.#output, signal: AbortSignal.any([signal, end.signal]) });
    } finally {
      restore();
      this.#recent = [];
      this.#redraw(() => {
        this.#asking = false;
        const held = this.#held;
        this.#held = [];
        for (const block of held) this.#write(block);
      });
    }
  }

  /** Takes the typed line off, lets something be written in its place, and puts it back below. */
  #redraw(write: () => void): void {
    if (this.#closed) {
      write();
      return;
    }
    // One write to the terminal, so that the line does not flicker.
    this.#output.cork();
    this.#hidePrompt();
    write();
    this.#readline.prompt(true);
    this.#output.uncork();
  }

  /** While a question is on the screen the prompt is not. */
  #hidePrompt(): void {
    if (this.#asking) return;
    moveCursor(this.#output, 0, -this.#readline.getCursorPos().rows);
    cursorTo(this.#output, 0);
    clearScreenDown(this.#output);
    this.#readline.prevRows = 0;
  }

  #write(block: Block): void {
    this.#output.write(block.lines.map((line) => `${line}\r\n`).join(''));
    this.#remember(block);
  }

  #remember(block: Block): void {
    this.#recent.push(block);
    if (this.#recent.length > rewritableBlocks) this.#recent.shift();
  }

  /** Rows that lines take, by readline's own measure: it has none to call but that of its prompt. */
  #rowsOf(lines: readonly string[]): number {
    const rl = this.#readline;
    const prompt = rl.getPrompt();
    const own = rl.getCursorPos().rows;
    rl.setPrompt(`${lines.join('\n')}\n${prompt}`);
    const rows = rl.getCursorPos().rows - own;
    rl.setPrompt(prompt);
    return rows;
  }
}
