// Ours: @parley/transport over node:dgram.
import { randomBytes } from 'node:crypto';
import { generateKeyPair, UdpTransport } from '@parley/transport/node';

/** Where the transport does not tell by itself when to wait: above the first it is asked to, below the second it may go on. */
const highWaterBytes = 1024 * 1024;
const lowWaterBytes = 256 * 1024;

export async function open({ side, host, signal, messageBytes, maxDatagramBytes, congestionControl }) {
  const keyPair = generateKeyPair();
  const config = {
    ...(maxDatagramBytes === undefined ? {} : { maxDatagramBytes }),
    ...(congestionControl === undefined ? {} : { congestionControl }),
  };
  const transport = await UdpTransport.bind({ host, keyPair, config });
  const isInitiator = side === 'dialer';
  const secrets = isInitiator ? { id: randomBytes(16), psk: randomBytes(32) } : undefined;
  signal.send({ ...transport.localAddress, publicKey: keyPair.publicKey, secrets });
  const { address, port, publicKey, secrets: theirs } = await signal.receive();
  const { id, psk } = secrets ?? theirs;

  const connection = {
    isReliable: true,
    chunkBytes: 65_536,
    onMessage: () => undefined,
    onDrain: () => undefined,
    onData: () => undefined,
    onWritable: () => undefined,
  };
  const handle = await new Promise((resolve, reject) => {
    const opened = transport.open(
      {
        id: bytesOf(id),
        psk: bytesOf(psk),
        peerKey: bytesOf(publicKey),
        role: isInitiator ? 'initiator' : 'responder',
        candidates: [{ address, port }],
      },
      {
        established: () => resolve(opened),
        message: (bytes) => {
          // Pieces of a file, where there are no streams for them, have another length.
          if (bytes.length === messageBytes) connection.onMessage(bytes);
          else connection.onData(bytes.length);
        },
        drain: () => {
          connection.onDrain();
          connection.onWritable();
        },
        stream: (stream) => readStream(stream, connection),
        ended: (end) => {
          reject(new Error(`the link ended: ${JSON.stringify(end)}`));
          if (end.kind !== 'closed') throw new Error(`the link ended: ${JSON.stringify(end)}`);
        },
      },
    );
  });
  connection.send = sender(handle, connection);
  connection.write = writer(handle, connection);
  return connection;
}

function bytesOf(received) {
  return new Uint8Array(received);
}

/** A version of the transport whose `send` returns nothing has no `drain` either: then its buffer is looked at. */
function sender(handle, connection) {
  let isWaiting = false;
  const look = () => {
    if (handle.bufferedBytes > lowWaterBytes) {
      setImmediate(look);
      return;
    }
    isWaiting = false;
    connection.onDrain();
    connection.onWritable();
  };
  return (bytes) => {
    const mayGoOn = handle.send(bytes);
    if (mayGoOn !== undefined) return mayGoOn;
    if (handle.bufferedBytes < highWaterBytes) return true;
    if (!isWaiting) {
      isWaiting = true;
      setImmediate(look);
    }
    return false;
  };
}

/** A file goes on a stream of its own, where there are any: opened with the first piece. */
function writer(handle, connection) {
  if (handle.openStream === undefined) return connection.send;
  let stream;
  return (bytes) => {
    stream ??= handle.openStream({ priority: 'files', drain: () => connection.onWritable() });
    return stream.write(bytes);
  };
}

function readStream(stream, connection) {
  stream.onData = (bytes) => connection.onData(bytes.length);
}
