/** What a link is made of, from what its introduction and its endpoint say. */
import { Connection } from './connection.js';
import { transportLimits } from './limits.js';
import type { LinkEnvironment } from './link-environment.js';
import type { Link } from './link.js';
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
  const options = { crypto, random, identity, introduction: link.introduction, takeIndex, releaseIndex, nextTimestamp };
  // What is for the first handshake only is not kept any longer.
  return new Handshakes(options, introduction.psk);
}

export function connectionFor(
  { role }: Introduction,
  { crypto, random, config, newController }: LinkEnvironment,
  streams: StreamSet,
  timers: Timers,
): Connection {
  return new Connection({
    random,
    streams,
    timers,
    exchange: new PostQuantumExchange({ crypto, random, role }),
    maxDatagramBytes: Math.min(config.maxDatagramBytes, transportLimits.baseDatagramBytes),
    newController,
  });
}
