/** A real terminal emulator for tests: what is written to it can be looked at as a person would see it. */
import { Writable } from 'node:stream';
import xterm from '@xterm/headless';

export class TestTerminal extends Writable {
  readonly isTTY = true;
  readonly columns: number;
  readonly rows: number;
  /** All bytes as they were written. */
  raw = '';
  readonly #terminal: xterm.Terminal;

  constructor(columns: number, rows: number) {
    super({ decodeStrings: false });
    this.columns = columns;
    this.rows = rows;
    this.#terminal = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true });
  }

  /** The rows of the screen without the empty ones at the end, each without the blanks at its end. */
  async shown(): Promise<string[]> {
    await this.#drawn();
    const { active } = this.#terminal.buffer;
    const lines = Array.from({ length: this.rows }, (_, row) => {
      return active.getLine(active.viewportY + row)?.translateToString(true) ?? '';
    });
    while (lines.at(-1) === '') lines.pop();
    return lines.map((line) => line.trimEnd());
  }

  async position(): Promise<{ column: number; row: number }> {
    await this.#drawn();
    return this.cursor;
  }

  get cursor(): { column: number; row: number } {
    const { cursorX, cursorY } = this.#terminal.buffer.active;
    return { column: cursorX, row: cursorY };
  }

  override _write(chunk: string | Buffer, _encoding: string, done: () => void): void {
    this.raw += chunk.toString();
    this.#terminal.write(chunk, done);
  }

  /** Writing goes through the emulator’s own queue. */
  async #drawn(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.write('', () => {
        this.#terminal.write('', resolve);
      });
    });
  }
}
