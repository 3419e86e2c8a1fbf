import type { RandomSource } from '../crypto-provider.js';
import { Bbr } from './bbr.js';
import type { CongestionController } from './congestion-controller.js';
import { Cubic } from './cubic.js';

/** A controller for a path of which nothing is known yet. @param datagramBytes that it carries */
export function newController(
  name: 'bbr' | 'cubic',
  datagramBytes: number,
  random: RandomSource,
): CongestionController {
  if (name === 'cubic') return new Cubic({ datagramBytes });
  return new Bbr({
    datagramBytes,
    random: () => {
      const [high = 0, low = 0] = random(2);
      return (high * 256 + low) / 65_536;
    },
  });
}
