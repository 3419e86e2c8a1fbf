import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ParleyError, type ErrorCode } from '@parley/protocol';
import type { NatFindings, PathReport, Verdict } from '@parley/rendezvous';
import type { CallOptions, PathTo, Status } from './api.js';
import { diagnose, type DiagnosisParts } from './diagnosis.js';
import type { PortMappingFinding } from './port-mapping.js';

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

const never = new Promise<void>(() => undefined);
const checking: Verdict = { state: 'checking', isRelayed: true, isBirthday: false };
const direct: Verdict = { state: 'direct', over: 'internet' };

function reportWith(verdict: Verdict): PathReport {
  const nat = { mapping: undefined, filtering: undefined, isUdpBlocked: false };
  return {
    ...{ policy: 'auto', path: undefined, pairs: [], own: nat, peer: undefined, ownFamilies: [], peerFamilies: [] },
    ...{ refused: 0, birthday: 'idle', isChecking: verdict.state === 'checking', role: 'controlling', verdict },
  };
}

class FakeClient {
  readonly calls: string[] = [];
  conversation: Status['conversation'] = null;
  verdict: Verdict | undefined = direct;
  openFails: Error | undefined;
  leaveFails: ErrorCode | undefined;

  status(): Status {
    return { server: 'a:7420', lostServer: null, user: 'alice', conversation: this.conversation };
  }

  open(peer: string, { signal }: CallOptions = {}) {
    this.calls.push(`open ${peer}`);
    if (signal?.aborted) return Promise.reject(new ParleyError('ABORTED'));
    if (this.openFails) return Promise.reject(this.openFails);
    this.talkWith('user', peer);
    return Promise.resolve({ peer, path: 'relayed' as const });
  }

  leave(): Promise<void> {
    this.calls.push('leave');
    this.conversation = null;
    return this.leaveFails ? Promise.reject(new ParleyError(this.leaveFails)) : Promise.resolve();
  }

  pathTo(user = ''): PathTo {
    return { peer: user, policy: 'auto', report: this.verdict ? reportWith(this.verdict) : null };
  }

  talkWith(kind: 'user' | 'room', name: string): void {
    this.conversation = { kind, name, path: 'relayed', rttMs: null, reports: new Map(), keys: null };
  }
}

const good: NatFindings = {
  reflexive: { address: '203.0.113.5', port: 6000 },
  mapping: 'endpoint-independent',
  filtering: 'not-by-port',
  isUdpBlocked: false,
};

interface World {
  readonly findings?: NatFindings;
  readonly asking?: Promise<void>;
  readonly relays?: boolean;
  readonly clockAheadMs?: number | null;
  readonly portMapping?: { readonly asked: Promise<void>; readonly finding: PortMappingFinding };
  readonly ping?: (options: CallOptions) => Promise<unknown>;
}

function setUp(world: World = {}) {
  const { findings = good, asking = Promise.resolve(), relays = true, clockAheadMs = 40 } = world;
  const client = new FakeClient();
  const parts: DiagnosisParts = {
    client,
    server: {
      address: { text: 'a:7420' },
      isUp: true,
      connection: { clockAheadMs, hello: { relays } },
      call: (_method, _params, options) => world.ping?.(options) ?? Promise.resolve(),
    },
    reachability: { ask: () => asking, findings, nat: findings },
    portMapping: world.portMapping,
  };
  const run = async (user?: string, signal?: AbortSignal) => {
    const running = diagnose(parts, user, signal);
    // Told below; not unhandled while time goes on.
    running.catch(() => undefined);
    await jest.advanceTimersByTimeAsync(60_000);
    return running;
  };
  /** What is said of one thing. */
  const finding = async (check: string) => {
    const found = await run();
    return found.findings.filter((one) => one.check === check).map(({ state, text }) => `${state}: ${text}`);
  };
  return { client, parts, run, finding };
}

