// Over loopback: round trips, messages, bulk.
import { cpuMicrosEach, measure, rate } from './window.mjs';

const twoCores = { dialer: 0, listener: 1 };
const oneCore = { dialer: 0, listener: 0 };
/** Of a datagram with IPv6 on Ethernet. */
const ethernetDatagramBytes = 1_452;

const roundTripColumns = [
  { key: 'p50', title: 'p50 us', digits: 1 },
  { key: 'p99', title: 'p99 us', digits: 1 },
];
const bulkColumns = [
  { key: 'megabytesPerSecond', title: 'MB/s', digits: 0 },
  { key: 'cpuNanosAByte', title: 'CPU ns/byte', digits: 2 },
];

export const loopbackCases = [
  {
    name: 'roundtrip',
    title: 'Round trip of a 100-byte message, across two cores',
    peers: ['raw', 'udx', 'datachannel', 'tls', 'parley'],
    columns: roundTripColumns,
    measure: (peer, context) => roundTrip(peer, { ...context, cores: twoCores }),
  },
  {
    name: 'roundtrip-pinned',
    title: 'Round trip of a 100-byte message, both processes on one core',
    peers: ['raw', 'udx', 'datachannel', 'tls', 'parley'],
    columns: roundTripColumns,
    measure: (peer, context) => roundTrip(peer, { ...context, cores: oneCore }),
  },
  {
    name: 'messages',
    title: 'Messages of 100 bytes, one call each, in order (raw: what arrives)',
    peers: ['raw', 'udx', 'datachannel', 'tls', 'parley'],
    columns: [
      { key: 'messagesPerSecond', title: 'messages/s', digits: 0 },
      { key: 'cpuMicros', title: 'CPU us/message, both sides', digits: 2 },
    ],
    async measure(peer, context) {
      const seen = await measure(peer, { ...context, cores: twoCores, workload: 'messages' });
      return { messagesPerSecond: rate(seen, 'listener', 'received'), cpuMicros: cpuMicrosEach(seen) };
    },
  },
  {
    name: 'bulk1452',
    title: 'Bulk over loopback, datagrams of at most 1,452 bytes',
    peers: ['raw', 'raw-1452', 'udx', 'datachannel', 'parley'],
    columns: bulkColumns,
    measure: (peer, context) =>
      bulk(peer, { ...context, options: { ...context.options, maxDatagramBytes: ethernetDatagramBytes } }),
  },
  {
    name: 'bulk',
    title: 'Bulk over loopback, with whatever MTU the transport finds',
    peers: ['raw-60000', 'udx', 'datachannel', 'tls', 'parley'],
    columns: bulkColumns,
    baseline: 'tls',
    measure: bulk,
  },
];

async function roundTrip(peer, context) {
  const { after } = await measure(peer, { ...context, workload: 'round-trip' });
  const { p50, p99 } = after.dialer;
  return { p50, p99 };
}

async function bulk(peer, context) {
  const seen = await measure(peer, { ...context, cores: twoCores, workload: 'bulk' });
  return { megabytesPerSecond: rate(seen, 'listener', 'received') / 1e6, cpuNanosAByte: cpuMicrosEach(seen) * 1_000 };
}
