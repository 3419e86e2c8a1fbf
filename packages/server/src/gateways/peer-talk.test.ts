import { expect, it } from '@jest/globals';
import { encodePeerMessage } from '@parley/gateways';
import { FakeWorld } from '../domain/fake-world.fixture.js';
import { silentLog } from '../log.js';
import type { GatewaySocket } from './gateway-listener.js';
import { PeerTalk } from './peer-talk.js';
import { until } from './until.fixture.js';

/** A client's connection that goes nowhere. */
class DeadEnd implements GatewaySocket {
  readonly address = '127.0.0.1';
  readonly port = 1;
  readonly localAddress = '127.0.0.1';
  readonly written: Uint8Array[] = [];
  isEnded = false;
  isPaused = false;

  write(bytes: Uint8Array | string): void {
    this.written.push(Buffer.from(bytes));
  }

  end(): void {
    this.isEnded = true;
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  destroy = (): void => undefined;
  settle = (): void => undefined;
  unsettle = (): void => undefined;
}

it.each([true, false])(
  'an answer (%s) that comes when the client has ended the call already is none',
  async (agree) => {
    const socket = new DeadEnd();
    const talk = new PeerTalk({ clock: new FakeWorld().clock, log: silentLog });
    let calls = 0;
    talk.listen(socket, () => {
      calls += 1;
    });
    const call = encodePeerMessage({ type: 'conn', address: '127.0.0.1', port: 1, name: 'zed' });
    const end = encodePeerMessage({ type: 'end' });
    talk.received(Buffer.concat([call, end]));
    await until('the call is heard of', () => calls > 0);
    // In the middle of the two messages, and behind them.
    for (let turns = 0; turns < 5; turns += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      if (turns === 4) expect(talk.isOver).toBe(true);
    }
    talk.answer(agree);
    expect(socket.written).toEqual([]);
    expect(socket.isEnded).toBe(true);
  },
);

it('an answer between the two messages counts', async () => {
  const socket = new DeadEnd();
  const talk = new PeerTalk({ clock: new FakeWorld().clock, log: silentLog });
  talk.listen(socket, () => {
    queueMicrotask(() => {
      talk.answer(false);
    });
  });
  const call = encodePeerMessage({ type: 'conn', address: '127.0.0.1', port: 1, name: 'zed' });
  talk.received(Buffer.concat([call, encodePeerMessage({ type: 'end' })]));
  await until('it is answered', () => socket.isEnded);
  expect(socket.written).toEqual([Buffer.from(encodePeerMessage({ type: 'resp', agree: false }))]);
});
