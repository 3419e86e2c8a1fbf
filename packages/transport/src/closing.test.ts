/** What was said before `close` arrives before the end, also what is no bytes of a stream. */
import { describe, expect, it } from '@jest/globals';
import { SimulatedPair, type Side } from './testing/simulated-pair.js';

/** An established pair with a stream of which the peer has had all. */
function talking(seed: number, loss = 0): { pair: SimulatedPair; side: Side; peer: Side; id: number } {
  const pair = new SimulatedPair({ seed, conditions: { loss } });
  const { initiator: side, responder: peer } = pair;
  expect(pair.establish(20_000)).toBe(true);
  const id = side.link.streams.open('files');
  side.link.streams.write(id, new Uint8Array(1_000));
  side.link.touch();
  expect(pair.network.runUntil(() => side.link.bufferedBytes === 0, 20_000)).toBe(true);
  peer.read();
  peer.events.length = 0;
  return { pair, side, peer, id };
}

/** Closes in the same turn. @returns what the peer learns from then on */
function closeNow(pair: SimulatedPair, side: Side, peer: Side): string[] {
  side.link.touch();
  side.link.close(pair.network.now, 7);
  pair.network.run(5_000);
  peer.read();
  return peer.events.map(({ type }) => type);
}

describe.each([
  ['that loses nothing', 0],
  ['that loses 20 %', 0.2],
])('a link over a path %s that is closed at once after', (_, loss) => {
  const seeds = loss === 0 ? [1] : [1, 2, 3, 4, 5, 6, 7, 8];

  it('the end of a stream: the peer hears of both', () => {
    for (const seed of seeds) {
      const { pair, side, peer, id } = talking(seed, loss);
      side.link.streams.end(id);
      expect([seed, closeNow(pair, side, peer)]).toEqual([seed, ['stream-end', 'ended']]);
    }
  });

  it('a reset: the peer hears of both', () => {
    for (const seed of seeds) {
      const { pair, side, peer, id } = talking(seed, loss);
      side.link.streams.reset(id, 7);
      expect([seed, closeNow(pair, side, peer)]).toEqual([seed, ['stream-reset', 'ended']]);
    }
  });

  it('stopSending: the peer hears of both', () => {
    for (const seed of seeds) {
      const { pair, side, peer, id } = talking(seed, loss);
      side.link.streams.stopSending(id, 7);
      expect([seed, closeNow(pair, side, peer)]).toEqual([seed, ['stream-stopped', 'ended']]);
    }
  });
});

describe('a link that is closed at once after a datagram', () => {
  it('has sent it', () => {
    const { pair, side, peer } = talking(1);
    side.link.streams.sendDatagram(new Uint8Array(3));
    expect(closeNow(pair, side, peer)).toEqual(['datagram', 'ended']);
  });

  it('does not linger', () => {
    const { pair, side, peer, id } = talking(1);
    side.link.streams.end(id);
    side.link.streams.sendDatagram(new Uint8Array(3));
    side.link.touch();
    side.link.close(pair.network.now, 7);
    pair.network.run(1_000);
    expect(peer.end).toBeDefined();
  });
});
