/** Whether memory grows while strangers send packets in millions. */
import { settledMemory } from './memory.js';
import { PacketFlood } from '../packet-flood.js';

export interface FloodReport {
  readonly packets: number;
  /** By how much the memory of the process grew after the first few batches, which warm it up. */
  readonly driftBytes: number;
}

const batch = 100_000;
const warmUpBatches = 3;

/** @throws Error when a packet has an effect */
export function floodInMemory(kind: 'mutated' | 'random', millions: number, seed = 1): FloodReport {
  const flood = new PacketFlood(seed);
  const batches = Math.ceil((millions * 1_000_000) / batch);
  let floor = settledMemory();
  for (let done = 0; done < batches; done += 1) {
    flood[kind](batch);
    if (done < warmUpBatches) floor = settledMemory();
  }
  const driftBytes = settledMemory().residentBytes - floor.residentBytes;
  flood.finish();
  return { packets: batches * batch, driftBytes };
}
