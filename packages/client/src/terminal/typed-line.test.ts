import { describe, expect, it } from '@jest/globals';
import { FakeClient } from './fake-client.fixture.js';
import { FakeQuestions } from './fake-questions.fixture.js';
import { completeLine } from './typed-line.js';

const { signal } = new AbortController();

function setUp(...answers: unknown[]) {
  const client = new FakeClient();
  client.state = { server: 'localhost:7420', user: 'alice', conversation: null };
  const questions = new FakeQuestions(...answers);
  const complete = (line: string) => completeLine(line, client, questions, signal);
  return { client, questions, complete };
}

describe('a line in a conversation', () => {
  it.each([
    ['hello', 's hello'],
    ['  two  spaces ', 's   two  spaces '],
    ['wait a minute', 's wait a minute'],
    ['sleep well', 's sleep well'],
    ['#hash', 's #hash'],
    ['lu', 'lu '],
    ['/lu', '/lu '],
    ['s lu', 's lu'],
    ['/wait message', '/wait message'],
    ['/nosuch thing', '/nosuch thing'],
    ['LOGIN alice secret99', 'LOGIN alice secret99'],
  ])('%j is run as %j', async (line, run) => {
    const { client, complete } = setUp();
    await client.open('bob');
    expect(await complete(line)).toBe(run);
  });
});

describe('a line without a conversation', () => {
  it('cannot be said to anybody', async () => {
    await expect(setUp().complete('good morning')).rejects.toMatchObject({
      code: 'NO_CONVERSATION',
      message: '"good" is no command, and no session or room is open to say it in',
    });
  });

  it('may be a mistyped command', async () => {
    expect(await setUp().complete('opne bob')).toBe('opne bob');
  });
});

describe('arguments left out', () => {
  it.each<[string, unknown[], string, string[]]>([
    ['c', ['example.org'], 'c  "example.org"', ['Server: (localhost:7420)']],
    ['login', ['alice', 'my "pass"'], 'login  "alice" "my \\"pass\\""', ['Name:', 'Password:']],
    ['/login alice', ['secret99'], '/login alice "secret99"', ['Password:']],
    ['register', ['zoe', 'secret99'], 'register  "zoe" "secret99"', ['Name:', 'Password:']],
    ['o', ['bob'], 'o  "bob"', ['Talk with:']],
    ['lru', ['lobby'], 'lru  "lobby"', ['Room:']],
    ['cr', ['lobby'], 'cr  "lobby"', ['Room:']],
    ['or', ['lobby'], 'or  "lobby"', ['Room:']],
    ['or', ['another room ...', 'attic'], 'or  "attic"', ['Room:', 'Name of the room:']],
    ['trust', [], 'trust ', []],
    ['help', [], 'help ', []],
    ['o bob carol', [], 'o bob carol', []],
    ['o "bob', [], 'o "bob', []],
  ])('%j is asked for', async (line, answers, run, asked) => {
    const { questions, complete } = setUp(...answers);
    expect(await complete(line)).toBe(run);
    expect(questions.asked).toEqual(asked);
  });

  it('offers whom and what there is', async () => {
    const { client, questions, complete } = setUp('bob', 'mine');
    client.roomList = [
      { name: 'theirs', owner: 'bob', members: 1 },
      { name: 'mine', owner: 'alice', members: 1 },
    ];
    await complete('o');
    await complete('cr');
    expect(questions.offered).toEqual([['bob'], ['mine']]);
  });

  it('says when there is nothing to choose from', async () => {
    const { client, complete } = setUp('attic');
    client.online = [{ name: 'alice' }];
    client.roomList = [];
    await expect(complete('o')).rejects.toMatchObject({ code: 'USER_OFFLINE', message: 'nobody else is online' });
    await expect(complete('lru')).rejects.toMatchObject({ code: 'UNKNOWN_ROOM', message: 'there are no rooms' });
    await expect(complete('cr')).rejects.toMatchObject({ code: 'UNKNOWN_ROOM', message: 'no room is yours' });
    expect(await complete('or')).toBe('or  "attic"');
  });

  it('gives up with the person', async () => {
    await expect(setUp(null).complete('login')).rejects.toMatchObject({ code: 'ABORTED' });
  });
});
