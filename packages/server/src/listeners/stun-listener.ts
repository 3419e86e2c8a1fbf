import type { Socket } from 'node:dgram';
import { answerBindingRequest } from '@parley/rendezvous';
import type { Log } from '../log.js';
import { plainAddress } from './control-connection.js';

/** Answers STUN Binding requests on a bound socket; all other datagrams get silence. */
export class StunListener {
  readonly #socket: Socket;

  constructor(socket: Socket, log: Log) {
    this.#socket = socket;
    socket.on('message', (bytes, { address, port }) => {
      // Nothing can be sent to port 0, which a forged datagram may claim to come from.
      const answer = port === 0 ? undefined : answerBindingRequest(bytes, { address: plainAddress(address), port });
      if (!answer) return;
      socket.send(answer.bytes, port, address, (error) => {
        if (error) log.debug({ code: (error as NodeJS.ErrnoException).code }, 'a STUN answer could not be sent');
      });
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      log.warn({ code: error.code }, 'the UDP socket had an error');
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#socket.close(resolve);
    });
  }
}
