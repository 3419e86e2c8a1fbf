// A connection over a Duplex that keeps no message boundaries: messages all have the same length, and are cut at it.

/** @returns {Connection} */
export function byteStream(socket, messageBytes) {
  let rest = Buffer.alloc(0);
  const connection = {
    isReliable: true,
    chunkBytes: 65_536,
    send: (bytes) => socket.write(bytes),
    write: (bytes) => socket.write(bytes),
    onMessage: undefined,
    onDrain: () => undefined,
    onData: () => undefined,
    onWritable: () => undefined,
  };
  socket.on('drain', () => {
    connection.onDrain();
    connection.onWritable();
  });
  socket.on('data', (bytes) => {
    connection.onData(bytes.length);
    if (!connection.onMessage) return;
    const all = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    let at = 0;
    for (; at + messageBytes <= all.length; at += messageBytes) {
      connection.onMessage(all.subarray(at, at + messageBytes));
    }
    rest = all.subarray(at);
  });
  return connection;
}
