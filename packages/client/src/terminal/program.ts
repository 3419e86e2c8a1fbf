/** The program mca from its options to its exit code, on whatever streams it is given. */
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { exitCodeOf, exitCodes, ParleyError } from '@parley/protocol';
import type { ClientOptions } from '../compose.js';
import type { ParleyClient } from '../engine/api.js';
import { Deliveries } from './deliveries.js';
import { asParleyError, errorLine } from './error-lines.js';
import { EventBacklog } from './event-backlog.js';
import { Interactive } from './interactive.js';
import { JsonReporter } from './json-reporter.js';
import type { KeySource } from './keyboard.js';
import { linesBefore, linesOf, type SourceLine } from './line-source.js';
import { parseOptions, type DoctorOptions, type Options } from './options.js';
import { Output, SlowReaderError } from './output.js';
import { PlainReporter } from './plain-reporter.js';
import type { Questions } from './questions.js';
import type { Reporter } from './reporter.js';
import { Runner, type RunEnd, type RunnerRules } from './runner.js';
import type { Screen, TerminalOutput } from './screen.js';
import { makeStyle } from './style.js';
import { within, type Timer } from './timer.js';
import { quote } from './tokens.js';

export type EndSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

export interface ProgramPorts {
  /** What follows the program's name. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  readonly stdin: KeySource & { readonly isTTY?: boolean };
  readonly stdout: TerminalOutput & { readonly isTTY?: boolean };
  readonly stderr: Writable;
  readonly timer: Timer;
  readonly createClient: (options: ClientOptions) => Promise<ParleyClient>;
  /** Calls back when the process is told to end. */
  readonly onSignal: (listener: (signal: EndSignal) => void) => void;
  /** Put in by tests; @inquirer/prompts otherwise. */
  readonly questions?: (screen: Screen) => Questions;
}

/** 128 and the number of the signal, as shells report it. */
const signalExitCodes: Record<EndSignal, number> = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };

/** Leaving waits for receipts and for the server's word, but no longer than this. */
const leaveTimeoutMs = 10_000;
/** How long the last lines may take to get out. */
const flushTimeoutMs = 2_000;

/** Runs the program. @returns its exit code */
export async function runProgram(ports: ProgramPorts): Promise<number> {
  const { argv, env, version, stdout, stderr } = ports;
  const options = parseOptions(argv, {
    env,
    version,
    writeOut: (text) => stdout.write(text),
    writeErr: (text) => stderr.write(text),
  });
  if ('exitCode' in options) return options.exitCode;
  const stop = new AbortController();
  let signalled: EndSignal | undefined;
  ports.onSignal((signal) => {
    signalled ??= signal;
    stop.abort();
  });
  // Nobody reads any more: the program has no more to do. A reader that went away is told nothing; one that is too
  // slow has lost something, and must learn of it.
  let tooSlow: Error | undefined;
  const end = (error: Error): void => {
    if (error instanceof SlowReaderError) tooSlow = error;
    stop.abort();
  };
  const err = new Output(stderr, end);
  const out = new Output(stdout, end);
  let exitCode: number;
  try {
    exitCode = await runWithClient(options, ports, { out, err }, stop.signal);
  } catch (thrown) {
    const error = asParleyError(thrown);
    err.line(errorLine(error));
    exitCode = exitCodeOf(error.code);
  }
  if (tooSlow) {
    err.line(`error: standard output is not read (${tooSlow.message})`);
    exitCode = exitCodes.world;
  }
  await within(ports.timer, flushTimeoutMs, Promise.all([out.flushed(), err.flushed()]));
  return signalled === undefined ? exitCode : signalExitCodes[signalled];
}

async function runWithClient(
  options: Options,
  ports: ProgramPorts,
  { out, err }: { out: Output; err: Output },
  stop: AbortSignal,
): Promise<number> {
  const client = await ports.createClient({
    home: options.home,
    tls: options.tls,
    accept: options.accept,
    path: options.path,
    portMapping: options.portMapping,
    ...(options.bind === undefined ? {} : { bind: options.bind }),
  });
  const backlog = new EventBacklog();
  const deliveries = new Deliveries();
  let mode: Mode;
  try {
    mode = modeOf(options, ports, client, { out, err });
  } catch (error) {
    await client.close();
    throw error;
  }
  const { reporter } = mode;
  const runner = new Runner({ client, backlog, deliveries, reporter, timer: ports.timer }, mode.rules);
  mode.interactive?.start(() => runner.giveUp());
  client.onNotice((notice) => {
    reporter.notice(notice);
  });
  client.onEvent((event) => {
    if (event.event === 'receipt') deliveries.receipt(event);
    reporter.event(event);
    mode.interactive?.event(event);
    backlog.add(event);
  });
  let end: RunEnd;
  try {
    end = await runner.run(mode.lines, stop);
  } finally {
    await leave(client, reporter, ports.timer);
    mode.interactive?.close();
    ports.stdin.destroy();
  }
  return exitCodeAtEnd(end, deliveries, reporter);
}

