// TCP by node:net; which congestion control it has is set in its network namespace.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { byteStream } from './byte-stream.mjs';

export async function open({ side, host, signal, messageBytes }) {
  const socket = side === 'listener' ? await accept(host, signal) : await dial(signal);
  socket.setNoDelay(true);
  socket.on('error', () => undefined);
  return byteStream(socket, messageBytes);
}

async function accept(host, signal) {
  const server = createServer();
  server.listen(0, host);
  await once(server, 'listening');
  signal.send(server.address());
  const [socket] = await once(server, 'connection');
  server.close();
  return socket;
}

async function dial(signal) {
  const { address, port } = await signal.receive();
  const socket = connect(port, address);
  await once(socket, 'connect');
  return socket;
}
