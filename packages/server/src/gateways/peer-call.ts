import { connect } from 'node:net';
import type { Clock } from '../domain/index.js';
import type { Log } from '../log.js';
import { gatewayTcp, useConnected } from './gateway-listener.js';
import type { StatusLog } from './status-log.js';
import { talkQueueBytes, type PeerTalk } from './peer-talk.js';

/** How long a client may take to accept a connection. */
const dialMs = 5_000;

export interface PeerCallOptions {
  readonly host: string;
  readonly port: number;
  /** For whom we call. */
  readonly caller: { readonly name: string; readonly port: number };
  readonly talk: PeerTalk;
  readonly clock: Clock;
  readonly log: Log;
  readonly statusLog: StatusLog;
}

/**
 * Dials a client and calls it with CONN; the talk hears what comes of it.
 * @returns whether the client could be reached; true also when the talk was ended meanwhile
 */
export function callClient({ host, port, caller, talk, clock, log, statusLog }: PeerCallOptions): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, ...gatewayTcp });
    // A call that nobody waits for any more keeps no process alive.
    socket.unref();
    const stopTimer = clock.after(dialMs, () => {
      socket.destroy(new Error('it took too long'));
    });
    const fail = (error: NodeJS.ErrnoException): void => {
      stopTimer();
      log.debug({ code: error.code, reason: error.message }, 'peer directory: a client cannot be reached');
      resolve(false);
    };
    socket.once('error', fail);
    socket.once('connect', () => {
      stopTimer();
      socket.off('error', fail);
      socket.ref();
      useConnected(socket, {
        name: 'peer directory',
        strangerMs: dialMs,
        sendQueueBytes: talkQueueBytes,
        clock,
        log,
        statusLog,
        accept: (connected) => {
          if (!talk.isOver) return talk.call(connected, caller);
          connected.destroy();
          return talk;
        },
      });
      resolve(true);
    });
  });
}
