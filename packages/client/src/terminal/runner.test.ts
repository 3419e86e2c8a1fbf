import { describe, expect, it } from '@jest/globals';
import type { ClientEvent } from '../engine/api.js';
import { Deliveries } from './deliveries.js';
import { EventBacklog } from './event-backlog.js';
import { FakeClient, ManualTimer, settled, Written } from './fake-client.fixture.js';
import { JsonReporter } from './json-reporter.js';
import type { SourceLine } from './line-source.js';
import { Output } from './output.js';
import { Runner, type RunnerRules } from './runner.js';

const pipe: RunnerRules = { comments: true, script: false };
const script: RunnerRules = { comments: true, script: true };

const nobodyReads = (): never => {
  throw new Error('the output broke');
};

function setUp(rules: RunnerRules) {
  const client = new FakeClient();
  const timer = new ManualTimer();
  const out = new Written();
  const backlog = new EventBacklog();
  const deliveries = new Deliveries();
  const reporter = new JsonReporter(new Output(out, nobodyReads), new Output(new Written(), nobodyReads));
  client.onEvent((event) => {
    if (event.event === 'receipt') deliveries.receipt(event);
    reporter.event(event);
    backlog.add(event);
  });
  const runner = new Runner({ client, backlog, deliveries, reporter, timer }, rules);
  const stop = new AbortController();
  const run = (...lines: (string | SourceLine)[]) => runner.run(sourceOf(lines), stop.signal);
  return { client, timer, out, deliveries, runner, stop, run };
}

async function* sourceOf(lines: readonly (string | SourceLine)[]): AsyncGenerator<SourceLine> {
  for (const [index, line] of lines.entries()) {
    await Promise.resolve();
    yield typeof line === 'string' ? { line, at: `test:${String(index + 1)}` } : line;
  }
}

function ok(command: string, data: object) {
  return { type: 'result', command, ok: true, data };
}

function failed(command: string, code: string) {
  return { type: 'result', command, ok: false, error: { code, message: expect.any(String) } };
}

describe('a pipe', () => {
  it('runs line after line; a failure does not end it', async () => {
    const { client, out, run } = setUp(pipe);
    client.failures.set('open', 'USER_OFFLINE');
    expect(await run('c localhost', 'open bob', 'nosuch', '/lr')).toEqual({ kind: 'end' });
    expect(out.json).toEqual([
      ok('c', { server: 'localhost', fingerprint: 'AB:CD' }),
      failed('o', 'USER_OFFLINE'),
      failed('nosuch', 'UNKNOWN_COMMAND'),
      ok('lr', { rooms: [{ name: 'lobby', owner: 'alice', members: 2 }] }),
    ]);
  });

  it('passes over empty lines and comments', async () => {
    const { client, out, run } = setUp(pipe);
    await run('', '  \t', '# c nowhere', '  #');
    expect(client.calls).toEqual([]);
    expect(out.text).toBe('');
  });

  it('reports lines that cannot be read, and reads on', async () => {
    const { out, run } = setUp(pipe);
    await run({ problem: 'too-long', at: '' }, { problem: 'not-utf8', at: '' }, 'cs');
    expect(out.json).toEqual([failed('', 'LINE_TOO_LONG'), failed('', 'USAGE'), ok('cs', {})]);
  });

  it('knows no ! before a command', async () => {
    const { out, run } = setUp(pipe);
    await run('! lu');
    expect(out.json).toEqual([failed('!', 'UNKNOWN_COMMAND')]);
  });

  it('ends at x; the lines behind it are not run', async () => {
    const { client, out, run } = setUp(pipe);
    expect(await run('x', 'lu')).toEqual({ kind: 'exit' });
    expect(client.calls).toEqual([['close']]);
    expect(out.json).toEqual([ok('x', {})]);
  });

  it('runs one command at a time', async () => {
    const { client, timer, run } = setUp(pipe);
    const running = run('sleep 1s', 'lu');
    await settled();
    expect(client.calls).toEqual([]);
    timer.advance(1_000);
    await running;
    expect(client.calls).toEqual([['users']]);
  });

  it('gives up a command that rings, and goes on', async () => {
    const { client, out, runner, run } = setUp(pipe);
    client.hanging.add('open');
    const running = run('o bob', 'cs');
    await settled();
    expect(runner.giveUp()).toBe(true);
    expect(await running).toEqual({ kind: 'end' });
    expect(out.json).toEqual([failed('o', 'ABORTED'), ok('cs', {})]);
    expect(runner.giveUp()).toBe(false);
  });

  it('stops from outside in the middle of a command, and between two', async () => {
    const { client, out, run, stop } = setUp(pipe);
    client.hanging.add('open');
    const running = run('o bob', 'cs');
    await settled();
    stop.abort();
    expect(await running).toEqual({ kind: 'stopped' });
    expect(out.json).toEqual([failed('o', 'ABORTED')]);
  });

  it('stops while it waits for a line', async () => {
    const { runner, stop } = setUp(pipe);
    const never: AsyncIterable<SourceLine> = {
      [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => undefined) }),
    };
    const running = runner.run(never, stop.signal);
    await settled();
    stop.abort();
    expect(await running).toEqual({ kind: 'stopped' });
  });

  it('a defect of the engine is an INTERNAL error, not an end', async () => {
    const { client, out, run } = setUp(pipe);
    client.failures.set('users', new TypeError('x is not a function'));
    await run('lu', 'cs');
    expect(out.json).toEqual([failed('lu', 'INTERNAL'), ok('cs', {})]);
  });

  it('writes events and results in the order they happened', async () => {
    const { client, out, timer, run } = setUp(pipe);
    const running = run('sleep 1s', 'lu');
    await settled();
    client.emit({ event: 'server', state: 'lost' });
    timer.advance(1_000);
    await running;
    client.emit({ event: 'server', state: 'back' });
    expect(out.json).toMatchObject([{ state: 'lost' }, { command: 'sleep' }, { command: 'lu' }, { state: 'back' }]);
  });

  it('keeps what is not confirmed', async () => {
    const { client, deliveries, run } = setUp(pipe);
    await run('or lobby', 's hello');
    expect(deliveries.undelivered).toBe(true);
    for (const to of ['bob', 'carol']) client.emit({ event: 'receipt', id: 'id-1', to, state: 'delivered' });
    expect(deliveries.undelivered).toBe(false);
  });
});

