import { describe, expect, it } from '@jest/globals';
import { EventBacklog } from '../event-backlog.js';
import { FakeClient, ManualTimer, relayedReport } from '../fake-client.fixture.js';
import { makeStyle, type Style } from '../style.js';
import { splitFirstWord } from '../tokens.js';
import { findCommand } from './index.js';

const style = makeStyle({ colour: false, ascii: true, keyOf: () => null });

function setUp() {
  const client = new FakeClient();
  const progress: string[] = [];
  const context = {
    client,
    backlog: new EventBacklog(),
    timer: new ManualTimer(),
    signal: new AbortController().signal,
    progress: (line: (style: Style) => string) => progress.push(line(style)),
  };
  const run = (line: string) => {
    const { word, rest } = splitFirstWord(line);
    return findCommand(word).prepare(rest)(context);
  };
  return { client, progress, run };
}

describe('path', () => {
  it('shows what was tried, of the open session or of a user', async () => {
    const { client, run } = setUp();
    client.reports.set('bob', relayedReport);
    const expected = [
      'bob: policy auto',
      "relayed: 0 of 7 probes came back from the other side's addresses: a firewall or router lets none through",
      'here: a router that keeps one port for all destinations (endpoint-independent NAT) that lets in answers only from where something was sent',
      'there: a router that keeps one port for all destinations (endpoint-independent NAT)',
      "relay (the server's): in use, 1 of 1 probes came back, 31 ms, 1.3 % lost",
      '203.0.113.9:41000 (as the server sees it): no answer, 0 of 7 probes came back',
    ];
    expect((await run('path bob')).lines(style)).toEqual(expected);
    await client.open('bob');
    const open = await run('path');
    expect(open.lines(style)).toEqual(expected);
    expect(open.data).toMatchObject({
      ...{ peer: 'bob', policy: 'auto', path: 'relayed' },
      here: { mapping: 'endpoint-independent', filtering: 'address-and-port-dependent', udpBlocked: false },
      there: { mapping: 'endpoint-independent', filtering: null, udpBlocked: false },
      pairs: [
        { address: 'relay', port: 5, kind: 'relay', sent: 1, answered: 1, rttMs: 31.25, loss: 0.0125, state: 'path' },
        { address: '203.0.113.9', kind: 'reflexive', rttMs: null, loss: null, state: 'unanswered' },
      ],
    });
  });

  it('tells the path plainly: direct, relayed, or none', async () => {
    const { client, run } = setUp();
    const [relay, host] = relayedReport.pairs;
    const paths = [];
    for (const now of [relay, host, undefined]) {
      client.reports.set('bob', { ...relayedReport, path: now });
      paths.push((await run('path bob')).data);
    }
    expect(paths).toMatchObject([{ path: 'relayed' }, { path: 'direct' }, { path: null }]);
  });

  it('says when nothing was tried yet', async () => {
    const { run } = setUp();
    const outcome = await run('path bob');
    expect(outcome.lines(style)).toEqual(['bob: policy auto; no conversation with this user was begun yet']);
    expect(outcome.data).toEqual({
      ...{ peer: 'bob', policy: 'auto', path: null, verdict: null, here: null, there: null, pairs: [] },
    });
  });

  it('without a user needs a session', async () => {
    const { run } = setUp();
    await expect(run('path')).rejects.toMatchObject({ code: 'NO_CONVERSATION' });
  });

  it.each(['auto', 'direct-only', 'relay-only'] as const)(
    'sets %s for a user, and default takes it back',
    async (policy) => {
      const { client, run } = setUp();
      client.reports.set('bob', relayedReport);
      const set = await run(`path bob ${policy}`);
      expect(client.policies.get('bob')).toBe(policy);
      expect(set.lines(style)).toEqual([`bob: policy ${policy}, from the next conversation on`]);
      expect(set.data).toMatchObject({ peer: 'bob', policy, path: 'relayed' });
      await run('path bob default');
      expect(client.policies.has('bob')).toBe(false);
    },
  );

  it('a user may be named like a policy', async () => {
    const { client, run } = setUp();
    await run('path auto relay-only');
    expect(client.policies.get('auto')).toBe('relay-only');
  });
});

describe('doctor', () => {
  it('tells findings one below the other, with a mark for each', async () => {
    const { progress, run } = setUp();
    const outcome = await run('doctor');
    expect(outcome.lines(style)).toEqual(['ok  server  it answers', '!   udp     nothing comes back']);
    expect(progress).toEqual(['asking around ...']);
    expect(outcome.data).toEqual({
      findings: [
        { check: 'server', state: 'ok', text: 'it answers' },
        { check: 'udp', state: 'problem', text: 'nothing comes back' },
      ],
      path: null,
    });
  });

  it('tells of the way to a user as path does', async () => {
    const { client, run } = setUp();
    client.reports.set('bob', relayedReport);
    const outcome = await run('doctor bob');
    const way = (await run('path bob')).lines(style).slice(1);
    expect(outcome.lines(style).slice(2)).toEqual(['the way to bob:', ...way.map((line) => `  ${line}`)]);
    expect(outcome.data).toMatchObject({ path: { peer: 'bob', path: 'relayed', pairs: [{}, {}] } });
  });

  it('says when no conversation was begun, and shows nothing raw', async () => {
    const { client, run } = setUp();
    client.diagnose = () =>
      Promise.resolve({
        findings: [{ check: 'peer', state: 'note', text: 'gone\u001b[2J' }],
        path: { peer: 'bob', policy: 'auto', report: null },
      });
    expect((await run('doctor bob')).lines(style)).toEqual([
      '-   peer  gone\\u{1b}[2J',
      'the way to bob:',
      '  no conversation was begun',
    ]);
  });
});

describe('l', () => {
  it('tells loss and verdict of a session', async () => {
    const { client, run } = setUp();
    client.path = 'relayed';
    client.reports.set('bob', relayedReport);
    await client.connect('localhost:7420');
    await client.open('bob');
    const outcome = await run('l');
    expect(outcome.lines(style).slice(2, 4)).toEqual([
      'connected to "bob", path relayed (end-to-end encrypted; the server passes on what it cannot read), ' +
        'round trip not measured yet, loss 1.3 %',
      "relayed: 0 of 7 probes came back from the other side's addresses: a firewall or router lets none through; path tells more",
    ]);
    expect(outcome.data).toMatchObject({ conversation: { path: 'relayed' } });
  });

  it.each([
    [0, 'loss 0 %'],
    [0.004, 'loss 0.4 %'],
    [0.25, 'loss 25 %'],
  ])('rounds a loss of %d', async (loss, shown) => {
    const { client, run } = setUp();
    const [path] = relayedReport.pairs;
    client.reports.set('bob', { ...relayedReport, path: { ...path!, loss } });
    await client.connect('localhost:7420');
    await client.open('bob');
    expect((await run('l')).lines(style).join('\n')).toContain(`${shown}\n`);
  });

  it('tells nothing of loss where it is not known, and of no verdict in a room', async () => {
    const { client, run } = setUp();
    await client.connect('localhost:7420');
    await client.open('bob');
    const session = await run('l');
    expect(session.lines(style).join()).not.toMatch(/loss|path tells more/);
    await client.enter('lobby');
    client.state = {
      ...client.state,
      conversation: { ...client.state.conversation!, reports: new Map([['bob', relayedReport]]) },
    };
    const room = await run('l');
    expect(room.lines(style).join()).not.toMatch(/loss|path tells more/);
  });
});
