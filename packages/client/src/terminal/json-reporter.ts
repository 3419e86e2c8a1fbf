/** The contract of `--json`: docs/protocol/json.md. */
import { type ParleyError } from '@parley/protocol';
import { jsonLine, printable } from '@parley/text';
import type { ClientEvent, Notice } from '../engine/api.js';
import type { Outcome } from './command.js';
import { noticeLine } from './event-lines.js';
import type { Output } from './output.js';
import type { Reporter } from './reporter.js';
import { makeStyle } from './style.js';

const plainStyle = makeStyle({ colour: false, ascii: true, keyOf: () => null });

/** One object a line on standard output, the rest on standard error. */
export class JsonReporter implements Reporter {
  readonly #out: Output;
  readonly #err: Output;

  constructor(out: Output, err: Output) {
    this.#out = out;
    this.#err = err;
  }

  result(command: string, { data }: Outcome): void {
    this.#out.line(jsonLine({ type: 'result', command, ok: true, data }));
  }

  failure(command: string, { code, message }: ParleyError): void {
    this.#out.line(jsonLine({ type: 'result', command, ok: false, error: { code, message } }));
  }

  event(event: ClientEvent): void {
    this.#out.line(jsonLine({ type: 'event', ...eventData(event) }));
  }

  notice(notice: Notice): void {
    this.#err.line(noticeLine(notice, plainStyle));
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

/** The fields of the contract and no others, in its order. */
function eventData(event: ClientEvent): object {
  switch (event.event) {
    case 'message': {
      const { from, room, text, id, seq, at } = event;
      return { event: event.event, from, room, text, id, seq, at };
    }
    case 'receipt': {
      const { id, to, state } = event;
      return { event: event.event, id, to, state };
    }
    case 'session': {
      const { peer, state, path, reason } = event;
      const more = { ...(path === undefined ? {} : { path }), ...(reason === undefined ? {} : { reason }) };
      return { event: event.event, peer, state, ...more };
    }
    case 'room': {
      const { room, state, user } = event;
      return { event: event.event, room, state, ...(user === undefined ? {} : { user }) };
    }
    case 'server':
      return { event: event.event, state: event.state };
  }
}