describe('a script', () => {
  it('stops at the first failure and says where', async () => {
    const { client, out, run } = setUp(script);
    client.failures.set('open', 'USER_OFFLINE');
    const end = await run('cs', '# bob', 'o bob', 'lu');
    expect(end).toMatchObject({ kind: 'failed', at: 'test:3', error: { code: 'USER_OFFLINE' } });
    expect(out.json).toHaveLength(2);
  });

  it('stops at a line that cannot be read', async () => {
    const { run } = setUp(script);
    expect(await run({ problem: 'too-long', at: 'test:1' }, 'lu')).toMatchObject({ error: { code: 'LINE_TOO_LONG' } });
  });

  it('goes on when what must fail fails, whatever the reason', async () => {
    const { client, out, run } = setUp(script);
    client.failures.set('open', 'USER_OFFLINE');
    expect(await run('! o bob', '! o', '! NOSUCH', 'cs')).toEqual({ kind: 'end' });
    expect(out.json).toEqual([
      failed('o', 'USER_OFFLINE'),
      failed('o', 'USAGE'),
      failed('NOSUCH', 'UNKNOWN_COMMAND'),
      ok('cs', {}),
    ]);
  });

  it('fails when what must fail does not', async () => {
    const { out, run } = setUp(script);
    expect(await run('! cs', 'lu')).toMatchObject({
      kind: 'failed',
      at: 'test:1',
      error: { code: 'EXPECTED_FAILURE' },
    });
    expect(out.json).toEqual([ok('cs', {})]);
  });

  it('only "! " marks a failure that is meant', async () => {
    const { run } = setUp(script);
    expect(await run('!cs')).toMatchObject({ error: { code: 'UNKNOWN_COMMAND' } });
  });

  it('waits for events in any order, each once', async () => {
    const { client, timer, out, run } = setUp(script);
    const hello: ClientEvent = { event: 'message', from: 'bob', room: null, text: 'hello', id: 'm', seq: 1, at: 'now' };
    client.emit(hello);
    client.emit({ event: 'session', peer: 'bob', state: 'closed', reason: 'ended' });
    const running = run('wait session reason=ended', 'wait message text=hello', '! wait message 1s', 'wait message');
    await settled();
    timer.advance(1_000);
    await settled();
    client.emit({ ...hello, seq: 2 });
    expect(await running).toEqual({ kind: 'end' });
    const results = out.json.filter((line) => (line as { type: string }).type === 'result');
    expect(results).toEqual([
      ok('wait', { event: 'session', peer: 'bob', state: 'closed', reason: 'ended' }),
      ok('wait', { ...hello }),
      failed('wait', 'TIMEOUT'),
      ok('wait', { ...hello, seq: 2 }),
    ]);
  });
});

describe('the next command', () => {
  it('waits for a reader that is slow', async () => {
    const client = new FakeClient();
    let release = (): void => undefined;
    const slow = new Promise<void>((resolve) => {
      release = resolve;
    });
    const reporter = new JsonReporter(new Output(new Written(), nobodyReads), new Output(new Written(), nobodyReads));
    reporter.ready = () => slow;
    const parts = {
      client,
      backlog: new EventBacklog(),
      deliveries: new Deliveries(),
      reporter,
      timer: new ManualTimer(),
    };
    const running = new Runner(parts, pipe).run(sourceOf(['lu', 'lr']), new AbortController().signal);
    await settled();
    expect(client.calls).toEqual([['users']]);
    release();
    await running;
    expect(client.calls).toEqual([['users'], ['rooms']]);
  });
});
