// udx-native (reliable, in C) with @hyperswarm/secret-stream (Noise, and libsodium's secretstream) over it.
import { once } from 'node:events';
import { requirePeer } from './index.mjs';

export async function open({ side, host, signal }) {
  const UDX = requirePeer('udx-native');
  const SecretStream = requirePeer('@hyperswarm/secret-stream');
  const udx = new UDX();
  const socket = udx.createSocket();
  socket.bind(0, host);
  const id = side === 'listener' ? 1 : 2;
  const raw = udx.createStream(id);
  signal.send({ id, ...socket.address() });
  const { id: remoteId, host: address, port } = await signal.receive();
  raw.connect(socket, remoteId, port, address);
  const stream = new SecretStream(side === 'dialer', raw);
  stream.on('error', () => undefined);
  await once(stream, 'connect');

  // What is written at once arrives at once: messages need no cutting.
  const connection = {
    isReliable: true,
    chunkBytes: 65_536,
    send: (bytes) => stream.write(bytes),
    write: (bytes) => stream.write(bytes),
    onMessage: () => undefined,
    onDrain: () => undefined,
    onData: () => undefined,
    onWritable: () => undefined,
  };
  stream.on('drain', () => {
    connection.onDrain();
    connection.onWritable();
  });
  stream.on('data', (bytes) => {
    connection.onMessage(bytes);
    connection.onData(bytes.length);
  });
  return connection;
}
