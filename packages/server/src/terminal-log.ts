import { Writable } from 'node:stream';
import { pino } from 'pino';
import { createLog, type Log, type LogLevel } from './log.js';

/** Of log lines that wait for a slow reader; more is dropped rather than kept. */
const waitingLogBytes = 1024 * 1024;

/** How long the end of the program waits for the last log lines. */
const flushMs = 500;

export interface OpenLog {
  readonly log: Log;
  /** Writes out what waits, for a bounded time. */
  flush(): Promise<void>;
}

/** JSON on standard error. */
export function streamLog(level: LogLevel): OpenLog {
  const destination = pino.destination({ dest: 2, sync: false, maxLength: waitingLogBytes });
  // Nobody is left to tell when standard error itself is gone.
  destination.on('error', () => undefined);
  return {
    log: createLog(level, destination),
    flush: () =>
      new Promise((resolve) => {
        setTimeout(resolve, flushMs).unref();
        destination.flush(() => {
          resolve();
        });
      }),
  };
}

/** Coloured lines for a person, by way of `print`. */
export async function terminalLog(level: LogLevel, print: (text: string) => void): Promise<OpenLog> {
  const { default: pretty } = await import('pino-pretty');
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      print(chunk.toString());
      done();
    },
  });
  const stream = pretty({ destination, sync: true, colorize: true, singleLine: true, translateTime: 'SYS:HH:MM:ss' });
  return { log: createLog(level, stream), flush: () => Promise.resolve() };
}
