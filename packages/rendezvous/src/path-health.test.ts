import { describe, expect, it } from '@jest/globals';
import { PathHealth, type PathStatus } from './path-health.js';

const status = (more: Partial<PathStatus> = {}): PathStatus => ({
  path: { address: '192.0.2.1', port: 9 },
  rttMs: 20,
  unansweredMs: 0,
  sentPackets: 0,
  lostPackets: 0,
  ...more,
});

describe('the health of a path', () => {
  it('is in doubt once nothing is acknowledged, and no more when something is', () => {
    const health = new PathHealth();
    expect(health.handleStatus(500, status({ unansweredMs: 500 }))).toBe(false);
    expect(health.handleStatus(750, status({ unansweredMs: 750 }))).toBe(true);
    expect(health.handleStatus(1_000, status({ unansweredMs: 1_000 }))).toBe(false);
    expect(health.doubt).toEqual({ reason: 'unanswered', since: 750 });
    expect([health.leaveAt(false), health.leaveAt(true)]).toEqual([1_200, 2_500]);
    health.handleStatus(1_100, status());
    expect(health.doubt).toBeUndefined();
    expect(health.leaveAt(false)).toBeUndefined();
  });

  it('has more patience with long round trips, but not more than 2.5 s', () => {
    const health = new PathHealth();
    expect(health.handleStatus(1_000, status({ unansweredMs: 1_000, rttMs: 800 }))).toBe(false);
    expect(health.handleStatus(1_250, status({ unansweredMs: 1_250, rttMs: 800 }))).toBe(true);
    expect(health.leaveAt(false)).toBe(2_500);
  });

  it('is in doubt when much is lost, judged by enough packets', () => {
    const few = new PathHealth();
    few.handleStatus(0, status());
    expect(few.handleStatus(1_000, status({ sentPackets: 11, lostPackets: 10 }))).toBe(false);
    const many = new PathHealth();
    many.handleStatus(0, status());
    expect(many.handleStatus(250, status({ sentPackets: 100, lostPackets: 14 }))).toBe(false);
    expect(many.handleStatus(500, status({ sentPackets: 150, lostPackets: 24 }))).toBe(false);
    expect(many.handleStatus(750, status({ sentPackets: 200, lostPackets: 30 }))).toBe(true);
    expect(many.doubt?.reason).toBe('lossy');
    // Half as much is still too much for a path in doubt.
    many.handleStatus(1_000, status({ sentPackets: 300, lostPackets: 30 }));
    expect(many.doubt?.reason).toBe('lossy');
    // Two seconds later it is another matter.
    many.handleStatus(3_300, status({ sentPackets: 1_000, lostPackets: 31 }));
    expect(many.doubt).toBeUndefined();
    expect(many.loss).toBeCloseTo(0.031);
  });

  it('is not in doubt for what chance takes, nor for one outage', () => {
    const unlucky = new PathHealth();
    const lost = [0, 1, 1, 2, 2, 3, 4, 4];
    for (const [i, lostPackets] of lost.entries()) {
      unlucky.handleStatus(250 * i, status({ sentPackets: 3 * i, lostPackets }));
    }
    expect(unlucky.doubt).toBeUndefined();
    const interrupted = new PathHealth();
    interrupted.handleStatus(0, status());
    expect(interrupted.handleStatus(250, status({ sentPackets: 20, unansweredMs: 250 }))).toBe(false);
    expect(interrupted.handleStatus(500, status({ sentPackets: 40, lostPackets: 20 }))).toBe(false);
    expect(interrupted.handleStatus(750, status({ sentPackets: 60, lostPackets: 25 }))).toBe(false);
    expect(interrupted.doubt).toBeUndefined();
  });

  it('forgives one long outage in ten seconds', () => {
    const health = new PathHealth();
    const outage = (at: number, lostPackets: number): void => {
      health.handleStatus(at, status({ sentPackets: lostPackets * 2, lostPackets, unansweredMs: 0 }));
      health.handleStatus(at + 700, status({ sentPackets: lostPackets * 2 + 20, lostPackets, unansweredMs: 700 }));
      expect(health.doubt?.reason).toBe('unanswered');
      for (let i = 1; i <= 3; i += 1) {
        const more = { sentPackets: lostPackets * 2 + 20 + i, lostPackets: lostPackets + 6 * i };
        health.handleStatus(at + 700 + 100 * i, status(more));
      }
    };
    outage(0, 0);
    expect(health.doubt).toBeUndefined();
    outage(3_000, 18);
    expect(health.doubt?.reason).toBe('lossy');
  });

  it('knows a path as good again whose data is acknowledged after the address has changed', () => {
    const health = new PathHealth();
    health.suspect(0, 'moved-here');
    // Nothing was in flight: that something waits now is no news.
    health.handleStatus(100, status());
    health.handleStatus(200, status({ unansweredMs: 50 }));
    expect(health.doubt?.reason).toBe('moved-here');
    health.handleStatus(300, status({ unansweredMs: 150 }));
    expect(health.doubt?.reason).toBe('moved-here');
    health.handleStatus(400, status({ unansweredMs: 30 }));
    expect(health.doubt).toBeUndefined();
  });

  it('does not blame a new path for what the old one lost and left unanswered', () => {
    const health = new PathHealth();
    health.reset(10_000);
    expect(health.handleStatus(10_100, status({ unansweredMs: 3_000, sentPackets: 100 }))).toBe(false);
    expect(health.handleStatus(10_900, status({ unansweredMs: 0, sentPackets: 200, lostPackets: 90 }))).toBe(false);
    expect(health.handleStatus(11_100, status({ sentPackets: 210, lostPackets: 95 }))).toBe(false);
    expect(health.handleStatus(11_500, status({ sentPackets: 300, lostPackets: 95 }))).toBe(false);
    expect(health.doubt).toBeUndefined();
  });

  it('keeps a suspicion until a probe is answered, or data confirms it', () => {
    const health = new PathHealth();
    expect(health.suspect(0, 'moved-here')).toBe(true);
    expect(health.suspect(10, 'withdrawn')).toBe(false);
    expect(health.leaveAt(false)).toBe(500);
    health.handleStatus(100, status());
    expect(health.doubt?.reason).toBe('moved-here');
    health.handleStatus(800, status({ unansweredMs: 700 }));
    expect(health.doubt).toEqual({ reason: 'unanswered', since: 0 });
    health.trust(900);
    expect(health.doubt?.reason).toBe('unanswered');
    const other = new PathHealth();
    other.suspect(0, 'withdrawn');
    other.trust(100);
    expect(other.doubt).toBeUndefined();
  });
});
