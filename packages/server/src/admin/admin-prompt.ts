import { createInterface, cursorTo, clearScreenDown, moveCursor, type Interface } from 'node:readline';
import { adminCommands } from './admin-commands.js';

const historyLines = 500;

export interface PromptParts {
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
  /** Runs one line and prints what it came to. */
  readonly execute: (line: string) => Promise<void>;
  readonly roomNames: () => Promise<string[]>;
  /** Ctrl-C. */
  readonly interrupted: () => void;
}

/** A readline prompt; what is printed meanwhile goes above the line that is being typed. */
export class AdminPrompt {
  readonly #parts: PromptParts;
  readonly #readline: Interface;
  #open = true;
  #running: Promise<void> = Promise.resolve();

  constructor(parts: PromptParts) {
    this.#parts = parts;
    this.#readline = createInterface({
      input: parts.input,
      output: parts.output,
      terminal: true,
      prompt: 'msa> ',
      historySize: historyLines,
      removeHistoryDuplicates: true,
      completer: (line: string, done: (error: Error | null, result: [string[], string]) => void) => {
        completions(line, parts.roomNames).then(
          (found) => {
            done(null, found);
          },
          (error: unknown) => {
            done(error as Error, [[], line]);
          },
        );
      },
    });
    this.#readline.on('line', (line) => {
      // A paste brings several lines at once: they run in order.
      this.#running = this.#running
        .then(() => parts.execute(line))
        .then(() => {
          this.#show();
        });
    });
    this.#readline.on('SIGINT', parts.interrupted);
    this.#readline.on('close', () => {
      if (this.#open) parts.output.write('\nthe prompt is closed; the server runs on, Ctrl-C stops it\n');
      this.#open = false;
    });
    this.#show();
  }

  print(text: string): void {
    const { output } = this.#parts;
    if (!this.#open) {
      output.write(text);
      return;
    }
    moveCursor(output, 0, -this.#readline.getCursorPos().rows);
    cursorTo(output, 0);
    clearScreenDown(output);
    output.write(text);
    // What readline drew has gone; it would move up over the text by as many rows (lib/internal/readline/interface.js).
    Object.assign(this.#readline, { prevRows: 0 });
    this.#readline.prompt(true);
  }

  close(): void {
    this.#open = false;
    cursorTo(this.#parts.output, 0);
    clearScreenDown(this.#parts.output);
    this.#readline.close();
  }

  #show(): void {
    // What was typed ahead stays, and its cursor.
    if (this.#open) this.#readline.prompt(true);
  }
}

/** What the line may go on with, and the part of it that those replace. */
export async function completions(line: string, roomNames: () => Promise<string[]>): Promise<[string[], string]> {
  const words = line.trimStart().split(/\s+/);
  const last = words.at(-1) ?? '';
  const slash = last.startsWith('/') ? '/' : '';
  const names = adminCommands.flatMap(({ name, long }) => (name === long ? [name] : [name, long]));
  const candidates = async (): Promise<string[]> => {
    if (words.length <= 1) return names.map((name) => slash + name);
    if (words.length > 2) return [];
    const command = words[0]?.replace(/^\//, '');
    if (command === 'help') return names;
    return command === 'lru' || command === 'room-users' ? roomNames() : [];
  };
  return [(await candidates()).filter((candidate) => candidate.startsWith(last)).sort(), last];
}
