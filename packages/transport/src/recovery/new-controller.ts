import type { RandomSource } from '../crypto-provider.js';
import { Bbr } from './bbr.js';
import type { CongestionController } from './congestion-controller.js';
import { Cubic } from './cubic.js';

/** A controller for a path of which nothing is known yet. @param datagramBytes that it carries */
export type NewController = (datagramBytes: number) => CongestionController;

export function controllersOf(name: 'bbr' | 'cubic', random: RandomSource): NewController {
  if (name === 'cubic') return (datagramBytes) => new Cubic({ datagramBytes });
  const fraction = (): number => {
    const [high = 0, low = 0] = random(2);
    return (high * 256 + low) / 65_536;
  };
  return (datagramBytes) => new Bbr({ datagramBytes, random: fraction });
}
