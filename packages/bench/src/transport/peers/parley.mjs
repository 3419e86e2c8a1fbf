// Ours: @parley/transport over node:dgram.
import { randomBytes } from 'node:crypto';
import { generateKeyPair, UdpTransport } from '@parley/transport/node';

export async function open({ side, host, signal, maxDatagramBytes, congestionControl }) {
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
        message: (bytes) => connection.onMessage(bytes),
        drain: () => connection.onDrain(),
        stream: (stream) => {
          stream.handlers = { data: (bytes) => connection.onData(bytes.length) };
        },
        ended: (end) => {
          reject(new Error(`the link ended: ${JSON.stringify(end)}`));
          if (end.kind !== 'closed') throw new Error(`the link ended: ${JSON.stringify(end)}`);
        },
      },
    );
  });
  connection.send = (bytes) => handle.send(bytes);
  // A file goes on a stream of its own, opened with its first piece.
  let file;
  connection.write = (bytes) => {
    file ??= handle.openStream({ priority: 'files' }, { drain: () => connection.onWritable() });
    return file.write(bytes);
  };
  return connection;
}

function bytesOf(received) {
  return new Uint8Array(received);
}
