import { mbitPerS, perfectConditions, type Conditions, type SeededRandom } from '@parley/simulator';

/** A path as there are some, from a good LAN to a bad one on a train. */
export function randomConditions(random: SeededRandom): Partial<Conditions> {
  const latencyMs = random.oneOf([1, 5, 20, 60, 150, 300]);
  return {
    ...perfectConditions,
    latencyMs,
    jitterMs: random.chance(0.4) ? random.fraction() * latencyMs : 0,
    loss: random.chance(0.5) ? random.oneOf([0.001, 0.01, 0.05, 0.1, 0.3]) : 0,
    gilbertElliott: random.chance(0.2)
      ? { goodToBad: 0.02, badToGood: random.oneOf([0.1, 0.3, 0.5]), lossInGood: 0, lossInBad: 0.8 }
      : undefined,
    duplication: random.chance(0.2) ? 0.1 : 0,
    corruption: random.chance(0.2) ? random.oneOf([0.01, 0.1]) : 0,
    corruptionBurst: random.oneOf([1, 3]),
    reordering: random.chance(0.2) ? 0.1 : 0,
    reorderingDelayMs: random.between(5, 200),
    ...(random.chance(0.5) ? bottleneck(random) : {}),
    maxDatagramBytes: random.oneOf([1_200, 1_252, 1_452, Infinity]),
  };
}

function bottleneck(random: SeededRandom): Partial<Conditions> {
  const rateBytesPerMs = mbitPerS(random.oneOf([1, 5, 20, 100]));
  return { rateBytesPerMs, queueBytes: Math.max(10_000, rateBytesPerMs * random.between(10, 200)) };
}

/**
 * `calm`: all arrives soon. `hostile`: so much is lost, or waits for so long, that a link or a handshake may fail.
 */
export function roughnessOf(conditions: Conditions): 'calm' | 'rough' | 'hostile' {
  const { latencyMs, loss, gilbertElliott, corruption, rateBytesPerMs, blocked, deadTimes } = conditions;
  if (blocked || deadTimes || loss + corruption > 0.2) return 'hostile';
  const isClean = loss === 0 && corruption === 0 && gilbertElliott === undefined && conditions.jitterMs === 0;
  const isFast = latencyMs <= 150 && rateBytesPerMs === Infinity && conditions.maxDatagramBytes >= 1_200;
  return isClean && isFast && conditions.reordering === 0 ? 'calm' : 'rough';
}
