/** A decoded line, or what was wrong with the one in its place. */
export type DecodedLine = { readonly line: string } | { readonly problem: 'too-long' | 'not-utf8' };

/**
 * Cuts a byte stream into lines ended by LF or CRLF and decodes each as UTF-8. Holds at most one line of `maxBytes`.
 * Whole lines are decoded, never chunks, so a character split between two reads is safe.
 */
export class LineDecoder {
  readonly #maxBytes: number;
  readonly #utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  #skipping = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
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
      if (!this.#skipping) {
        // One byte more than allowed may be the CR of the line's end.
        if (this.#heldBytes + piece.length > this.#maxBytes + 1) {
          this.#drop();
          this.#skipping = true;
          yield { problem: 'too-long' };
        } else if (piece.length > 0) {
          // Copied, for the caller may reuse its buffer.
          this.#held.push(end === -1 ? piece.slice() : piece);
          this.#heldBytes += piece.length;
        }
      }
      if (end === -1) return;
      if (this.#skipping) this.#skipping = false;
      else yield this.#take();
      start = end + 1;
    }
  }

  /** At the end of the stream: what came after the last line end, if anything. */
  *end(): Generator<DecodedLine> {
    if (this.#heldBytes > 0) yield this.#take();
    this.#skipping = false;
  }

  #take(): DecodedLine {
    const line = joined(this.#held, this.#heldBytes);
    this.#drop();
    const length = line.at(-1) === 0x0d ? line.length - 1 : line.length;
    if (length > this.#maxBytes) return { problem: 'too-long' };
    try {
      return { line: this.#utf8.decode(line.subarray(0, length)) };
    } catch {
      return { problem: 'not-utf8' };
    }
  }

  #drop(): void {
    this.#held = [];
    this.#heldBytes = 0;
  }
}

function joined(pieces: readonly Uint8Array[], length: number): Uint8Array {
  const [first] = pieces;
  if (pieces.length === 1 && first) return first;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
