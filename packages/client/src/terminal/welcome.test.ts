import { describe, expect, it } from '@jest/globals';
import { findCommand } from './commands/index.js';
import { EventBacklog } from './event-backlog.js';
import { FakeClient, ManualTimer } from './fake-client.fixture.js';
import { FakeQuestions } from './fake-questions.fixture.js';
import { splitFirstWord } from './tokens.js';
import { welcome } from './welcome.js';

const { signal } = new AbortController();

/** Runs what the questions make; a failing command is told by the client. */
async function greet(
  client: FakeClient,
  questions: FakeQuestions,
  server?: string,
  isFirstUse = false,
): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of welcome(server, isFirstUse, client, questions, signal)) {
    lines.push(line);
    const { word, rest } = splitFirstWord(line);
    const context = {
      client,
      backlog: new EventBacklog(),
      timer: new ManualTimer(),
      signal,
      progress: () => undefined,
    };
    await findCommand(word)
      .prepare(rest)(context)
      .catch(() => {
        client.failures.clear();
      });
  }
  return lines;
}

describe('welcome', () => {
  it('asks for all when nothing is known', async () => {
    const questions = new FakeQuestions('localhost', 'create an account', 'alice', 'secret 99', 'secret 99');
    expect(await greet(new FakeClient(), questions)).toEqual(['c "localhost"', 'register "alice" "secret 99"']);
  });

  it('asks for the name until its form is right, and for the password until both are the same', async () => {
    const answers = ['create an account', 'Alice', 'alice', 'secret99', 'sceret99', 'secret98', 'secret98'];
    const questions = new FakeQuestions(...answers);
    expect(await greet(new FakeClient(), questions, 'localhost')).toEqual([
      'c "localhost"',
      'register "alice" "secret98"',
    ]);
    expect(questions.asked.slice(1)).toEqual([
      ...['Name:', 'Name:', 'Password:', 'Password again:', 'The two were not the same. Password:', 'Password again:'],
    ]);
  });

  it('offers first what is likely', async () => {
    for (const isFirstUse of [true, false]) {
      const questions = new FakeQuestions('log in', 'alice', 'secret99');
      await greet(new FakeClient(), questions, 'localhost', isFirstUse);
      expect(questions.offered[0]?.[0]).toBe(isFirstUse ? 'create an account' : 'log in');
    }
  });

  it('connects at once to a server it was given', async () => {
    const questions = new FakeQuestions('log in', 'alice', 'secret99');
    expect(await greet(new FakeClient(), questions, 'localhost')).toEqual([
      'c "localhost"',
      'login "alice" "secret99"',
    ]);
  });

  it('asks again when it did not work', async () => {
    const client = new FakeClient();
    client.failures.set('connect', 'SERVER_UNREACHABLE').set('login', 'BAD_CREDENTIALS');
    const questions = new FakeQuestions('right', 'log in', 'alice', 'wrong999', 'log in', 'alice', 'secret99');
    client.failures.delete('login');
    expect(await greet(client, questions, 'wrong')).toEqual(['c "wrong"', 'c "right"', 'login "alice" "wrong999"']);
    expect(questions.asked[0]).toBe('Server: (wrong)');
    client.state = { ...client.state, user: null };
    client.failures.set('login', 'BAD_CREDENTIALS');
    const again = new FakeQuestions('log in', 'alice', 'wrong999', 'log in', 'alice', 'secret99');
    expect(await greet(client, again)).toEqual(['login "alice" "wrong999"', 'login "alice" "secret99"']);
  });

  it('leaves whoever does not want to be asked alone', async () => {
    expect(await greet(new FakeClient(), new FakeQuestions(null))).toEqual([]);
    expect(await greet(new FakeClient(), new FakeQuestions('localhost', 'log in', null))).toEqual(['c "localhost"']);
  });
});
