import { describe, expect, it } from '@jest/globals';
import { promisedBetween } from './conversation-cell.js';
import { natKinds } from './nat-rules.js';
import { classifyMapping } from './nat-probe.js';

describe('what a pair of NATs allows', () => {
  it('is the same seen from either side', () => {
    for (const a of natKinds) for (const b of natKinds) expect(promisedBetween(a, b)).toEqual(promisedBetween(b, a));
  });

  it('is a direct path, but where both would have to guess', () => {
    const pairs = natKinds.flatMap((a) => natKinds.map((b) => [a, b] as const));
    const open = pairs.filter(([a, b]) => promisedBetween(a, b).path !== 'direct');
    expect(open).toEqual([
      ['port-restricted', 'endpoint-dependent'],
      ['endpoint-dependent', 'port-restricted'],
      ['endpoint-dependent', 'endpoint-dependent'],
    ]);
  });
});

describe('the probe', () => {
  const seen = (address: string, port: number) => ({ address, port });

  it('names the mapping', () => {
    const own = ['203.0.113.9'];
    const a = seen('198.51.100.7', 1000);
    expect(classifyMapping([a, a, a], own)).toBe('endpoint-independent');
    expect(classifyMapping([a, a, a], ['198.51.100.7'])).toBe('none');
    expect(classifyMapping([a, a, seen('198.51.100.7', 1001)], own)).toBe('address-dependent');
    expect(classifyMapping([a, seen('198.51.100.7', 1001), a], own)).toBe('address-and-port-dependent');
    expect(classifyMapping([a, seen('198.51.100.8', 1000), a], own)).toBe('address-and-port-dependent');
    expect(classifyMapping([a, undefined, a], own)).toBeUndefined();
  });
});
