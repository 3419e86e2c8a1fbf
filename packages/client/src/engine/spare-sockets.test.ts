import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { routeOf, spareAddress, type Address } from '@parley/rendezvous';
import { lastSpareNumber, SpareSockets } from './spare-sockets.js';

const received: { text: string; from: Address }[] = [];
let heard: () => void = () => undefined;
let peer: Socket;
let spares: SpareSockets | undefined;

function make(host: string, options: { lastNumber?: number } = {}): SpareSockets {
  spares = new SpareSockets({
    host,
    ...options,
    receive: (bytes, from) => {
      received.push({ text: Buffer.from(bytes).toString(), from });
      heard();
    },
  });
  return spares;
}

/** Settles with the next datagram that a spare socket takes. */
function nextReceived(): Promise<void> {
  return new Promise((resolve) => {
    heard = resolve;
  });
}

beforeEach(async () => {
  received.length = 0;
  peer = createSocket('udp4');
  peer.bind(0, '127.0.0.1');
  await once(peer, 'listening');
});
afterEach(async () => {
  spares?.closeAll();
  peer.close();
  await once(peer, 'close');
});

describe.each(['127.0.0.1', '::'])('SpareSockets at %s', (host) => {
  it('each sends from a port of its own, and tells by which one an answer came', async () => {
    const sockets = make(host);
    const numbers = await sockets.open(3);
    expect(numbers).toHaveLength(3);
    const ports = new Set<number>();
    for (const number of numbers) {
      const arrived = once(peer, 'message') as Promise<[Buffer, Address]>;
      sockets.send(Buffer.from('ask'), spareAddress(number, peer.address()));
      const [, from] = await arrived;
      ports.add(from.port);
      const answered = nextReceived();
      peer.send(`answer ${String(number)}`, from.port, from.address);
      await answered;
      const { address, port } = peer.address();
      expect(received.at(-1)).toEqual({
        text: `answer ${String(number)}`,
        from: { address: `via-${String(number)} ${address}`, port },
      });
    }
    expect(ports.size).toBe(3);
  });
});

describe('SpareSockets', () => {
  it('sends what was in the buffer at the call', async () => {
    const sockets = make('127.0.0.1');
    const [number = 0] = await sockets.open(1);
    const arrived = once(peer, 'message') as Promise<[Buffer, Address]>;
    const bytes = Buffer.from('first');
    sockets.send(bytes, spareAddress(number, peer.address()));
    bytes.fill(0);
    expect((await arrived)[0].toString()).toBe('first');
  });

  it('what goes to no spare socket, or to one that is closed, is lost', async () => {
    const sockets = make('127.0.0.1');
    const [one = 0, two = 0] = await sockets.open(2);
    const to = peer.address();
    sockets.close(one);
    sockets.close(one);
    const arrived = once(peer, 'message') as Promise<[Buffer, Address]>;
    sockets.send(Buffer.from('plain'), to);
    sockets.send(Buffer.from('closed'), spareAddress(one, to));
    sockets.send(Buffer.from('good'), spareAddress(two, to));
    expect((await arrived)[0].toString()).toBe('good');
    expect(sockets.count).toBe(1);
  });

  it('what the system refuses to send ends nothing', async () => {
    const sockets = make('127.0.0.1');
    const [number = 0] = await sockets.open(1);
    sockets.send(Buffer.alloc(70_000), spareAddress(number, peer.address()));
    // Where a forged datagram may claim to come from.
    sockets.send(Buffer.from('bad'), spareAddress(number, { ...peer.address(), port: 0 }));
    sockets.send(Buffer.from('bad'), spareAddress(number, { ...peer.address(), port: 65_536 }));
    const arrived = once(peer, 'message') as Promise<[Buffer, Address]>;
    sockets.send(Buffer.from('good'), spareAddress(number, peer.address()));
    expect((await arrived)[0].toString()).toBe('good');
  });

  it('gives those that could be opened, and keeps nothing of the others', async () => {
    // An address of the documentation range: this machine has none such.
    const sockets = make('192.0.2.77');
    expect(await sockets.open(3)).toEqual([]);
    expect(sockets.count).toBe(0);
  });

  it('closing all also closes those that are being opened', async () => {
    const sockets = make('127.0.0.1');
    const before = await sockets.open(2);
    const opening = sockets.open(2);
    sockets.closeAll();
    expect(await opening).toEqual([]);
    expect(sockets.count).toBe(0);
    expect(before).toHaveLength(2);
  });

  it('numbers that a name has no room for begin again, and none is given twice', async () => {
    const sockets = make('127.0.0.1', { lastNumber: 3 });
    expect(await sockets.open(2)).toEqual([1, 2]);
    sockets.close(1);
    expect(await sockets.open(1)).toEqual([3]);
    expect(await sockets.open(1)).toEqual([1]);
    sockets.close(3);
    expect(await sockets.open(1)).toEqual([3]);
    expect(sockets.count).toBe(3);
  });

  it('the highest number has its place in an address', () => {
    expect(routeOf(spareAddress(lastSpareNumber, { address: '192.0.2.1', port: 9 }))).toMatchObject({
      kind: 'spare',
      socket: lastSpareNumber,
    });
  });
});
