import { ParleyError, isDuration, parseDuration, showDuration } from '@parley/protocol';
import { Help } from 'commander';
import { checked, noArguments, words } from '../arguments.js';
import { declare, type Command } from '../command.js';
import { eventFields, isEventKind, type AwaitedEvent } from '../event-backlog.js';
import { sleep } from '../timer.js';
import { tokenize } from '../tokens.js';

export const exit = declare({
  name: 'x',
  long: 'exit',
  usage: 'x',
  doc: 'leaves the server and ends the program',
  ends: true,
  parse: noArguments,
  run: ({ client }) => client.close(),
  data: () => ({}),
  lines: () => [],
});

/** @param find the command of a name, or UNKNOWN_COMMAND @param all every command there is, also this one */
export function helpCommand(find: (word: string) => Command, all: () => readonly Command[]): Command {
  return declare({
    name: 'help',
    long: 'help',
    usage: 'help [command]',
    doc: 'explains the commands, or one',
    subjects: ['command'],
    parse: (rest) => {
      const [word] = tokenize(rest).length === 0 ? [] : words(rest, ['the command']);
      return word === undefined ? all() : [find(checked('the command', word, 64))];
    },
    run: (_context, found) => Promise.resolve(found),
    data: (found) => ({ commands: found.map(({ name, long, usage, doc }) => ({ command: name, long, usage, doc })) }),
    lines: (found, style) => {
      const [only] = found;
      if (found.length === 1 && only) {
        const lines = [`${only.usage}  ${only.doc}`, ...alias(only), ...(only.details ?? [])];
        return lines.flatMap((line) => wrapped(line, style.columns()));
      }
      const tail = 'Each also by its long name, and with / before it: /open bob. help <command> tells more.';
      const rows = found.map(({ name, long, usage, doc }): [string, string] => {
        return [usage, doc + (name === long ? '' : ` ${style.dim(`(${long})`)}`)];
      });
      return [...table(rows, style.columns()), ...wrapped(tail, style.columns())];
    },
  });
}

const help = new Help();
// Narrower than this, words would stand alone.
help.minWidthToWrap = 16;

/** Continued lines are indented. */
function wrapped(text: string, columns: number): string[] {
  const [first = '', ...others] = help.boxWrap(text, columns - 3).split('\n');
  return [first, ...others.map((line) => `  ${line}`)];
}

/** Two columns; where the screen has no room for the widest term, such a term has a line of its own. */
function table(rows: readonly (readonly [term: string, text: string])[], columns: number): string[] {
  const widest = Math.max(...rows.map(([term]) => term.length));
  const width = Math.min(widest, Math.max(12, Math.floor(columns / 3)));
  const indent = ' '.repeat(width + 2);
  return rows.flatMap(([term, text]) => {
    // A row that is filled to its last column is followed by an empty one on some terminals.
    const lines = help.boxWrap(text, columns - indent.length - 1).split('\n');
    if (term.length > width) return [term, ...lines.map((line) => indent + line)];
    return lines.map((line, i) => (i === 0 ? `${term.padEnd(width)}  ${line}` : indent + line));
  });
}

function alias({ name, long }: Command): string[] {
  return name === long ? [] : [`also: ${long}`];
}

export const pause = declare({
  name: 'sleep',
  long: 'sleep',
  usage: 'sleep <time>',
  doc: 'waits: 200ms, 2s or 1m',
  scriptTool: true,
  parse: (rest) => parseDuration(words(rest, ['the time'])[0] ?? ''),
  run: async ({ timer, signal }, ms) => {
    await sleep(timer, ms, signal);
    return { ms };
  },
  data: ({ ms }) => ({ ms }),
  lines: () => [],
});

const defaultWaitMs = 5_000;

export const wait = declare({
  name: 'wait',
  long: 'wait',
  usage: 'wait <event> [field=value ...] [timeout]',
  doc: `waits for an event not yet waited for, ${showDuration(defaultWaitMs)} unless told`,
  details: [
    ...Object.entries(eventFields).map(([event, fields]) => `${event}: ${fields.join(', ')}`),
    'Events are kept from the start (the newest 10,000), so a wait cannot come too late.',
    'Example: wait message from=bob text="good morning" 10s',
  ],
  scriptTool: true,
  parse: parseWait,
  run: ({ backlog, timer, signal }, { awaited, timeoutMs }) => backlog.wait(awaited, timeoutMs, timer, signal),
  data: (event) => ({ ...event }),
  // The event itself was shown when it came.
  lines: () => [],
});

function parseWait(rest: string): { awaited: AwaitedEvent; timeoutMs: number } {
  const [kind, ...others] = tokenize(rest, { fields: true });
  if (kind === undefined) throw new ParleyError('USAGE', 'the event is missing');
  if (!isEventKind(kind)) {
    throw new ParleyError('USAGE', `the event is one of ${Object.keys(eventFields).join(', ')}`);
  }
  const timeout = others.at(-1);
  const timed = timeout !== undefined && isDuration(timeout);
  const fields = (timed ? others.slice(0, -1) : others).map((word): [string, string] => {
    const [, name, value] = /^([a-zA-Z]+)=([^]*)$/.exec(word) ?? [];
    if (name === undefined || value === undefined) {
      throw new ParleyError('USAGE', 'behind the event come field=value and, last, a time like 10s');
    }
    const known: readonly string[] = eventFields[kind];
    if (!known.includes(name)) {
      throw new ParleyError('USAGE', `the fields of ${kind} are ${known.join(', ')}`);
    }
    return [name, value];
  });
  return { awaited: { kind, fields }, timeoutMs: timed ? parseDuration(timeout) : defaultWaitMs };
}
