// The floor: a connected socket of node:dgram, without reliability or encryption.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';

/** Sent in one turn of the event loop: their callbacks come in the same one, and reading must have its turn, too. */
const maxUnsent = 64;
const socketBufferBytes = 4 * 1024 * 1024;

export async function open({ host, signal, datagramBytes }) {
  const socket = createSocket('udp4');
  socket.bind(0, host);
  await once(socket, 'listening');
  socket.setRecvBufferSize(socketBufferBytes);
  socket.setSendBufferSize(socketBufferBytes);
  signal.send(socket.address());
  const { address, port } = await signal.receive();
  socket.connect(port, address);
  await once(socket, 'connect');
  // The other side may not be there yet, or not any more.
  socket.on('error', () => undefined);

  let unsent = 0;
  const onSent = () => {
    unsent -= 1;
    if (unsent === 0) setImmediate(goOn);
  };
  const goOn = () => {
    connection.onDrain();
    connection.onWritable();
  };
  const send = (bytes) => {
    socket.send(bytes, onSent);
    unsent += 1;
    return unsent < maxUnsent;
  };
  const connection = {
    isReliable: false,
    chunkBytes: datagramBytes,
    send,
    write: send,
    onMessage: () => undefined,
    onDrain: () => undefined,
    onData: () => undefined,
    onWritable: () => undefined,
  };
  socket.on('message', (bytes) => {
    connection.onMessage(bytes);
    connection.onData(bytes.length);
  });
  return connection;
}
