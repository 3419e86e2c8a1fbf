import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { jsonVersion } from '@parley/protocol';
import type { ClientEvent } from '../engine/api.js';
import { commands, findCommand } from './commands/index.js';
import { EventBacklog } from './event-backlog.js';
import { FakeClient, ManualTimer, relayedReport, Written } from './fake-client.fixture.js';
import { JsonReporter } from './json-reporter.js';
import { Output } from './output.js';

function setUp() {
  const out = new Written();
  const err = new Written();
  const reporter = new JsonReporter(new Output(out, () => undefined), new Output(err, () => undefined));
  return { out, err, reporter };
}

/** The contract as it is written down. */
const contract = readFileSync(new URL('../../../../docs/protocol/json.md', import.meta.url), 'utf8');
const clientContract = contract
  .split('```jsonl\n')
  .slice(1)
  .map((part) => part.split('```')[0]!.trim().split('\n'));
const [exampleResults = [], exampleEvents = []] = clientContract;

/** The lines whose results docs/protocol/json.md shows, in its order. */
const script: readonly string[] = [
  ...[
    'c',
    'c localhost:7420',
    'register alice secret99',
    'login alice secret99',
    'lu',
    'lcu',
    'lr',
    'lru lobby',
    'o bob',
  ],
  ...['path', 'doctor'],
  ...['s hello', 'l', 'or lobby', 'cs', 'cr lobby', 'accept', 'decline', 'trust bob', 'help cs', 'sleep 200ms'],
  ...['wait receipt', 'd', 'x'],
];

describe('docs/protocol/json.md', () => {
  it('tells the version', () => {
    expect(contract).toContain(`\nVersion ${String(jsonVersion)}, `);
  });

  it('shows a result of every command, exactly as it is written', async () => {
    const { out, reporter } = setUp();
    const timer = new ManualTimer();
    const backlog = new EventBacklog();
    backlog.add({ event: 'receipt', id: 'id-1', to: 'bob', state: 'delivered' });
    const { signal } = new AbortController();
    const client = new FakeClient();
    client.path = 'relayed';
    client.found = [{ name: 'Parley on attic', host: 'attic.local', port: 7420, address: '192.0.2.5' }];
    client.reports.set('bob', relayedReport);
    const context = { client, backlog, timer, signal, progress: reporter.progress.bind(reporter) };
    for (const line of script) {
      const [word = '', ...rest] = line.split(' ');
      const command = findCommand(word);
      const running = command.prepare(rest.join(' '))(context);
      timer.advance(200);
      reporter.result(command.name, await running);
    }
    expect(out.lines).toEqual(exampleResults);
    const shown = exampleResults.map((line) => (JSON.parse(line) as { command: string }).command);
    expect(new Set(shown)).toEqual(new Set(commands.map(({ name }) => name)));
  });

  it('shows events exactly as they are written', () => {
    const { out, reporter } = setUp();
    for (const line of exampleEvents) reporter.event(JSON.parse(line) as ClientEvent);
    expect(out.lines).toEqual(exampleEvents);
    const shown = exampleEvents.map((line) => (JSON.parse(line) as { event: string }).event);
    expect(new Set(shown)).toEqual(new Set(['message', 'receipt', 'session', 'room', 'server']));
  });
});

describe('JsonReporter', () => {
  it('gives no field that the contract does not name', () => {
    const { out, reporter } = setUp();
    reporter.event({ event: 'server', state: 'lost', secret: 1 } as ClientEvent);
    expect(out.json).toEqual([{ type: 'event', event: 'server', state: 'lost' }]);
  });

  it('writes whatever is for people to standard error', () => {
    const { out, err, reporter } = setUp();
    reporter.notice({ level: 'warning', text: 'no path to\u001b[2J bob' });
    reporter.remark('script.txt:1\u0007');
    expect(out.text).toBe('');
    expect(err.lines).toEqual(['warning: no path to\\u{1b}[2J bob', 'script.txt:1\\u{7}']);
  });
});
