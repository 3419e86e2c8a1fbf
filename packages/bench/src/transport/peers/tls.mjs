// TLS 1.3 over TCP by node:tls, with what Node negotiates by default and a certificate of this run.
import { once } from 'node:events';
import { connect, createServer } from 'node:tls';
import { generate } from 'selfsigned';
import { byteStream } from './byte-stream.mjs';

export async function open({ side, host, signal, messageBytes }) {
  const socket = side === 'listener' ? await accept(host, signal) : await dial(signal);
  socket.setNoDelay(true);
  socket.on('error', () => undefined);
  return byteStream(socket, messageBytes);
}

async function accept(host, signal) {
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'bench' }], { keyType: 'ec' });
  const server = createServer({ key, cert, minVersion: 'TLSv1.3' });
  server.listen(0, host);
  await once(server, 'listening');
  const { address, port } = server.address();
  signal.send({ address, port, cert });
  const [socket] = await once(server, 'secureConnection');
  server.close();
  return socket;
}

async function dial(signal) {
  const { address, port, cert } = await signal.receive();
  // Made out to no address: it is the very certificate that counts here.
  const socket = connect({ host: address, port, ca: [cert], checkServerIdentity: () => undefined });
  await once(socket, 'secureConnect');
  return socket;
}
