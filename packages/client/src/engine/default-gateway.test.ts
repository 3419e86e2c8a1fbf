import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { defaultGateway, gatewayIn } from './default-gateway.js';

const head = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT';
const lan = 'eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0';

function route(gateway: string, metric: number, flags = '0003'): string {
  return `eth0\t00000000\t${gateway}\t${flags}\t0\t0\t${String(metric)}\t00000000\t0\t0\t0   `;
}

describe('gatewayIn', () => {
  it('reads the default route, the cheapest of several', () => {
    expect(gatewayIn([head, lan, route('010200C0', 100), ''].join('\n'))).toBe('192.0.2.1');
    expect(gatewayIn([head, route('010200C0', 100), route('0100A8C0', 20)].join('\n'))).toBe('192.168.0.1');
  });

  it('knows none where there is none, it is down, or is no router', () => {
    for (const line of [lan, route('010200C0', 0, '0002'), route('00000000', 0, '0001'), route('xyz', 0)]) {
      expect(gatewayIn([head, line].join('\n'))).toBeUndefined();
    }
    expect(gatewayIn('')).toBeUndefined();
    expect(defaultGateway('/nowhere/at/all')).toBeUndefined();
  });

  it('gives an address or nothing for any text', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (lines) => {
        expect(gatewayIn(lines.join('\n')) ?? '192.0.2.1').toMatch(/^\d+\.\d+\.\d+\.\d+$/);
      }),
    );
  });
});
