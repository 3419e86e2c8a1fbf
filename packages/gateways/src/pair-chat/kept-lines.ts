import { LineDecoder, plainLine, type DecodedLine } from '@parley/text';

/**
 * Of one line with its LF. Without it and with its NUL it still fits the 256 bytes into which the older clients read,
 * so that none of them runs past the end of its buffer.
 */
const lineBytes = 256;

/** Whole lines that are kept for one client; what it writes beyond them waits in its connection. */
const keptLinesMax = 64;

/** What one client has written and its partner has not got yet. */
export class KeptLines {
  readonly #decoder = new LineDecoder(lineBytes - 1, { lossy: true });
  /** Read no further than there is room for the lines, in the order of arrival. */
  readonly #unread: Generator<DecodedLine>[] = [];
  readonly #lines: string[] = [];
  #isBroken = false;

  /** The oldest one, which stays. */
  get first(): string | undefined {
    return this.#lines[0];
  }

  /** No more should be read from this client: there is no room for it. */
  get isFull(): boolean {
    return this.#lines.length >= keptLinesMax;
  }

  /** What comes behind the kept lines is too long for a line, and so is no line any more. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** @param bytes are kept, not copied */
  push(bytes: Uint8Array): void {
    this.#unread.push(this.#decoder.push(bytes));
    this.#read();
  }

  /** The oldest line, without its end and with nothing in it that a terminal might obey. */
  shift(): string | undefined {
    const line = this.#lines.shift();
    if (line !== undefined) this.#read();
    return line;
  }

  #read(): void {
    while (!this.#isBroken && !this.isFull) {
      const step = this.#unread[0]?.next();
      if (step === undefined) return;
      if (step.done === true) this.#unread.shift();
      else if ('line' in step.value) this.#lines.push(shownLine(step.value.line));
      else this.#isBroken = true;
    }
  }
}

/** Never longer than what came in: one byte for each that was no UTF-8, not the three of U+FFFD. */
function shownLine(line: string): string {
  return plainLine(line).replaceAll('\ufffd', '?');
}
