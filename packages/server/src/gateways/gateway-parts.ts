import type { Clock, Messenger, RandomSource } from '../domain/index.js';
import type { Log } from '../log.js';

/** What every gateway is built from. */
export interface GatewayParts {
  readonly messenger: Messenger;
  readonly clock: Clock;
  /** Milliseconds of a clock that does not jump. */
  readonly monotonicMs: () => number;
  readonly random: RandomSource;
  readonly log: Log;
  /** Ends the whole server. */
  readonly stopServer: () => void;
}
