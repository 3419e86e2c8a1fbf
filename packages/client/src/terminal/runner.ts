/** Runs command lines one after the other, wherever they come from: a pipe, a script, a person. */
import { ParleyError } from '@parley/protocol';
import type { ParleyClient } from '../engine/api.js';
import { findCommand, shownCommandWord } from './commands/index.js';
import type { Deliveries } from './deliveries.js';
import { asParleyError } from './error-lines.js';
import type { EventBacklog } from './event-backlog.js';
import type { SourceLine } from './line-source.js';
import type { Reporter } from './reporter.js';
import type { Timer } from './timer.js';
import { splitFirstWord } from './tokens.js';

/** How lines are read. */
export interface RunnerRules {
  /** `#` begins a comment line. */
  readonly comments: boolean;
  /** A script: ends at the first failure, and a line that begins with `! ` has to fail. */
  readonly script: boolean;
  /** Changes a line before it is run: a person may leave out what can be asked for. */
  readonly complete?: (line: string, signal: AbortSignal) => Promise<string>;
}

export interface RunnerParts {
  readonly client: ParleyClient;
  readonly backlog: EventBacklog;
  readonly deliveries: Deliveries;
  readonly reporter: Reporter;
  readonly timer: Timer;
}

/** Why running ended: no more lines, the command x, the failure of a script or of a required line, or from outside. */
export type RunEnd =
  | { readonly kind: 'end' | 'exit' | 'stopped' }
  | { readonly kind: 'failed'; readonly at: string; readonly error: ParleyError };

type LineEnd = { readonly kind: 'ok' | 'exit' } | { readonly kind: 'failed'; readonly error: ParleyError };

export class Runner {
  readonly #parts: RunnerParts;
  readonly #rules: RunnerRules;
  #running: AbortController | undefined;

  constructor(parts: RunnerParts, rules: RunnerRules) {
    this.#parts = parts;
    this.#rules = rules;
  }

  /** @param stop ends the running command and then all; the lines not yet run are dropped */
  async run(source: AsyncIterable<SourceLine>, stop: AbortSignal): Promise<RunEnd> {
    const giveUp = (): void => {
      this.giveUp();
    };
    stop.addEventListener('abort', giveUp);
    try {
      return await this.#runAll(source[Symbol.asyncIterator](), stop);
    } finally {
      stop.removeEventListener('abort', giveUp);
    }
  }

  /** Aborts the command that runs now. @returns false when none does */
  giveUp(): boolean {
    if (!this.#running) return false;
    this.#running.abort();
    return true;
  }

  async #runAll(lines: AsyncIterator<SourceLine>, stop: AbortSignal): Promise<RunEnd> {
    for (;;) {
      const next = await unlessAborted(lines.next(), stop);
      if (!next) return { kind: 'stopped' };
      if (next.done) return { kind: 'end' };
      const end = await this.#runSourceLine(next.value);
      await unlessAborted(this.#parts.reporter.ready(), stop);
      if (end.kind === 'exit') return { kind: 'exit' };
      if (end.kind === 'failed' && (this.#rules.script || next.value.required)) {
        return { kind: 'failed', at: next.value.at, error: end.error };
      }
    }
  }

  async #runSourceLine(source: SourceLine): Promise<LineEnd> {
    if ('problem' in source) return this.#failed('', lineProblem(source.problem));
    const { line } = source;
    if (line.trim() === '' || (this.#rules.comments && line.trimStart().startsWith('#'))) return { kind: 'ok' };
    if (!this.#rules.script || !line.startsWith('! ')) return this.#runLine(line);
    const end = await this.#runLine(line.slice(2));
    switch (end.kind) {
      case 'failed':
        return { kind: 'ok' };
      case 'ok':
      case 'exit':
        return { kind: 'failed', error: new ParleyError('EXPECTED_FAILURE') };
    }
  }

  async #runLine(line: string): Promise<LineEnd> {
    const { client, backlog, deliveries, reporter, timer } = this.#parts;
    const abort = new AbortController();
    const { signal } = abort;
    this.#running = abort;
    let name = shownCommandWord(splitFirstWord(line).word);
    try {
      const whole = (await this.#rules.complete?.(line, signal)) ?? line;
      const { word, rest } = splitFirstWord(whole);
      name = shownCommandWord(word);
      const command = findCommand(word);
      name = command.name;
      const progress = reporter.progress.bind(reporter);
      const outcome = await command.prepare(rest)({ client, backlog, timer, signal, progress });
      if (outcome.sent) deliveries.sent(outcome.sent);
      reporter.result(name, outcome);
      return { kind: command.ends ? 'exit' : 'ok' };
    } catch (thrown) {
      return this.#failed(name, asParleyError(thrown, signal));
    } finally {
      this.#running = undefined;
    }
  }

  #failed(command: string, error: ParleyError): LineEnd {
    this.#parts.reporter.failure(command, error);
    return { kind: 'failed', error };
  }
}

function lineProblem(problem: 'too-long' | 'not-utf8'): ParleyError {
  switch (problem) {
    case 'too-long':
      return new ParleyError('LINE_TOO_LONG');
    case 'not-utf8':
      return new ParleyError('USAGE', 'the line is not valid UTF-8');
  }
}

/** What the promise gives, or undefined as soon as the signal aborts; the promise is then nobody's any more. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  if (signal.aborted) return undefined;
  let stop = (): void => undefined;
  const aborted = new Promise<undefined>((resolve) => {
    stop = () => {
      resolve(undefined);
    };
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
