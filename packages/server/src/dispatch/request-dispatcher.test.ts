import { beforeEach, describe, expect, it } from '@jest/globals';
import { commands, ParleyError, type Method } from '@parley/protocol';
import fc from 'fast-check';
import { FakeConnection, FakeWorld } from '../domain/fake-world.fixture.js';
import type { Connection } from '../domain/index.js';
import type { HandlerTable } from '../handlers/handler.js';
import { handlers } from '../handlers/index.js';
import { silentLog } from '../log.js';
import { defaultOptions } from '../options.js';
import { RequestDispatcher } from './request-dispatcher.js';

interface Answer {
  id: unknown;
  result?: unknown;
  error?: { message: string; data: { code: string; retryAfterMs?: number } };
}

const { rates, pendingRequests } = defaultOptions;

let world: FakeWorld;
let now: number;

beforeEach(() => {
  world = new FakeWorld();
  now = 0;
});

function dispatcherOn(connection: Connection, changed: Partial<HandlerTable> = {}): RequestDispatcher {
  return new RequestDispatcher(
    {
      handlers: { ...handlers, ...changed },
      messenger: world.messenger,
      server: { agent: 'test', stunPort: 1, otherStunPort: 2, relays: false, pingIntervalMs: 1 },
      relay: null,
      monotonicMs: () => now,
      log: silentLog,
      settings: defaultOptions,
    },
    connection,
  );
}

async function ask(dispatcher: RequestDispatcher, method: string, params: unknown = {}): Promise<Answer> {
  const line = await dispatcher.handleLine(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }));
  return JSON.parse(line ?? 'null') as Answer;
}

