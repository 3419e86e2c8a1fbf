import { describe, it } from '@jest/globals';
import { PacketFlood } from './packet-flood.js';

const packets = 5_000;

describe('packets of strangers', () => {
  it('of noise have no effect', () => {
    new PacketFlood(1).random(packets);
  });

  it('that are mutated true ones have no effect', () => {
    new PacketFlood(2).mutated(packets);
  });
});
