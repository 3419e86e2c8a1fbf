// What the relay of msa keeps for a pair whose two sides have proved an address each and have said something: the heap
// and the buffers of a process that holds many, against before. Run with --expose-gc; prints bytes.
import { createHmac, randomBytes } from 'node:crypto';
import { decodeRelayFrame, encodeRelayFrame, Relay } from '@parley/rendezvous';

const pairs = 20_000;
const mac = (key, ...parts) => {
  const hmac = createHmac('sha256', key);
  for (const part of parts) hmac.update(part);
  return hmac.digest();
};
const limits = {
  ...{ channels: pairs, channelsPerUser: 1, userBytesPerSecond: Infinity, bytesPerSecond: Infinity },
  ...{
    userQuotaBytes: Infinity,
    quotaPeriodMs: 86_400_000,
    queueDatagrams: 32,
    queueBytes: 65_536,
    queuesBytes: 33_554_432,
  },
};
const relay = new Relay(0, {
  mac,
  random: (length) => randomBytes(length),
  equal: (a, b) => Buffer.compare(a, b) === 0,
  limits,
});

function used() {
  for (let i = 0; i < 4; i += 1) globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function heard(address, frame) {
  relay.handleDatagram(1, address, encodeRelayFrame(frame));
  return relay.pollTransmit(1);
}

const before = used();
for (let channel = 1; channel <= pairs; channel += 1) {
  const tokens = [randomBytes(32), randomBytes(32)];
  relay.allow(0, { channel, users: [`left-${channel}`, `right-${channel}`], tokens });
  for (const side of [0, 1]) {
    const address = { address: `10.${channel >> 16}.${(channel >> 8) & 255}.${channel & 255}`, port: 1_000 + side };
    const { cookie } = decodeRelayFrame(heard(address, { type: 'bind', side, channel }).bytes);
    heard(address, { type: 'prove', side, channel, cookie, proof: mac(tokens[side], cookie).subarray(0, 16) });
    if (!heard(address, { type: 'data', side, channel, payload: new Uint8Array(100) }))
      throw new Error('not forwarded');
  }
}
process.stdout.write(`${Math.round((used() - before) / pairs)}\n`);
if (relay.channelCount !== pairs) throw new Error('channels are missing');
