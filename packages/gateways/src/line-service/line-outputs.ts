import type { LineConnection } from './line-connections.js';
import type { LineOutput } from './line-world.js';
import type { StatusLine } from './status-lines.js';

/** What the line service wants done and was not polled yet. Who polls after each input keeps it small. */
export class LineOutputs {
  #queue: LineOutput[] = [];
  #polled = 0;
  /** Those with something to be written; what was flushed or closed since is passed over. */
  readonly #unwritten: LineConnection[] = [];
  #written = 0;

  /** To be called first at each input. */
  begin(): void {
    this.#written = 0;
  }

  /** Counts as if so much were written. */
  charge(characters: number): void {
    this.#written += characters;
  }

  /** What the present input has caused to be written, in characters. */
  get written(): number {
    return this.#written;
  }

  write(connection: LineConnection, line: string): void {
    if (connection.output === '') this.#unwritten.push(connection);
    connection.output += line + connection.ending;
    this.#written += line.length;
  }

  /** Puts what was written to a connection before what is pushed from now on. */
  flush(connection: LineConnection): void {
    const { fd, output: text } = connection;
    if (text === '') return;
    connection.output = '';
    this.#queue.push({ type: 'write', fd, text });
  }

  push(output: LineOutput): void {
    this.#queue.push(output);
  }

  log({ level, line }: StatusLine): void {
    this.#queue.push({ type: 'log', level, line });
  }

  poll(): LineOutput | undefined {
    const output = this.#queue[this.#polled];
    if (output) {
      this.#polled += 1;
      return output;
    }
    if (this.#polled > 0) {
      this.#queue = [];
      this.#polled = 0;
    }
    for (;;) {
      const connection = this.#unwritten.pop();
      if (!connection) return undefined;
      const { fd, output: text } = connection;
      if (text === '') continue;
      connection.output = '';
      return { type: 'write', fd, text };
    }
  }
}
