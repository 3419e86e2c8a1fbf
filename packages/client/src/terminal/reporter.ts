import type { ParleyError } from '@parley/protocol';
import type { ClientEvent, Notice } from '../engine/api.js';
import type { Outcome } from './command.js';
import type { Style } from './style.js';

/** Where results and events go: JSON lines, plain lines, or a terminal. Called in the order things happened. */
export interface Reporter {
  /** @param command the short name */
  result(command: string, outcome: Outcome): void;
  /** @param command the short name, the cleaned word of an unknown command, or '' when the line could not be read */
  failure(command: string, error: ParleyError): void;
  event(event: ClientEvent): void;
  notice(notice: Notice): void;
  /** Something about the program itself, such as the place in a script that failed. */
  remark(text: string): void;
  /** Why a command takes its time, for a person who waits for it. */
  progress(line: (style: Style) => string): void;
  /** Settles when the reader keeps up: the next command waits for it. */
  ready(): Promise<void>;
}
