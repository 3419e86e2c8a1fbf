import { describe, expect, it } from '@jest/globals';
import { SeededRandom } from '@parley/simulator';
import { checkedConfig } from './config-check.js';
import { Endpoint } from './endpoint.js';
import { defaultTransportConfig, type TransportConfig } from './limits.js';
import { nodeCrypto } from './node/node-crypto.js';
import { seededKeyPair } from './testing/simulated-pair.js';

const wrong: [keyof TransportConfig, unknown[]][] = [
  ['pathTimeoutMs', [0, -1, NaN, undefined]],
  ['keepAliveMs', [0, -1, NaN, 0.5, undefined]],
  ['peerIdleTimeoutMs', [0, -1, NaN]],
  ['lingerMs', [-1, NaN]],
  ['drainMs', [-1, NaN]],
  ['sendBufferBytes', [0, -1, NaN, 1.5, Infinity]],
  ['maxDatagramBytes', [0, -1, NaN, 1.5, Infinity]],
  ['handshakesPerSecond', [-1, NaN, 1.5, Infinity, 1e9]],
];

describe('the settings of an endpoint', () => {
  it.each(wrong)('are refused for a wrong %s', (field, values) => {
    for (const value of values) {
      const random = new SeededRandom(1);
      const make = () =>
        new Endpoint({
          crypto: nodeCrypto,
          random: (length) => random.bytes(length),
          keyPair: seededKeyPair(random),
          config: { [field]: value },
        });
      expect(make).toThrow(RangeError);
      expect(make).toThrow(field);
    }
  });

  it('are the defaults but for what is changed', () => {
    expect(checkedConfig()).toEqual(defaultTransportConfig);
    const changes = { keepAliveMs: 1, peerIdleTimeoutMs: Infinity, lingerMs: 0, drainMs: 0, handshakesPerSecond: 0 };
    expect(checkedConfig(changes)).toEqual({ ...defaultTransportConfig, ...changes });
  });
});
