import { describe, expect, it } from '@jest/globals';
import { HeardAddresses, heardLimits } from './heard-addresses.js';

const at = (port: number) => ({ address: '192.0.2.1', port });

describe('HeardAddresses', () => {
  it('makes news of each address once', () => {
    const heard = new HeardAddresses();
    expect([heard.isNews(0, at(1)), heard.isNews(1_000, at(1)), heard.isNews(1_000, at(2))]).toEqual([
      true,
      false,
      true,
    ]);
  });

  it('makes news every 100 ms at most, and then of what had to wait', () => {
    const heard = new HeardAddresses();
    expect([heard.isNews(0, at(1)), heard.isNews(99, at(2)), heard.isNews(100, at(2))]).toEqual([true, false, true]);
  });

  it('makes none of what is known', () => {
    const heard = new HeardAddresses();
    heard.know(at(1));
    expect([heard.isNews(0, at(1)), heard.isNews(0, at(2))]).toEqual([false, true]);
  });

  it('remembers 32, and forgets the oldest', () => {
    const heard = new HeardAddresses();
    for (let port = 0; port <= heardLimits.addresses; port += 1) heard.know(at(port));
    expect([heard.isNews(0, at(1)), heard.isNews(0, at(0))]).toEqual([false, true]);
  });
});