describe('RequestDispatcher', () => {
  const forUsers = (Object.keys(commands) as Method[]).filter((method) => commands[method].access === 'user');
  const forStrangers = (Object.keys(commands) as Method[]).filter((method) => commands[method].access === 'stranger');

  it.each(forUsers)('refuses %s to strangers', async (method) => {
    expect((await ask(dispatcherOn(world.connect()), method)).error?.data.code).toBe('NOT_LOGGED_IN');
  });

  it.each(forStrangers)('refuses %s to those who are logged in', async (method) => {
    const { connection } = await world.join('anna');
    expect((await ask(dispatcherOn(connection), method)).error?.data.code).toBe('ALREADY_LOGGED_IN');
  });

  it.each([
    ['server.ping', 'light'],
    ['account.resume', 'store'],
    ['account.login', 'password'],
  ] as const)('lets %s through at its rate', async (method, rate) => {
    const dispatcher = dispatcherOn(world.connect());
    const codes: (string | undefined)[] = [];
    for (let count = 0; count <= rates[rate].burst; count += 1) {
      codes.push((await ask(dispatcher, method)).error?.data.code);
    }
    expect(codes.slice(0, -1)).not.toContain('RATE_LIMITED');
    const refused = await ask(dispatcher, method);
    expect(refused.error?.data).toEqual({
      code: 'RATE_LIMITED',
      retryAfterMs: Math.ceil(1000 / rates[rate].perSecond),
    });
    now += 1000 / rates[rate].perSecond;
    expect((await ask(dispatcher, method)).error?.data.code).not.toBe('RATE_LIMITED');
  });

  it('counts the rates of different classes apart', async () => {
    const dispatcher = dispatcherOn(world.connect());
    for (let count = 0; count <= rates.password.burst; count += 1) await ask(dispatcher, 'account.login');
    expect((await ask(dispatcher, 'account.login')).error?.data.code).toBe('RATE_LIMITED');
    expect((await ask(dispatcher, 'server.ping')).result).toEqual({});
  });

  it('holds a bounded number of requests that wait, and is idle when all are answered', async () => {
    let finish: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (finish = resolve));
    const dispatcher = dispatcherOn(world.connect(), {
      'server.ping': async () => {
        await held;
        return {};
      },
    });
    const waiting = Array.from({ length: pendingRequests }, () => ask(dispatcher, 'server.ping'));
    expect((await ask(dispatcher, 'server.ping')).error?.data.code).toBe('RATE_LIMITED');
    let idle = false;
    const settled = dispatcher.idle().then(() => (idle = true));
    await Promise.resolve();
    expect(idle).toBe(false);
    finish();
    await settled;
    for (const answer of await Promise.all(waiting)) expect(answer.result).toEqual({});
    expect((await ask(dispatcher, 'server.ping')).result).toEqual({});
  });

  it('does not count what is answered at once', async () => {
    const dispatcher = dispatcherOn(world.connect());
    const answers = await Promise.all(
      Array.from({ length: pendingRequests * 2 }, () => ask(dispatcher, 'server.ping')),
    );
    expect(answers.every(({ result }) => result !== undefined)).toBe(true);
  });

  it.each([
    ['throws something else', new TypeError('secret detail'), 'INTERNAL'],
    ['throws an error that its command does not declare', new ParleyError('ROOM_FULL', 'secret detail'), 'INTERNAL'],
    ['throws one that every command has', new ParleyError('SERVER_SHUTDOWN', 'going'), 'SERVER_SHUTDOWN'],
  ])('when a handler %s, tells no more than it may', async (_what, error, code) => {
    const failing: Partial<HandlerTable>[] = [
      {
        'server.ping': () => {
          throw error;
        },
      },
      { 'server.ping': () => Promise.reject(error) },
    ];
    for (const changed of failing) {
      const answer = await ask(dispatcherOn(world.connect(), changed), 'server.ping');
      expect(answer.error?.data.code).toBe(code);
      expect(answer.error?.message).not.toContain('secret');
    }
  });

  it('answers every line with one well-formed line, whatever is asked', async () => {
    const value = fc.oneof(
      { weight: 4, arbitrary: fc.jsonValue() },
      fc.constantFrom('anna', 'berta', 'lobby', '__proto__', 'accept', 'ended', `${'A'.repeat(43)}=`, 'ab'.repeat(16)),
    );
    const keys = [
      'name',
      'password',
      'deviceKey',
      'token',
      'room',
      'peer',
      'answer',
      'reason',
      'id',
      'linked',
      'after',
    ];
    const params = fc.oneof(
      fc.dictionary(fc.oneof(fc.constantFrom(...keys, 'limit', 'candidates'), fc.string()), value),
      fc.jsonValue(),
    );
    const method = fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...Object.keys(commands)) }, fc.string());
    const request = fc.oneof(
      { weight: 5, arbitrary: fc.record({ jsonrpc: fc.constant('2.0'), id: fc.nat(9), method, params }) },
      fc.jsonValue(),
    );
    const line = fc.oneof({ weight: 5, arbitrary: request.map((one) => JSON.stringify(one)) }, fc.string());
    const honest = await world.join('honest');
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 10 }), fc.boolean(), async (lines, loggedIn) => {
        const user = `user-${String(world.accounts.rows.size)}`;
        const connection = loggedIn ? (await world.join(user)).connection : world.connect();
        const dispatcher = dispatcherOn(connection);
        const answering = lines.map((one) => dispatcher.handleLine(one));
        // Whoever waits for an answer to a call gets it when the connection ends.
        await new Promise((resolve) => setImmediate(resolve));
        world.messenger.disconnected(connection);
        world.clock.advance(120_000);
        for (const answer of await Promise.all(answering)) {
          const { error } = JSON.parse(answer ?? '{}') as Answer;
          expect(error?.data.code).not.toBe('INTERNAL');
        }
        expect(world.messenger.userOn(honest.connection)).toBe(honest.user);
      }),
    );
  });

  it('gives its own connection to the handlers', async () => {
    const connection = new FakeConnection(1);
    let seen: Connection | undefined;
    const dispatcher = dispatcherOn(connection, {
      'server.ping': (_params, context) => {
        seen = context.connection;
        return {};
      },
    });
    await ask(dispatcher, 'server.ping');
    expect(seen).toBe(connection);
  });
});
