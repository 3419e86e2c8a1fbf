/** What a link is made of, from what its introduction and its endpoint say. */
import { Connection } from './connection.js';
import { transportLimits } from './limits.js';
import type { LinkEnvironment } from './link-environment.js';
import type { Link } from './link.js';
import { newController } from './recovery/new-controller.js';
import { Handshakes } from './session/handshakes.js';
import type { Introduction } from './session/introduction.js';
import { PostQuantumExchange } from './session/post-quantum-exchange.js';
import { StreamSet } from './streams/stream-set.js';
import type { Timers } from './timers.js';

export function streamsFor({ role }: Introduction, { config, windowPool }: LinkEnvironment): StreamSet {
  return new StreamSet({ role, sendBufferBytes: config.sendBufferBytes, windowPool });
}

export function handshakesFor(link: Link, introduction: Introduction, environment: LinkEnvironment): Handshakes {
  const { crypto, random, identity, releaseIndex, nextTimestamp } = environment;
  const takeIndex = (): number => environment.takeIndex(link);
  return new Handshakes({ crypto, random, identity, introduction, takeIndex, releaseIndex, nextTimestamp });
}

export function connectionFor(
  { role }: Introduction,
  { crypto, random, config }: LinkEnvironment,
  streams: StreamSet,
  timers: Timers,
): Connection {
  return new Connection({
    random,
    streams,
    timers,
    exchange: new PostQuantumExchange({ crypto, random, role }),
    maxDatagramBytes: Math.min(config.maxDatagramBytes, transportLimits.baseDatagramBytes),
    newController: (datagramBytes) => newController(config.congestionControl, datagramBytes, random),
  });
}
