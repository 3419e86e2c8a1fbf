import { type ParleyError } from '@parley/protocol';
import { printable } from '@parley/text';
import type { ClientEvent, MessageEvent, Notice, ParleyClient, ReceiptEvent } from '../engine/api.js';
import type { Outcome, SentText } from './command.js';
import { errorLine } from './error-lines.js';
import { eventLines, noticeLine } from './event-lines.js';
import { promptMark } from './path-words.js';
import type { Reporter } from './reporter.js';
import type { Block, Screen } from './screen.js';
import { excerpt, textLines, type Style } from './style.js';
import type { Timer } from './timer.js';

/** Own texts whose marks may still change; the oldest is forgotten. */
const maxPending = 1_000;

interface OwnText {
  /** What stands before the mark: when, where and who. */
  readonly head: string;
  readonly text: string;
  readonly waiting: Set<string>;
  readonly failed: string[];
  /** Undefined when it does not stand on the screen where it could be rewritten. */
  readonly block: Block | undefined;
}

/**
 * Lines above the prompt. What a person says shows how far it is: on its way, on their device, or failed; in place as
 * long as it is near, and in a line of its own when it is far up.
 */
export class InteractiveReporter implements Reporter {
  readonly #screen: Screen;
  readonly #client: ParleyClient;
  readonly #style: Style;
  readonly #timer: Timer;
  readonly #own = new Map<string, OwnText>();
  #echo: Block | undefined;

  constructor(screen: Screen, client: ParleyClient, style: Style, timer: Timer) {
    this.#screen = screen;
    this.#client = client;
    this.#style = style;
    this.#timer = timer;
  }

  /** A line begins to run. @param echo where it stands on the screen as it was typed */
  begin(echo: Block | undefined): void {
    this.#echo = echo;
  }

  result(_command: string, outcome: Outcome): void {
    if (outcome.sent) this.#sent(outcome.sent);
    else this.#print(outcome.lines(this.#style));
    this.updatePrompt();
  }

  failure(_command: string, error: ParleyError): void {
    if (error.code === 'ABORTED') this.#print([this.#style.dim('given up')]);
    else this.#print([this.#style.alarm(errorLine(error))]);
    this.updatePrompt();
  }

  event(event: ClientEvent): void {
    if (event.event === 'receipt') this.#receipt(event);
    else if (event.event === 'message') this.#message(event);
    else this.#print(eventLines(event, this.#style));
    this.updatePrompt();
  }

  notice(notice: Notice): void {
    this.#print([noticeLine(notice, this.#style)]);
    // It may tell that the server can read along from now on.
    this.updatePrompt();
  }

  remark(text: string): void {
    this.#print([this.#style.dim(printable(text))]);
  }

  progress(line: (style: Style) => string): void {
    this.remark(line(this.#style));
  }

  ready(): Promise<void> {
    return Promise.resolve();
  }

  updatePrompt(): void {
    this.#screen.setPrompt(promptOf(this.#client, this.#style));
  }

  #print(lines: readonly string[]): void {
    if (lines.length > 0) this.#screen.print(lines);
  }

  #message(message: MessageEvent): void {
    const [first = '', ...others] = eventLines(message, this.#style);
    this.#print([`${this.#time()} ${first}`, ...others]);
  }

  /** When a message is shown, by the clock of this device: that of another one proves nothing. */
  #time(): string {
    const now = this.#timer.now();
    const digits = [now.getHours(), now.getMinutes()].map((part) => String(part).padStart(2, '0'));
    return this.#style.dim(digits.join(':'));
  }

  #sent({ id, to, text }: SentText): void {
    const { sent } = this.#style.marks;
    const head = this.#ownHead();
    const lines = this.#ownLines(head, sent, text, to.length === 0 ? 'nobody else is here' : '');
    const shown = this.#echo && this.#screen.rewrite(this.#echo, lines);
    const block = shown ? this.#echo : this.#screen.print(lines);
    if (to.length === 0) return;
    this.#own.set(id, { head, text, waiting: new Set(to), failed: [], block });
    if (this.#own.size > maxPending) {
      for (const oldest of this.#own.keys()) {
        this.#own.delete(oldest);
        break;
      }
    }
  }

  #receipt({ id, to, state }: ReceiptEvent): void {
    const own = this.#own.get(id);
    if (!own) {
      if (state === 'failed')
        this.#print([this.#style.alarm(`${this.#style.marks.failed} not delivered to ${printable(to)}`)]);
      return;
    }
    own.waiting.delete(to);
    if (state === 'failed') own.failed.push(to);
    if (own.waiting.size > 0) return;
    this.#own.delete(id);
    const { delivered, failed } = this.#style.marks;
    const problem = own.failed.length === 0 ? '' : `not delivered to ${own.failed.map(printable).join(', ')}`;
    const mark = problem === '' ? delivered : this.#style.alarm(failed);
    if (own.block && this.#screen.rewrite(own.block, this.#ownLines(own.head, mark, own.text, problem))) return;
    const line = `${mark} ${excerpt(own.text, this.#style)}`;
    this.#print([problem === '' ? this.#style.dim(line) : `${line} ${this.#style.alarm(`(${problem})`)}`]);
  }

  #ownHead(): string {
    const { user, conversation } = this.#client.status();
    const where = conversation?.kind === 'room' ? [this.#style.room(conversation.name)] : [];
    return [this.#time(), ...where, user === null ? 'you' : this.#style.name(user)].join(' ');
  }

  #ownLines(head: string, mark: string, text: string, problem: string): string[] {
    const lines = textLines(`${head} ${mark} `, text);
    if (problem !== '') lines.push(this.#style.alarm(`  (${problem})`));
    return lines;
  }
}

/** Who and where: `alice@bob> ` in a session, `alice#room> ` in a room, and a mark where the server can read along. */
function promptOf(client: ParleyClient, style: Style): string {
  const { user, conversation } = client.status();
  const who = user ?? 'mca';
  if (conversation === null) return `${who}> `;
  const mark = conversation.path === 'gateway' ? ` ${style.alarm(promptMark)}` : '';
  switch (conversation.kind) {
    case 'user':
      return `${who}@${conversation.name}${mark}> `;
    case 'room':
      return `${who}#${conversation.name}${mark}> `;
  }
}
