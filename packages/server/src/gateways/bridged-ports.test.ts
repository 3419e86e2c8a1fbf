import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FakeWorld } from '../domain/fake-world.fixture.js';
import { silentLog } from '../log.js';
import { BridgedPorts } from './bridged-ports.js';
import { freePorts } from './peer-client.fixture.js';
import { StatusLog } from './status-log.js';
import { until } from './until.fixture.js';

let ports: BridgedPorts;

beforeEach(async () => {
  const { clock } = new FakeWorld();
  ports = new BridgedPorts({
    host: '127.0.0.1',
    firstPort: await freePorts(101),
    places: 10,
    statusLog: new StatusLog(silentLog, () => clock.now()),
    clock,
    log: silentLog,
    accept: () => ({ received: () => undefined, closed: () => undefined }),
  });
});

afterEach(() => ports.close());

const listed = (): string[] => ports.listed().map(({ name }) => name);

describe('the ports of users', () => {
  it('are a hundred; who is one too many gets one when another goes, even while the ports are being opened', async () => {
    const users = Array.from({ length: 102 }, (_, n) => `user-${String(n)}`);
    for (const user of users) ports.came(user);
    // It has no port yet.
    ports.went('user-0');
    await until('all that may have a port have one', () => ports.listed().length === 100);
    expect(new Set(listed())).toEqual(new Set(users.slice(1, 101)));
    expect(new Set(ports.listed().map(({ port }) => port)).size).toBe(100);
    expect(await ports.portOf('user-0')).toBeUndefined();
    ports.went('user-1');
    expect(await ports.portOf('user-101')).toBeGreaterThan(0);
    expect(listed()).toHaveLength(100);
  });
});
