// The transports that take part. Each module has
//
//   open({ side, host, signal, messageBytes, ...options }) -> Promise<Connection>
//
// for either side, `listener` or `dialer`, in a process of its own; `signal` carries what the two must tell each other
// before they can talk. A connection has
//
//   send(bytes)        a message; false: wait for onDrain. The bytes must not change for the next 1,024 messages.
//   write(bytes)       of a file, perhaps on a stream of its own; false: wait for onWritable. The bytes stay the same.
//   onMessage, onDrain, onData(byteCount), onWritable
//   isReliable         every message arrives, once, in order
//   chunkBytes         what to write at once
import { createRequire } from 'node:module';
import { join } from 'node:path';

export const peers = {
  raw: { title: 'raw node:dgram', module: './raw-dgram.mjs', options: { datagramBytes: 1_200 } },
  'raw-1452': { title: 'raw node:dgram, 1,452 B', module: './raw-dgram.mjs', options: { datagramBytes: 1_452 } },
  'raw-60000': { title: 'raw node:dgram, 60,000 B', module: './raw-dgram.mjs', options: { datagramBytes: 60_000 } },
  udx: {
    title: 'udx-native + secret-stream',
    module: './udx-secret-stream.mjs',
    packages: { 'udx-native': '1.21.3', '@hyperswarm/secret-stream': '6.9.2' },
  },
  datachannel: {
    title: 'node-datachannel',
    module: './node-datachannel.mjs',
    packages: { 'node-datachannel': '0.33.4' },
  },
  tls: { title: 'node:tls 1.3', module: './tls.mjs' },
  'tcp-cubic': { title: 'TCP CUBIC', module: './tcp.mjs', options: { congestionControl: 'cubic' } },
  'tcp-bbr': { title: 'TCP BBR', module: './tcp.mjs', options: { congestionControl: 'bbr' } },
  parley: { title: 'Parley', module: './parley.mjs', hasPriorities: true },
  'parley-cubic': {
    title: 'Parley, CUBIC',
    module: './parley.mjs',
    hasPriorities: true,
    options: { congestionControl: 'cubic' },
  },
};

/** Whose figures the others' are divided by. */
export const baseline = 'udx';

export const peersFolder = join(import.meta.dirname, '../../../.peers');

/** Requires what was installed for the benchmark only. */
export const requirePeer = createRequire(join(peersFolder, 'package.json'));

/** @returns {Promise<Connection>} */
export async function open(name, how) {
  const { module, options } = peers[name];
  const peer = await import(module);
  return peer.open({ ...options, ...how });
}
