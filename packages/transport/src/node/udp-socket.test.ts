import { describe, expect, it } from '@jest/globals';
import { largestDatagramTo } from './interface-mtu.js';
import { BlockableSocket } from './testing/blockable-socket.js';
import { UdpSocket } from './udp-socket.js';

const mostQueuedBytes = 256 * 1024;

describe('a UdpSocket', () => {
  it('holds copies of what the system does not take, up to a bound, and tells when there is room', async () => {
    const system = new BlockableSocket();
    let onRoom = (): void => undefined;
    const room = new Promise<void>((resolve) => {
      onRoom = resolve;
    });
    const socket = await UdpSocket.bind(
      { host: '127.0.0.1', port: 0, onDatagram: () => undefined, onError: () => undefined, onRoom },
      system.make,
    );
    try {
      const target = { address: '127.0.0.1', port: 9 };
      const buffer = new Uint8Array(65_000);
      const bytes = buffer.subarray(0, 1_000).fill(1);
      expect(socket.send(bytes, target)).toBe(true);
      system.isBlocked = true;
      // The system has these very bytes.
      expect(socket.send(bytes, target)).toBe(false);
      const other = new Uint8Array(65_000).subarray(0, 1_000).fill(2);
      for (let i = 0; i < 1_000; i += 1) expect(socket.send(other, target)).toBe(true);
      other.fill(3);
      expect(socket.isFull).toBe(true);
      expect(system.waiting.map(({ bytes: [first] }) => first)).toEqual([1, ...Array<number>(262).fill(2)]);
      expect(system.heldBytes).toBeLessThanOrEqual(mostQueuedBytes + 65_000 + 1_000);
      system.release();
      await room;
      expect(socket.isFull).toBe(false);
      const { sent } = system;
      expect(socket.send(bytes, target)).toBe(true);
      expect(system.sent).toBe(sent + 1);
    } finally {
      await socket.close();
    }
  });

  it('hears nothing from port 0, where nobody can be answered', async () => {
    const system = new BlockableSocket();
    const heard: number[] = [];
    const socket = await UdpSocket.bind(
      {
        host: '127.0.0.1',
        port: 0,
        onDatagram: (_, { port }) => heard.push(port),
        onError: () => undefined,
        onRoom: () => undefined,
      },
      system.make,
    );
    for (const port of [0, 1]) system.socket?.emit('message', Buffer.of(0x53), { address: '192.0.2.1', port });
    await socket.close();
    expect(heard).toEqual([1]);
  });
});

describe('the largest datagram', () => {
  it.each(['127.0.0.1', '192.0.2.1', '::1', '2001:db8::1', 'fe80::1%none', 'no address', '', '256.1.1.1'])(
    'is known for %p, whatever its port',
    async (address) => {
      for (const port of [0, 9, 70_000, -1, NaN]) {
        expect(await largestDatagramTo({ address, port })).toBeGreaterThanOrEqual(1_200);
      }
    },
  );
});
