import { beforeEach, expect, it } from '@jest/globals';
import { FakeWorld } from '../domain/fake-world.fixture.js';
import { partsOf } from './bridged-people.fixture.js';
import type { GatewaySocket } from './gateway-listener.js';
import { LineGatewayClient } from './line-gateway-client.js';
import { LineWorld } from './line-gateway-world.js';

let world: FakeWorld;
let reads: (() => void)[];
let isDestroyed: boolean;
let released: LineGatewayClient[];

/** A client whose system takes what is written when the test says so. */
function client(fd: number): LineGatewayClient {
  const socket = {
    write: (_bytes: unknown, written: () => void) => reads.push(written),
    destroy: () => {
      isDestroyed = true;
    },
  } as unknown as GatewaySocket;
  const lineWorld = new LineWorld(partsOf(world), new Map(), socket, () => undefined);
  return new LineGatewayClient(fd, { socket, world: lineWorld, clock: world.clock }, (freed) => released.push(freed));
}

function readAll(): void {
  for (const written of reads.splice(0)) written();
}

beforeEach(() => {
  world = new FakeWorld();
  reads = [];
  isDestroyed = false;
  released = [];
});

it('holds up who writes on, after a share of its own, until the client has read', () => {
  const [slow, feeder, other] = [client(5), client(6), client(7)];
  for (let n = 0; n < 6; n += 1) slow.write('x'.repeat(4_096), feeder);
  expect(feeder.mustWait).toBe(false);
  slow.write('x'.repeat(4_096), feeder);
  expect(feeder.mustWait).toBe(true);
  slow.write('good morning', other);
  expect(other.mustWait).toBe(false);
  readAll();
  expect(feeder.mustWait).toBe(false);
  expect(released).toEqual([feeder]);
});

it('drops a client that others wait for when it reads nothing for 5 s, not one that reads slowly', () => {
  const [slow, feeder] = [client(5), client(6)];
  for (let n = 0; n < 20; n += 1) slow.write('x'.repeat(4_096), feeder);
  for (let n = 0; n < 10; n += 1) {
    world.clock.advance(4_900);
    reads.shift()?.();
  }
  expect(isDestroyed).toBe(false);
  world.clock.advance(5_000);
  expect(isDestroyed).toBe(true);
});

it('is clogged by many who each say a little, until it has read', () => {
  const slow = client(5);
  let hasRead = 0;
  slow.whenRead(() => {
    hasRead += 1;
  });
  for (let n = 0; n < 33; n += 1) {
    expect(slow.isClogged).toBe(false);
    slow.write('x'.repeat(4_096), client(6 + n));
  }
  expect(slow.isClogged).toBe(true);
  expect(hasRead).toBe(0);
  readAll();
  expect([slow.isClogged, hasRead]).toEqual([false, 1]);
});
