/** Closing a link that has only just begun: the peer hears of it, whatever keys it has by then. */
import { describe, expect, it } from '@jest/globals';
import { ManualPair } from './testing/manual-pair.js';
import { SimulatedPair, upTo } from './testing/simulated-pair.js';

const closedByPeer = { kind: 'closed', by: 'peer', code: 7, reason: 'enough' };

describe.each(['initiator', 'responder'] as const)('a link that the %s closes when it is established', (who) => {
  it('is closed for the other, though nothing was sent since', () => {
    const pair = new ManualPair();
    const side = pair[who];
    const peer = pair.peerOf(side);
    const isConnecting = (): boolean => side.link.state === 'connecting';
    // Before it has sent anything in answer to what established it.
    while (isConnecting()) {
      for (const bytes of peer.take()) if (isConnecting()) side.give(bytes);
      if (isConnecting()) for (const bytes of side.take()) peer.give(bytes);
    }
    side.link.close(pair.now, 7, 'enough');
    pair.run(1_000);
    expect(peer.end).toEqual(closedByPeer);
    expect(side.end).toEqual({ ...closedByPeer, by: 'us' });
  });

  it('is closed for the other through loss', () => {
    for (const seed of upTo(20)) {
      const pair = new SimulatedPair({ seed, conditions: { loss: 0.2, jitterMs: 5 } });
      const peer = pair[who === 'initiator' ? 'responder' : 'initiator'];
      expect(pair.network.runUntil(() => pair[who].isEstablished, 20_000)).toBe(true);
      pair[who].link.close(pair.network.now, 7, 'enough');
      pair.network.run(5_000);
      expect([seed, peer.end]).toEqual([seed, closedByPeer]);
    }
  });
});
