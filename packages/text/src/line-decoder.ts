/** A decoded line, or what was wrong with the one in its place. */
export type DecodedLine = { readonly line: string } | { readonly problem: 'too-long' | 'not-utf8' };

/** Of any number of lines, one: most come whole, and hold nothing. */
const nothing = new Uint8Array(0);

export type LineEnding = '\n' | '\r\n';

/**
 * Cuts a byte stream into lines ended by LF or CRLF and decodes each as UTF-8. Holds at most one line of `maxBytes`.
 * Whole lines are decoded, never chunks, so a character split between two reads is safe.
 */
export class LineDecoder {
  readonly #maxBytes: number;
  readonly #utf8: TextDecoder;
  /** The line begun so far, copied: the caller may reuse its buffer, and small pieces cost no more than their bytes. */
  #held = nothing;
  #heldBytes = 0;
  #skipping = false;
  #ending: LineEnding = '\n';

  /** @param options `lossy`: what is no UTF-8 reads as U+FFFD, for peers older than it, rather than as `not-utf8` */
  constructor(maxBytes: number, { lossy = false }: { readonly lossy?: boolean } = {}) {
    this.#maxBytes = maxBytes;
    this.#utf8 = new TextDecoder('utf-8', { fatal: !lossy, ignoreBOM: true });
  }

  /** How the last whole line ended. */
  get ending(): LineEnding {
    return this.#ending;
  }

  /**
   * Takes bytes in, gives the lines they complete, without their ends. A line that is too long is reported once, as
   * soon as that is certain, and its rest is skipped; one that is no UTF-8 is reported in its place.
   */
  *push(bytes: Uint8Array): Generator<DecodedLine> {
    let start = 0;
    while (start < bytes.length) {
      const end = bytes.indexOf(0x0a, start);
      const piece = bytes.subarray(start, end === -1 ? bytes.length : end);
      // One byte more than allowed may be the CR of the line's end.
      if (!this.#skipping && this.#heldBytes + piece.length > this.#maxBytes + 1) {
        this.#forget();
        this.#skipping = true;
        yield { problem: 'too-long' };
      }
      if (end === -1) {
        if (!this.#skipping) this.#hold(piece);
        return;
      }
      if (this.#skipping) this.#skipping = false;
      else yield this.#complete(piece);
      start = end + 1;
    }
  }

  /** At the end of the stream: what came after the last line end, if anything. */
  *end(): Generator<DecodedLine> {
    if (this.#heldBytes > 0) yield this.#complete(nothing);
    this.#skipping = false;
  }

  #hold(piece: Uint8Array): void {
    const needed = this.#heldBytes + piece.length;
    if (needed > this.#held.length) {
      const grown = new Uint8Array(Math.min(Math.max(needed, this.#held.length * 2), this.#maxBytes + 1));
      grown.set(this.#held.subarray(0, this.#heldBytes));
      this.#held = grown;
    }
    this.#held.set(piece, this.#heldBytes);
    this.#heldBytes = needed;
  }

  #complete(piece: Uint8Array): DecodedLine {
    let line = piece;
    if (this.#heldBytes > 0) {
      this.#hold(piece);
      line = this.#held.subarray(0, this.#heldBytes);
    }
    this.#ending = line.at(-1) === 0x0d ? '\r\n' : '\n';
    const length = line.length - this.#ending.length + 1;
    try {
      if (length > this.#maxBytes) return { problem: 'too-long' };
      return { line: this.#utf8.decode(line.subarray(0, length)) };
    } catch {
      return { problem: 'not-utf8' };
    } finally {
      this.#forget();
    }
  }

  #forget(): void {
    this.#held = nothing;
    this.#heldBytes = 0;
  }
}
