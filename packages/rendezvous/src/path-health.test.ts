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
    expect(few.handleStatus(1_000, status({ sentPackets: 19, lostPackets: 10 }))).toBe(false);
    const many = new PathHealth();
    many.handleStatus(0, status());
    expect(many.handleStatus(1_000, status({ sentPackets: 100, lostPackets: 14 }))).toBe(false);
    expect(many.handleStatus(1_250, status({ sentPackets: 200, lostPackets: 30 }))).toBe(true);
    expect(many.doubt?.reason).toBe('lossy');
    // Two seconds later it is another matter.
    many.handleStatus(3_300, status({ sentPackets: 1_000, lostPackets: 31 }));
    expect(many.doubt).toBeUndefined();
    expect(many.loss).toBeCloseTo(0.031);
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
    health.trust();
    expect(health.doubt?.reason).toBe('unanswered');
    const other = new PathHealth();
    other.suspect(0, 'withdrawn');
    other.trust();
    expect(other.doubt).toBeUndefined();
  });
});
