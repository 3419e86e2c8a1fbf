/** Deals out what a person types: to the line, or to the question on the screen. A paste comes as one piece. */
import { PassThrough, type Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { limits } from '@parley/protocol';

/** Bracketed paste (xterm, "Bracketed Paste Mode"): the terminal tells where a paste begins and ends. */
export const pasteModeOn = '\u001b[?2004h';
export const pasteModeOff = '\u001b[?2004l';
const pasteStart = '\u001b[200~';
const pasteEnd = '\u001b[201~';

/** What is longer than any text cannot be sent. */
const maxPasteCharacters = limits.textBytes;

const ctrlC = '\u0003';
const ctrlD = '\u0004';

export type KeySource = Readable & { setRawMode?: (mode: boolean) => unknown };

export interface KeyboardListener {
  /** A paste while no question is open; `null` for one that was too long to keep. */
  readonly onPaste: (text: string | null) => void;
}

interface Question {
  readonly input: PassThrough;
  readonly giveUp: () => void;
}

export class Keyboard {
  readonly #source: KeySource;
  readonly #listener: KeyboardListener;
  readonly #decoder = new StringDecoder('utf8');
  /** What readline reads. */
  readonly lineInput: PassThrough & { setRawMode: (mode: boolean) => void };
  #question: Question | undefined;
  #held = '';
  #pasting = false;
  #pasteTooLong = false;

  constructor(source: KeySource, listener: KeyboardListener) {
    this.#source = source;
    this.#listener = listener;
    // Readline switches the mode when the program is suspended and comes back.
    const setRawMode = (mode: boolean): void => {
      source.setRawMode?.(mode);
    };
    this.lineInput = Object.assign(new PassThrough(), { setRawMode });
    source.on('data', (bytes: Buffer) => {
      this.#take(this.#decoder.write(bytes));
    });
    source.on('end', () => {
      this.#question?.giveUp();
      this.lineInput.end();
    });
  }

  /**
   * From now on keys go to a question, until `restore` is called.
   * @param giveUp called on Ctrl-D, and when there is no more input
   */
  divert(giveUp: () => void): { input: Readable; restore: () => void } {
    const question = { input: new PassThrough(), giveUp };
    this.#question = question;
    return {
      input: question.input,
      restore: () => {
        this.#question = undefined;
      },
    };
  }

  #take(text: string): void {
    this.#held += text;
    while (this.#held !== '') {
      const more = this.#pasting ? this.#takePaste() : this.#takeKeys();
      if (!more) return;
    }
  }

  /** @returns false when more must come before anything can be done */
  #takeKeys(): boolean {
    const start = this.#held.indexOf(pasteStart);
    const end = start === -1 ? this.#held.length - splitMarkerLength(this.#held) : start;
    this.#forward(this.#held.slice(0, end));
    this.#held = this.#held.slice(end);
    if (start === -1) return false;
    this.#held = this.#held.slice(pasteStart.length);
    this.#pasting = true;
    return true;
  }

  #takePaste(): boolean {
    const end = this.#held.indexOf(pasteEnd);
    if (end === -1) {
      // A terminal that never ends a paste must not lock its user out.
      if (this.#held.endsWith(ctrlC)) {
        this.#endPaste();
        this.#held = '';
      } else if (this.#held.length > maxPasteCharacters + pasteEnd.length) {
        this.#pasteTooLong = true;
        this.#held = this.#held.slice(-pasteEnd.length);
      }
      return false;
    }
    const text = this.#pasteTooLong || end > maxPasteCharacters ? null : this.#held.slice(0, end);
    this.#held = this.#held.slice(end + pasteEnd.length);
    this.#endPaste();
    if (this.#question) this.#question.input.write(asOneLine(text ?? ''));
    else this.#listener.onPaste(text);
    return true;
  }

  #endPaste(): void {
    this.#pasting = false;
    this.#pasteTooLong = false;
  }

  #forward(keys: string): void {
    if (keys === '') return;
    if (this.#question) {
      if (keys === ctrlD) this.#question.giveUp();
      else this.#question.input.write(keys);
      return;
    }
    // One at a time: of keys that come together readline does not keep count of the rows they fill.
    for (const key of keys) this.lineInput.write(key);
  }
}

/**
 * How many characters at the end may be the beginning of a paste. Shorter beginnings are keys of their own, such as
 * Escape, and must not wait for more.
 */
function splitMarkerLength(text: string): number {
  for (let length = pasteStart.length - 1; length >= 4; length -= 1) {
    if (text.endsWith(pasteStart.slice(0, length))) return length;
  }
  return 0;
}

/** A pasted text without what would act as a key. */
export function asOneLine(text: string): string {
  return text.replace(/[\r\n\t]+/g, ' ').replace(/[\u0000-\u001f\u007f-\u009f]/g, '');
}