interface Mode {
  readonly reporter: Reporter;
  readonly rules: RunnerRules;
  readonly lines: AsyncIterable<SourceLine>;
  readonly interactive?: Interactive;
}

/** Who is at the other end: a person, or a program; in the end it is all lines. */
function modeOf(
  options: Options,
  ports: ProgramPorts,
  client: ParleyClient,
  { out, err }: { out: Output; err: Output },
): Mode {
  const { stdin, stdout, env, timer } = ports;
  const { json, script, server, ascii, home, accept, doctor } = options;
  const atTerminal = stdin.isTTY === true && stdout.isTTY === true && env['TERM'] !== 'dumb';
  if (atTerminal && !json && script === undefined && !doctor) {
    // https://no-color.org: set to anything but the empty text
    const colour = (env['NO_COLOR'] ?? '') === '';
    const style = makeStyle({
      colour,
      ascii,
      keyOf: (user) => client.keyOf(user),
      columns: () => stdout.columns ?? 80,
    });
    const questions = ports.questions ? { questions: ports.questions } : {};
    const interactive = new Interactive({
      ...{ stdin, stdout, client, timer, style, home, server, accept },
      ...questions,
    });
    return { reporter: interactive.reporter, rules: interactive.rules, lines: interactive.lines(), interactive };
  }
  const style = makeStyle({ colour: false, ascii, keyOf: () => null });
  const asked = server ?? (doctor ? (client.lastServer ?? undefined) : undefined);
  if (doctor && asked === undefined) throw new ParleyError('USAGE', 'no server is known yet: name one with --server');
  // A doctor has something to say without it, too.
  const needed = doctor && !doctor.login ? {} : ({ required: true } as const);
  const first: SourceLine[] =
    asked === undefined ? [] : [{ line: `c ${quote(asked)}`, at: 'the server to connect to', ...needed }];
  return {
    reporter: json ? new JsonReporter(out, err) : new PlainReporter(out, err, style),
    rules: { comments: true, script: script !== undefined },
    lines: linesBefore([...first, ...doctorLines(doctor)], doctor ? noLines() : inputLines(script, stdin)),
  };
}

function doctorLines(doctor: DoctorOptions | undefined): SourceLine[] {
  if (!doctor) return [];
  const { user, login } = doctor;
  const lines = login ? [`login ${quote(login.name)} ${quote(login.password)}`] : [];
  lines.push(user === undefined ? 'doctor' : `doctor ${quote(user)}`);
  return lines.map((line) => ({ line, at: 'mca doctor', required: true }));
}

async function* noLines(): AsyncGenerator<SourceLine> {
  // There is nothing to ask but what the command line asks.
}

async function* inputLines(script: string | undefined, stdin: Readable): AsyncGenerator<SourceLine> {
  const file = script === undefined || script === '-' ? undefined : script;
  try {
    yield* file === undefined ? linesOf(stdin, 'standard input') : linesOf(createReadStream(file), basename(file));
  } catch (cause) {
    // Streams fail with Errors only.
    throw new ParleyError('USAGE', `cannot read ${file ?? 'standard input'}: ${(cause as Error).message}`, { cause });
  }
}

/** Bounded: a server that does not answer must not keep the program from ending. */
async function leave(client: ParleyClient, reporter: Reporter, timer: Timer): Promise<void> {
  const left = await within(timer, leaveTimeoutMs, client.close());
  if (!left) reporter.remark('the server was not left in time');
}

function exitCodeAtEnd(end: RunEnd, deliveries: Deliveries, reporter: Reporter): number {
  if (end.kind === 'failed') {
    reporter.remark(`${end.at}: stopped by ${end.error.code}: ${end.error.message}`);
    return exitCodeOf(end.error.code);
  }
  return deliveries.undelivered ? exitCodes.undelivered : exitCodes.done;
}