describe('diagnose, of server and network', () => {
  it('looks at all there is, once', async () => {
    const { client, run } = setUp();
    const { findings, path } = await run();
    const checks = findings.map(({ check }) => check);
    expect(checks).toEqual(['server', 'clock', 'stun', 'udp', 'nat', 'relay', 'port-mapping', 'ipv6']);
    expect(findings.filter(({ state }) => state === 'problem')).toEqual([]);
    expect(path).toBeNull();
    expect(client.calls).toEqual([]);
  });

  it.each([
    [-1_500, "ok: the clock of this device is 1.5 s behind the server's"],
    [29_900, "ok: the clock of this device is 29.9 s ahead of the server's"],
    [-31_000, "problem: the clock of this device is 31.0 s behind the server's"],
    [3_600_000, "problem: the clock of this device is 3600.0 s ahead of the server's"],
  ])('a clock %d ms ahead', async (clockAheadMs, said) => {
    expect(await setUp({ clockAheadMs }).finding('clock')).toEqual([said]);
  });

  it('says nothing of clocks when the server did not', async () => {
    expect(await setUp({ clockAheadMs: null }).finding('clock')).toEqual([]);
  });

  it('knows how the server sees this device', async () => {
    const { finding } = setUp();
    expect(await finding('stun')).toEqual(['ok: the server sees this device as 203.0.113.5 port 6000']);
    expect(await finding('udp')).toEqual(['ok: UDP gets through']);
    expect((await finding('nat'))[0]).toMatch(/^ok: a router that keeps one port/);
  });

  it('a router that gives each destination another port is a problem', async () => {
    const { finding } = setUp({ findings: { ...good, mapping: 'endpoint-dependent' } });
    expect((await finding('nat'))[0]).toMatch(/^problem: a router that gives each destination another port/);
  });

  it.each([
    ['STUN has given up', { isUdpBlocked: true }, undefined],
    ['STUN still asks', { isUdpBlocked: false }, never],
  ])('UDP is blocked: %s', async (_, { isUdpBlocked }, asking) => {
    const findings = { reflexive: undefined, mapping: undefined, filtering: undefined, isUdpBlocked };
    const { finding } = setUp({ findings, ...(asking ? { asking } : {}) });
    expect(await finding('stun')).toEqual(["problem: the server's STUN port did not answer"]);
    expect((await finding('udp'))[0]).toMatch(/^problem: UDP to the server does not get through/);
    expect(await finding('nat')).toEqual(['note: UDP does not get through (STUN did not answer)']);
    expect((await finding('relay'))[0]).toMatch(/^ok: .*over the control connection/);
  });

  it('without a relay there is no path where there is no direct one', async () => {
    expect(await setUp({ relays: false }).finding('relay')).toEqual([
      'note: the server relays nothing: without a direct path there is none',
    ]);
  });

  it('waits until the router was asked for a port, and says what it said', async () => {
    let finding: PortMappingFinding = { state: 'note', text: 'not asked yet' };
    const asked = new Promise<void>((resolve) => {
      setTimeout(() => {
        finding = { state: 'ok', text: 'the router gave port 7000 of 203.0.113.5 (UPnP)' };
        resolve();
      }, 3_000);
    });
    const portMapping = {
      asked,
      get finding() {
        return finding;
      },
    };
    expect(await setUp({ portMapping }).finding('port-mapping')).toEqual([
      'ok: the router gave port 7000 of 203.0.113.5 (UPnP)',
    ]);
  });

  it('a router that never answers does not keep it', async () => {
    const portMapping = { asked: never, finding: { state: 'note', text: 'not asked yet' } } as const;
    expect(await setUp({ portMapping }).finding('port-mapping')).toEqual(['note: not asked yet']);
  });

  it('says that the router is not asked', async () => {
    expect((await setUp().finding('port-mapping'))[0]).toContain('--no-port-mapping');
  });

  it('a server that does not answer is a finding, too', async () => {
    const { finding } = setUp({ ping: () => Promise.reject(new ParleyError('SERVER_LOST', 'it is away')) });
    expect(await finding('server')).toEqual(['problem: a:7420: it is away']);
  });

  it('without a server there is something to say of this device', async () => {
    const { parts, run } = setUp();
    Object.assign(parts, { server: undefined });
    const checks = (await run()).findings.map(({ check, state }) => `${check} ${state}`);
    expect(checks).toEqual(['server problem', 'port-mapping note', expect.stringMatching(/^ipv6/)]);
  });

  it('can be given up while the network is asked', async () => {
    const { run } = setUp({ asking: never });
    await expect(run(undefined, AbortSignal.abort())).rejects.toMatchObject({ code: 'ABORTED' });
  });
});

