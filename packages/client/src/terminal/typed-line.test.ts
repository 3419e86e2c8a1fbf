import { describe, expect, it } from '@jest/globals';
import { FakeClient } from './fake-client.fixture.js';
import { FakeQuestions } from './fake-questions.fixture.js';
import { completeLine } from './typed-line.js';

const { signal } = new AbortController();

function setUp(...answers: unknown[]) {
  const client = new FakeClient();
  client.state = { ...client.state, server: 'localhost:7420', user: 'alice' };
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
    ['Register', 'Register'],
    ['/L', '/L'],
    ['Or maybe later', 's Or maybe later'],
    ['L', 's L'],
    ['path', 'path '],
    ['doctor', 'doctor '],
  ])('%j is run as %j', async (line, run) => {
    const { client, complete } = setUp();
    await client.open('bob');
    expect(await complete(line)).toBe(run);
  });
});

describe('a sentence that begins with a command', () => {
  it.each([
    ['o come on', 'too many arguments: 1 wanted, 2 given; usage: o <user>'],
    ['l as in love', 'too many arguments: none wanted, 3 given; usage: l'],
    ['help "me', 'a quoted word needs'],
  ])('%j is refused, and how to say it is told', async (line, problem) => {
    const { client, complete } = setUp();
    await client.open('bob');
    const refused = expect(complete(line)).rejects;
    await refused.toMatchObject({
      code: 'USAGE',
      message: expect.stringMatching(/^[^\n]*; to send the line as a text, put s before it$/),
    });
    await expect(complete(line)).rejects.toThrow(problem);
  });

  it('that may hold a password is never to be sent', async () => {
    const { client, complete } = setUp();
    await client.open('bob');
    expect(await complete('login alice secret99 more')).toBe('login alice secret99 more');
    expect(await complete('/o come on')).toBe('/o come on');
  });

  it('is a mistake like any other where nothing is open', async () => {
    expect(await setUp().complete('o come on')).toBe('o come on');
  });
});

describe('a line without a conversation', () => {
  it('where nothing is connected is told that first', async () => {
    const { client, complete } = setUp();
    client.state = { ...client.state, server: null, user: null };
    await expect(complete('bobs')).rejects.toMatchObject({
      code: 'NOT_CONNECTED',
      message: 'not connected, and "bobs" is no command',
    });
    await expect(complete('conect localhost')).rejects.toThrow('"conect" is no command; did you mean connect?');
    client.state = { ...client.state, lostServer: 'localhost:7420' };
    await expect(complete('bobs')).rejects.toMatchObject({ code: 'NOT_LOGGED_IN' });
  });

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
  it('a server is chosen among those on the LAN, or typed', async () => {
    const found = { name: 'attic', host: 'attic.local', port: 7420, address: '192.0.2.5' };
    const chosen = setUp('attic (192.0.2.5:7420)');
    chosen.client.found = [found];
    expect(await chosen.complete('c')).toBe('c  "192.0.2.5:7420"');
    const typed = setUp('another server ...', 'example.org');
    typed.client.found = [found];
    expect(await typed.complete('c')).toBe('c  "example.org"');
    const deaf = setUp('example.org');
    deaf.client.failures.set('discover', 'ADDRESS_UNUSABLE');
    expect(await deaf.complete('c')).toBe('c  "example.org"');
  });

  it.each<[string, unknown[], string, string[]]>([
    ['c', ['example.org'], 'c  "example.org"', ['Server: (localhost:7420)']],
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

  it.each<[string, unknown[], string, string[]]>([
    ['login', ['alice', 'my "pass"'], 'login  "alice" "my \\"pass\\""', ['Name:', 'Password:']],
    ['/login alice', ['secret99'], '/login alice "secret99"', ['Password:']],
    ['register', ['zoe', 'a', 'a'], 'register  "zoe" "a"', ['Name:', 'Password:', 'Password again:']],
    ['register', ['Zoe', 'zoe', 'a', 'a'], 'register  "zoe" "a"', ['Name:', 'Name:', 'Password:', 'Password again:']],
    ['register zoe', ['a', 'a'], 'register zoe "a"', ['Password:', 'Password again:']],
  ])('%j is asked for by whoever is not logged in', async (line, answers, run, asked) => {
    const { client, questions, complete } = setUp(...answers);
    client.state = { ...client.state, user: null };
    expect(await complete(line)).toBe(run);
    expect(questions.asked).toEqual(asked);
  });

  it('nobody is asked for an account in vain', async () => {
    const { client, questions, complete } = setUp();
    for (const line of ['register', 'register zoe', 'login']) {
      await expect(complete(line)).rejects.toMatchObject({ code: 'ALREADY_LOGGED_IN' });
    }
    client.state = { ...client.state, user: null };
    await expect(complete('register Zoe')).rejects.toMatchObject({ code: 'NAME_INVALID' });
    client.state = { ...client.state, server: null };
    await expect(complete('login')).rejects.toMatchObject({ code: 'NOT_CONNECTED' });
    expect(questions.asked).toEqual([]);
  });

  it('offers whom and what there is', async () => {
    const { client, questions, complete } = setUp('bob', 'mine');
    client.roomList = [
      { name: 'theirs', owner: 'bob', members: 1 },
      { name: 'mine', owner: 'alice', members: 1 },
    ];
    await complete('o');
    await complete('cr');
    expect(questions.offered).toEqual([
      ['bob', 'zed (line gateway, NOT end-to-end encrypted, the server can read it)'],
      ['mine'],
    ]);
  });

  it('says when there is nothing to choose from', async () => {
    const { client, complete } = setUp('attic');
    client.online = [{ name: 'alice', door: 'native' }];
    client.roomList = [];
    await expect(complete('o')).rejects.toMatchObject({ code: 'USER_OFFLINE', message: 'nobody else is online' });
    await expect(complete('lru')).rejects.toMatchObject({ code: 'UNKNOWN_ROOM', message: 'there are no rooms' });
    await expect(complete('cr')).rejects.toMatchObject({ code: 'UNKNOWN_ROOM', message: 'no room is yours' });
    expect(await complete('or')).toBe('or  "attic"');
  });

  it('gives up with the person', async () => {
    await expect(setUp(null).complete('o')).rejects.toMatchObject({ code: 'ABORTED' });
  });
});
