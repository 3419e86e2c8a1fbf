/** The lines a person typed, kept for the arrow keys of the next time; never a line that may hold a password. */
import { appendFileSync, chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { suggestedCommand } from './commands/index.js';
import { splitFirstWord } from './tokens.js';

export const historyLines = 1_000;
/** Longer lines are pasted texts, which nobody walks back to. */
const maxLineCharacters = 4_096;

/** Whether a line may hold a password: `login` and `register`, however mistyped. */
export function isSecret(line: string): boolean {
  const meant = suggestedCommand(splitFirstWord(line).word);
  return meant === 'login' || meant === 'register';
}

export class HistoryFile {
  readonly #path: string;
  readonly #onProblem: (error: Error) => void;
  #usable = true;

  /** @param onProblem called once when the file cannot be read or written; the program goes on without it */
  constructor(path: string, onProblem: (error: Error) => void) {
    this.#path = path;
    this.#onProblem = onProblem;
  }

  /** The newest lines, newest first. */
  load(): string[] {
    const text = this.#try(() => {
      mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
      try {
        return readFileSync(this.#path, 'utf8');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
        throw error;
      }
    });
    const lines = (text ?? '').split('\n').filter((line) => line !== '' && isKeepable(line));
    const kept = lines.slice(-historyLines);
    if (text !== undefined && lines.length > historyLines) {
      this.#try(() => {
        const fresh = `${this.#path}.new`;
        writeFileSync(fresh, `${kept.join('\n')}\n`, { mode: 0o600 });
        renameSync(fresh, this.#path);
      });
    }
    return kept.reverse();
  }

  /**
   * Keeps the line that readline has just put at the front of its history, or takes it out there too.
   * @param history newest first
   */
  added(history: string[]): void {
    const [line] = history;
    if (line === undefined) return;
    if (!isKeepable(line)) {
      history.shift();
      return;
    }
    this.#try(() => {
      appendFileSync(this.#path, `${line}\n`, { mode: 0o600 });
      chmodSync(this.#path, 0o600);
    });
  }

  #try<T>(work: () => T): T | undefined {
    if (!this.#usable) return undefined;
    try {
      return work();
    } catch (error) {
      this.#usable = false;
      this.#onProblem(error as Error);
      return undefined;
    }
  }
}

function isKeepable(line: string): boolean {
  return line.length <= maxLineCharacters && !isSecret(line) && !/[\u0000-\u001f\u007f-\u009f]/.test(line);
}
