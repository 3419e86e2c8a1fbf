import { describe, expect, it } from '@jest/globals';
import { TransportError } from '@parley/transport';
import { rethrowUnlessOfSocket } from './compose.js';

describe('an error that the transport tells', () => {
  it('is no reason to stop when the socket failed, and comes out when a handler did', () => {
    const later: (() => void)[] = [];
    const tell = (error: unknown): void => {
      rethrowUnlessOfSocket(error, (work) => later.push(work));
    };
    tell(new TransportError('SOCKET_FAILED', 'recvmsg ENOBUFS'));
    expect(later).toEqual([]);
    for (const error of [new TypeError('a mistake'), new TransportError('LINK_CLOSED', 'one more')]) {
      tell(error);
      expect(later.pop()).toThrow(error);
    }
  });
});
