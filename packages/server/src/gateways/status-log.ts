import { TokenBucket } from '../dispatch/token-bucket.js';
import type { Log } from '../log.js';

/** Of what clients can cause at will: so much at once, and then as fast as a log should grow. */
const rate = { burst: 200, perSecond: 50 };
const warningRate = { burst: 20, perSecond: 1 };

/** What the clients of one gateway cause to be logged: no more than is good for a disk, and how many lines were left out. */
export class StatusLog {
  readonly #log: Log;
  readonly #monotonicMs: () => number;
  readonly #bucket: TokenBucket;
  /** What is wrong is not drowned by what is usual. */
  readonly #warnings: TokenBucket;
  #leftOut = 0;

  constructor(log: Log, monotonicMs: () => number) {
    this.#log = log;
    this.#monotonicMs = monotonicMs;
    this.#bucket = new TokenBucket(rate, monotonicMs());
    this.#warnings = new TokenBucket(warningRate, monotonicMs());
  }

  /** @param facts go beside the line */
  write(level: 'warn' | 'info' | 'debug', line: string, facts: object = {}): void {
    if (!this.#log.isLevelEnabled(level)) return;
    const bucket = level === 'warn' ? this.#warnings : this.#bucket;
    if (bucket.take(this.#monotonicMs()) > 0) {
      this.#leftOut += 1;
      return;
    }
    if (this.#leftOut > 0) this.#log.info(`${String(this.#leftOut)} Status Lines Left Out`);
    this.#leftOut = 0;
    this.#log[level](facts, line);
  }
}
