/** Addresses that name a way which only the driver's user knows, such as a relay. */
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Address } from '../address.js';
import type { LinkHandle, LinkHandlers } from './link-handle.js';
import { generateKeyPair } from './node-crypto.js';
import { UdpTransport, type UdpTransportOptions } from './udp-transport.js';

const host = '127.0.0.1';
const relay: Address = { address: 'relay', port: 7 };
const open: UdpTransport[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((transport) => transport.close()));
});

async function bind(options: Partial<UdpTransportOptions> = {}) {
  const keyPair = generateKeyPair();
  const transport = await UdpTransport.bind({ keyPair, host, ...options });
  open.push(transport);
  return { transport, keyPair };
}

/** Two that know each other by a relay only, which hands over at once, before the call returns. */
async function relayed(
  handlers: { a?: LinkHandlers; b?: LinkHandlers } = {},
  options: Partial<UdpTransportOptions> = {},
) {
  const lengths: number[] = [];
  const [a, b] = [
    await bind({
      sendVirtual: (bytes, to) => {
        lengths.push(bytes.length);
        expect(to).toEqual(relay);
        b.transport.receiveVirtual(bytes.slice(), relay);
      },
      ...options,
    }),
    await bind({
      sendVirtual: (bytes) => {
        a.transport.receiveVirtual(bytes.slice(), relay);
      },
    }),
  ];
  const [id, psk] = [randomBytes(16), randomBytes(32)];
  const link = (party: typeof a, peer: typeof a, role: 'initiator' | 'responder', more: LinkHandlers = {}) => {
    let handle: LinkHandle | undefined;
    const established = new Promise<void>((resolve) => {
      const introduction = { id, psk, peerKey: peer.keyPair.publicKey, role, candidates: [relay] };
      handle = party.transport.open(introduction, { ...more, established: resolve });
    });
    return { handle: handle!, established };
  };
  const [left, right] = [link(a, b, 'initiator', handlers.a), link(b, a, 'responder', handlers.b)];
  await Promise.all([left.established, right.established]);
  return { a, b, left: left.handle, right: right.handle, lengths };
}

describe('a virtual address', () => {
  it('carries a conversation like any other, in datagrams of 1,200 bytes', async () => {
    let receivedBytes = 0;
    const wanted = 4_000_000;
    let onAll = (): void => undefined;
    const all = new Promise<void>((resolve) => {
      onAll = resolve;
    });
    const { left, lengths } = await relayed({
      b: {
        message: ({ length }) => {
          receivedBytes += length;
          if (receivedBytes === wanted) onAll();
        },
      },
    });
    expect(left.path).toEqual(relay);
    for (let i = 0; i < 80; i += 1) left.send(randomBytes(50_000));
    await all;
    expect(Math.max(...lengths)).toBe(1_200);
  });

  it('is left for a direct one, which is asked first; and nothing goes by the relay then', async () => {
    let onProbed = (_: Address): void => undefined;
    const probed = new Promise<Address>((resolve) => {
      onProbed = resolve;
    });
    let onMoved = (): void => undefined;
    const moved = new Promise<void>((resolve) => {
      onMoved = resolve;
    });
    const heard: Address[] = [];
    const messages: Uint8Array[] = [];
    let onMessage = (): void => undefined;
    const message = new Promise<void>((resolve) => {
      onMessage = resolve;
    });
    const { a, b, left, right, lengths } = await relayed({
      a: {
        probed: (to, rttMs) => {
          expect(rttMs).toBeGreaterThanOrEqual(0);
          onProbed(to);
        },
      },
      b: {
        heard: (from) => heard.push(from),
        moved: () => {
          onMoved();
        },
        message: (bytes) => {
          messages.push(bytes);
          onMessage();
        },
      },
    });
    expect(left.moveTo(b.transport.localAddress)).toBe(false);
    left.probe(b.transport.localAddress);
    expect(await probed).toEqual(b.transport.localAddress);
    expect(left.moveTo(b.transport.localAddress)).toBe(true);
    expect(left.path).toEqual(b.transport.localAddress);
    await moved;
    expect([right.path, heard]).toEqual([a.transport.localAddress, [a.transport.localAddress]]);
    const before = lengths.length;
    left.send(Uint8Array.of(1));
    await message;
    expect([messages, lengths.length]).toEqual([[Uint8Array.of(1)], before]);
  });

  it('without anybody who carries it is a way on which all is lost', async () => {
    const { transport } = await bind();
    const peerKey = generateKeyPair().publicKey;
    const introduction = { id: randomBytes(16), psk: randomBytes(32), peerKey, role: 'initiator' as const };
    const link = transport.open({ ...introduction, candidates: [relay] }, {});
    await new Promise(setImmediate);
    expect(link.state).toBe('connecting');
    transport.receiveVirtual(Uint8Array.of(0x53), relay);
    await transport.close();
    transport.receiveVirtual(Uint8Array.of(0x53), relay);
  });

  it('tells whoever listens what its carrier has thrown, and goes on', async () => {
    const errors: unknown[] = [];
    const failure = new Error('no way');
    let isFailing = true;
    await relayed(
      {},
      {
        onError: (error) => errors.push(error),
        sendVirtual: (bytes) => {
          if (isFailing) {
            isFailing = false;
            throw failure;
          }
          open[1]?.receiveVirtual(bytes.slice(), relay);
        },
      },
    );
    expect(errors).toEqual([failure]);
  });
});

describe('frames of the relay', () => {
  it('go to whom other protocols go to; what is next to them does not', async () => {
    const foreign: number[] = [];
    let onLast = (): void => undefined;
    const last = new Promise<void>((resolve) => {
      onLast = resolve;
    });
    const { transport } = await bind({
      onForeignDatagram: ([first = -1]) => {
        foreign.push(first);
        if (first === 0) onLast();
      },
    });
    const socket = createSocket('udp4');
    for (const first of [0x5f, 0x60, 0x64, 0x65, 4, 3, 0]) {
      socket.send(Uint8Array.of(first, 1), transport.localAddress.port, host);
    }
    await last;
    expect(foreign).toEqual([0x60, 0x64, 3, 0]);
    socket.close();
    await once(socket, 'close');
  });
});
