import { createSocket } from 'node:dgram';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { LinkEnd } from '../link-event.js';
import { generateKeyPair, publicKeyOf } from './node-crypto.js';
import type { LinkHandle } from './link-handle.js';
import { BlockableSocket } from './testing/blockable-socket.js';
import type { SocketMaker } from './udp-socket.js';
import { timerDelayMs, UdpTransport, type UdpTransportOptions } from './udp-transport.js';

const open: UdpTransport[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((transport) => transport.close()));
});

async function bind(options: Partial<UdpTransportOptions> = {}, makeSocket?: SocketMaker) {
  const keyPair = generateKeyPair();
  const errors: unknown[] = [];
  const onError = (error: unknown): void => {
    errors.push(error);
  };
  const transport = await UdpTransport.bind({ keyPair, onError, ...options }, makeSocket);
  open.push(transport);
  return { transport, keyPair, errors };
}

type Party = Awaited<ReturnType<typeof bind>>;

class Listener {
  readonly messages: Uint8Array[] = [];
  readonly established: Promise<void>;
  readonly ended: Promise<LinkEnd>;
  readonly handle: LinkHandle;
  #waiting: { count: number; resolve: () => void } | undefined;

  constructor(party: Party, peer: Party, role: 'initiator' | 'responder', shared: Buffer, hosts = ['127.0.0.1']) {
    let onEstablished = (): void => undefined;
    let onEnded = (_: LinkEnd): void => undefined;
    this.established = new Promise((resolve) => {
      onEstablished = resolve;
    });
    this.ended = new Promise((resolve) => {
      onEnded = resolve;
    });
    const { port } = peer.transport.localAddress;
    this.handle = party.transport.open(
      {
        id: shared.subarray(0, 16),
        psk: shared.subarray(16),
        peerKey: peer.keyPair.publicKey,
        role,
        candidates: hosts.map((address) => ({ address, port })),
      },
      {
        established: onEstablished,
        message: (bytes) => {
          this.messages.push(bytes);
          if (this.messages.length === this.#waiting?.count) this.#waiting.resolve();
        },
        ended: onEnded,
      },
    );
  }

  async has(count: number): Promise<void> {
    if (this.messages.length >= count) return;
    await new Promise<void>((resolve) => {
      this.#waiting = { count, resolve };
    });
  }
}

function link(a: Party, b: Party, hosts?: string[]): [Listener, Listener] {
  const shared = randomBytes(48);
  return [new Listener(a, b, 'initiator', shared, hosts), new Listener(b, a, 'responder', shared, hosts)];
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

describe('UdpTransport', () => {
  it('carries messages both ways between two sockets, and closes on both sides', async () => {
    const [a, b] = [await bind(), await bind()];
    const [left, right] = link(a, b);
    expect(left.handle.state).toBe('connecting');
    await Promise.all([left.established, right.established]);
    expect(left.handle.state).toBe('established');
    expect(left.handle.path).toEqual({ address: '127.0.0.1', port: b.transport.localAddress.port });
    left.handle.send(text('there'));
    right.handle.send(text('and back'));
    await Promise.all([left.has(1), right.has(1)]);
    expect(right.messages).toEqual([text('there')]);
    expect(left.messages).toEqual([text('and back')]);
    await left.handle.close(7, 'done');
    expect(left.handle.rttMs).toBeUndefined();
    expect(await left.ended).toEqual({ kind: 'closed', by: 'us', code: 7, reason: 'done' });
    expect(await right.ended).toEqual({ kind: 'closed', by: 'peer', code: 7, reason: 'done' });
    expect(left.handle.state).toBe('ended');
    expect([a.errors, b.errors]).toEqual([[], []]);
  });

  it('carries a burst of 10,000 messages in order, and measures the round trip', async () => {
    const [a, b] = [await bind({ host: '127.0.0.1' }), await bind({ host: '127.0.0.1' })];
    const [left, right] = link(a, b);
    const count = 10_000;
    for (let i = 0; i < count; i += 1) {
      const message = Buffer.alloc(20 + (i % 150), i & 0xff);
      message.writeUInt32BE(i);
      left.handle.send(message);
    }
    expect(left.handle.bufferedBytes).toBeGreaterThan(count * 20);
    await right.has(count);
    expect(right.messages.map((message) => Buffer.from(message).readUInt32BE(0))).toEqual(
      Array.from({ length: count }, (_, i) => i),
    );
    expect(left.handle.rttMs).toBeGreaterThan(0);
  });

  it('finds a path among candidates that lead nowhere, of both IP versions', async () => {
    const [a, b] = [await bind({ host: '127.0.0.1' }), await bind({ host: '127.0.0.1' })];
    const [left, right] = link(a, b, ['::1', '2001:db8::1', 'no address', '0.0.0.0.0', '127.0.0.1']);
    await Promise.all([left.established, right.established]);
    expect(a.errors).toEqual([]);
  });

  it('hands datagrams of other protocols over, and sends them', async () => {
    const foreign: [Uint8Array, string, number][] = [];
    const a = await bind({
      host: '127.0.0.1',
      onForeignDatagram: (bytes, from) => foreign.push([bytes, from.address, from.port]),
    });
    const other = createSocket('udp4').bind(0, '127.0.0.1');
    try {
      await once(other, 'listening');
      const answered = once(other, 'message') as Promise<[Buffer]>;
      a.transport.sendForeign(Uint8Array.of(0, 1, 2), { address: '127.0.0.1', port: other.address().port });
      const [got] = await answered;
      expect([...got]).toEqual([0, 1, 2]);
      const { port } = a.transport.localAddress;
      for (const first of [0x50, 0x53, 4, 64, 255]) other.send(Buffer.of(first, 9), port, '127.0.0.1');
      other.send(Buffer.alloc(0), port, '127.0.0.1');
      other.send(Buffer.of(3, 9), port, '127.0.0.1');
      while (foreign.length === 0) await new Promise((resolve) => setImmediate(resolve));
      expect(foreign).toEqual([[Buffer.of(3, 9), '127.0.0.1', other.address().port]]);
    } finally {
      other.close();
    }
  });

  it('takes refusals of the system for losses', async () => {
    const a = await bind();
    for (const to of [
      { address: '240.0.0.1', port: 9 },
      { address: '255.255.255.255', port: 9 },
      { address: 'fe80::1', port: 9 },
      { address: '127.0.0.1', port: 0 },
      { address: '127.0.0.1', port: 70_000 },
      { address: 'example', port: 9 },
    ]) {
      a.transport.sendForeign(Buffer.alloc(70_000), to);
      a.transport.sendForeign(Buffer.of(0), to);
    }
    const [left, right] = link(a, await bind());
    await Promise.all([left.established, right.established]);
    expect(a.errors).toEqual([]);
  });

  it('tells when no path was found', async () => {
    const [a, b] = [await bind({ config: { pathTimeoutMs: 20 } }), await bind({ config: { pathTimeoutMs: 20 } })];
    const left = new Listener(a, b, 'initiator', randomBytes(48));
    expect(await left.ended).toEqual({ kind: 'no-path' });
    await left.handle.close();
  });

  it('survives a handler that throws, and tells of it', async () => {
    const [a, b] = [await bind(), await bind()];
    const shared = randomBytes(48);
    const left = new Listener(a, b, 'initiator', shared);
    let heard = 0;
    const both = new Promise<void>((resolve) => {
      b.transport.open(
        {
          id: shared.subarray(0, 16),
          psk: shared.subarray(16),
          peerKey: a.keyPair.publicKey,
          role: 'responder',
          candidates: [],
        },
        {
          message: () => {
            heard += 1;
            if (heard === 2) resolve();
            throw new Error('of the handler');
          },
        },
      );
    });
    left.handle.send(text('one'));
    left.handle.send(text('two'));
    await both;
    expect(b.errors).toEqual([new Error('of the handler'), new Error('of the handler')]);
  });

  it('waits while the system takes nothing, and then goes on', async () => {
    const system = new BlockableSocket();
    const [a, b] = [await bind({ host: '127.0.0.1' }, system.make), await bind({ host: '127.0.0.1' })];
    const pairs = Array.from({ length: 20 }, () => link(a, b));
    await Promise.all(pairs.flat().map(({ established }) => established));
    system.isBlocked = true;
    for (const [left] of pairs) for (let i = 0; i < 5; i += 1) left.handle.send(new Uint8Array(60_000));
    for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    // The last datagram may go beyond the bound, and the first lies in the buffer that all are made in.
    expect(system.heldBytes).toBeLessThanOrEqual(256 * 1024 + 2 * 65_000);
    system.release();
    await Promise.all(pairs.map(([, right]) => right.has(5)));
    expect([a.errors, b.errors]).toEqual([[], []]);
  });

  it('ends its links when the system takes nothing any more', async () => {
    const system = new BlockableSocket();
    const config = { lingerMs: 20, drainMs: 20 };
    const [a, b] = [await bind({ host: '127.0.0.1', config }, system.make), await bind({ host: '127.0.0.1' })];
    const pairs = Array.from({ length: 20 }, () => link(a, b));
    await Promise.all(pairs.flat().map(({ established }) => established));
    system.isBlocked = true;
    for (const [left] of pairs) for (let i = 0; i < 5; i += 1) left.handle.send(new Uint8Array(60_000));
    await a.transport.close();
    expect(pairs.map(([left]) => left.handle.state)).toEqual(pairs.map(() => 'ended'));
  });

  it('lets others have their turn when there is much to send', async () => {
    const system = new BlockableSocket();
    const a = await bind({ host: '127.0.0.1' }, system.make);
    system.isBlocked = true;
    for (let i = 0; i < 20; i += 1) {
      const candidates = Array.from({ length: 32 }, (_, n) => ({ address: '127.0.0.1', port: 1 + n }));
      const { publicKey: peerKey } = generateKeyPair();
      a.transport.open({ id: randomBytes(16), psk: randomBytes(32), peerKey, role: 'responder', candidates }, {});
    }
    await new Promise((resolve) => setImmediate(resolve));
    expect(system.sent).toBe(256);
    for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(system.sent).toBeGreaterThanOrEqual(20 * 32);
  });

  it('tells what its socket tells, as an error that says so', async () => {
    const system = new BlockableSocket();
    const a = await bind({ host: '127.0.0.1' }, system.make);
    system.socket?.emit('error', new Error('recvmsg ENOBUFS'));
    expect(a.errors).toEqual([expect.objectContaining({ code: 'SOCKET_FAILED' })]);
  });

  it('sets no timer that would fire at once because its wait is too long', () => {
    expect([-5, 0.2, 1_000, 2 ** 31 - 1, 2 ** 31, Infinity].map(timerDelayMs)).toEqual([
      0,
      1,
      1_000,
      ...Array<number>(3).fill(2 ** 31 - 1),
    ]);
  });

  it('closes all links, and then opens none', async () => {
    const [a, b] = [await bind(), await bind()];
    const [left, right] = link(a, b);
    await Promise.all([left.established, right.established]);
    await a.transport.close();
    expect((await right.ended).kind).toBe('closed');
    expect(() => link(a, b)).toThrow(expect.objectContaining({ code: 'SOCKET_UNUSABLE' }));
    await a.transport.close();
  });

  it('tells when a port is taken or an address is none', async () => {
    const a = await bind({ host: '127.0.0.1' });
    const { port } = a.transport.localAddress;
    await expect(bind({ host: '127.0.0.1', port })).rejects.toMatchObject({ code: 'SOCKET_UNUSABLE' });
    await expect(bind({ host: 'localhost' })).rejects.toMatchObject({ code: 'SOCKET_UNUSABLE' });
  });
});

describe('keys', () => {
  it('are fresh, and derived from the private key', () => {
    const { privateKey, publicKey } = generateKeyPair();
    expect([privateKey.length, publicKey.length]).toEqual([32, 32]);
    expect(publicKeyOf(privateKey)).toEqual(publicKey);
    expect(generateKeyPair().privateKey).not.toEqual(privateKey);
    // RFC 7748, section 5.2: the base point times the private key 9, 0, 0, ...
    const nine = new Uint8Array(32);
    nine[0] = 9;
    expect(Buffer.from(publicKeyOf(nine)).toString('hex')).toBe(
      '422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079',
    );
  });
});