describe('diagnose, of the way to a user', () => {
  it('opens a session, waits until nothing more is tried, and leaves it', async () => {
    const { client, run } = setUp();
    client.verdict = checking;
    setTimeout(() => {
      client.verdict = direct;
    }, 1_000);
    const { path } = await run('bob');
    expect(path).toMatchObject({ peer: 'bob', report: { verdict: direct } });
    expect(client.calls).toEqual(['open bob', 'leave']);
  });

  it('gives what is known when it takes longer than anybody waits', async () => {
    const { client, run } = setUp();
    client.verdict = checking;
    expect((await run('bob')).path?.report?.verdict).toEqual(checking);
    expect(client.calls).toEqual(['open bob', 'leave']);
  });

  it('uses the session that is open, and leaves it as it is', async () => {
    const { client, run } = setUp();
    client.talkWith('user', 'bob');
    expect((await run('bob')).path?.peer).toBe('bob');
    expect(client.calls).toEqual([]);
  });

  it.each([
    ['user', 'carol'],
    ['room', 'bob'],
  ] as const)('does not leave another conversation for it: %s %s', async (kind, name) => {
    const { client, run } = setUp();
    client.talkWith(kind, name);
    await expect(run('bob')).rejects.toMatchObject({ code: 'USAGE' });
    expect(client.calls).toEqual([]);
    expect((await run()).path).toBeNull();
  });

  it('a user who is not there is a finding, beside those of the network', async () => {
    const { client, run } = setUp();
    client.openFails = new ParleyError('USER_OFFLINE', 'bob is not online');
    client.verdict = undefined;
    const { findings, path } = await run('bob');
    expect(findings.at(-1)).toEqual({ check: 'peer', state: 'problem', text: 'bob is not online' });
    expect(findings.length).toBeGreaterThan(5);
    expect(path).toEqual({ peer: 'bob', policy: 'auto', report: null });
    expect(client.calls).toEqual(['open bob']);
  });

  it('without a path the report says why', async () => {
    const { client, run } = setUp();
    client.openFails = new ParleyError('NO_PATH');
    client.verdict = { state: 'none', reason: { kind: 'no-offer' } };
    const { findings, path } = await run('bob');
    expect(findings.filter(({ check }) => check === 'peer')).toEqual([]);
    expect(path?.report?.verdict.state).toBe('none');
  });

  it.each([new ParleyError('ABORTED'), new TypeError('a defect')])('fails with %s of opening', async (error) => {
    const { client, run } = setUp();
    client.openFails = error;
    await expect(run('bob')).rejects.toBe(error);
  });

  it('leaves the session also when it is given up', async () => {
    const { client, run } = setUp();
    client.verdict = checking;
    const stop = new AbortController();
    setTimeout(() => {
      stop.abort();
    }, 2_000);
    await expect(run('bob', stop.signal)).rejects.toMatchObject({ code: 'ABORTED' });
    expect(client.calls).toEqual(['open bob', 'leave']);
  });

  it('a session that has ended by itself need not be left', async () => {
    const { client, run } = setUp();
    client.leaveFails = 'NO_CONVERSATION';
    expect((await run('bob')).path?.peer).toBe('bob');
  });
});
