import { type ParleyError } from '@parley/protocol';
import { printable } from '@parley/text';
import type { ClientEvent, Notice } from '../engine/api.js';
import type { Outcome } from './command.js';
import { errorLine } from './error-lines.js';
import { eventLines, noticeLine } from './event-lines.js';
import type { Output } from './output.js';
import type { Reporter } from './reporter.js';
import type { Style } from './style.js';

/** Words for people where there is no terminal: results and events on standard output, the rest on standard error. */
export class PlainReporter implements Reporter {
  readonly #out: Output;
  readonly #err: Output;
  readonly #style: Style;

  constructor(out: Output, err: Output, style: Style) {
    this.#out = out;
    this.#err = err;
    this.#style = style;
  }

  result(_command: string, outcome: Outcome): void {
    for (const line of outcome.lines(this.#style)) this.#out.line(line);
  }

  failure(_command: string, error: ParleyError): void {
    this.#err.line(errorLine(error));
  }

  event(event: ClientEvent): void {
    for (const line of eventLines(event, this.#style)) this.#out.line(line);
  }

  notice(notice: Notice): void {
    this.#err.line(noticeLine(notice, this.#style));
  }

  remark(text: string): void {
    this.#err.line(printable(text));
  }

  progress(): void {
    // Programs have patience.
  }

  ready(): Promise<void> {
    return this.#out.ready();
  }
}
