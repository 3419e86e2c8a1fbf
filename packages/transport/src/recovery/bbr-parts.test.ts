import { describe, expect, it } from '@jest/globals';
import { sentPacket, unlimitedSample } from '../testing/sent-packet.js';
import { AckAggregation } from './ack-aggregation.js';
import { BbrBounds } from './bbr-bounds.js';
import { FullPipe } from './full-pipe.js';
import { LossEvidence } from './loss-evidence.js';
import { MinRtt } from './min-rtt.js';
import { ProbeSchedule } from './probe-schedule.js';
import { UndoWatch } from './undo-watch.js';
import { WindowedMax } from './windowed-filter.js';

describe('WindowedMax', () => {
  it('keeps the largest of this period and the one before', () => {
    const max = new WindowedMax();
    max.add(5);
    max.add(3);
    expect(max.value).toBe(5);
    max.endPeriod();
    max.add(4);
    expect(max.value).toBe(5);
    max.endPeriod();
    expect(max.value).toBe(4);
    max.clear();
    expect(max.value).toBe(0);
  });

  it('forgets nothing in periods in which nothing was measured', () => {
    const max = new WindowedMax();
    max.add(5);
    for (let i = 0; i < 5; i += 1) max.endPeriod();
    expect(max.value).toBe(5);
  });
});

describe('MinRtt', () => {
  it('keeps the smallest for 10 s', () => {
    const rtt = new MinRtt();
    expect(rtt.ms).toBe(Infinity);
    rtt.onAcknowledged(0, 50);
    expect(rtt.ms).toBe(50);
    rtt.onAcknowledged(1_000, 40);
    rtt.onAcknowledged(2_000, 45);
    expect(rtt.ms).toBe(40);
    rtt.onAcknowledged(10_999, 60);
    expect(rtt.ms).toBe(40);
    rtt.onAcknowledged(11_001, 61);
    expect(rtt.ms).toBe(60);
  });

  it('asks for a look when nothing close to the smallest came for 5 s, and once only', () => {
    const rtt = new MinRtt();
    rtt.onAcknowledged(0, 64);
    rtt.onAcknowledged(5_000, 70);
    expect(rtt.isProbeDue).toBe(false);
    rtt.onAcknowledged(5_001, 70);
    expect(rtt.isProbeDue).toBe(true);
    rtt.onAcknowledged(5_002, 71);
    expect(rtt.isProbeDue).toBe(false);
  });

  it.each([
    ['a sixteenth', 64, 68, 68.1],
    ['a millisecond', 0.1, 1.1, 1.2],
  ])('needs no look while samples are within %s of the smallest', (_what, min, close, far) => {
    const quiet = new MinRtt();
    quiet.onAcknowledged(0, min);
    quiet.onAcknowledged(4_000, close);
    quiet.onAcknowledged(8_000, close);
    expect(quiet.isProbeDue).toBe(false);
    expect(quiet.ms).toBe(min);
    const queued = new MinRtt();
    queued.onAcknowledged(0, min);
    queued.onAcknowledged(4_000, far);
    queued.onAcknowledged(8_000, far);
    expect(queued.isProbeDue).toBe(true);
  });

  it('says nothing without a sample, and waits a whole interval after a look', () => {
    const rtt = new MinRtt();
    rtt.onAcknowledged(0, 50);
    rtt.onAcknowledged(9_000, undefined);
    expect(rtt.isProbeDue).toBe(false);
    rtt.onProbeDone(9_000);
    rtt.onAcknowledged(13_999, 90);
    expect(rtt.isProbeDue).toBe(false);
    rtt.onAcknowledged(14_001, 90);
    expect(rtt.isProbeDue).toBe(true);
  });
});

describe('FullPipe', () => {
  it('is full after three rounds that bring less than a quarter more', () => {
    const pipe = new FullPipe();
    pipe.onRound(100);
    pipe.onRound(124.9);
    pipe.onRound(124.9);
    expect(pipe.isFull).toBe(false);
    pipe.onRound(125);
    for (let i = 0; i < 2; i += 1) pipe.onRound(156);
    expect(pipe.isFull).toBe(false);
    pipe.onRound(156);
    expect(pipe.isFull).toBe(true);
    pipe.onRound(1_000);
    expect(pipe.isFull).toBe(true);
    pipe.restart(100);
    expect(pipe.isFull).toBe(false);
  });
});

describe('AckAggregation', () => {
  it('measures what comes beyond the rate', () => {
    const acks = new AckAggregation();
    acks.restart(0);
    acks.onAcknowledged(10, 5_000, 100, 1e6);
    // 0 acknowledged was not more than 1,000 expected: a new interval, and all of it is extra.
    expect(acks.extraBytes).toBe(5_000);
    acks.onAcknowledged(20, 2_000, 100, 1e6);
    expect(acks.extraBytes).toBe(6_000);
    acks.onAcknowledged(20, 50_000, 100, 8_000);
    expect(acks.extraBytes).toBe(8_000);
  });

  it('remembers one round before the pipe is full, five to ten after', () => {
    const young = new AckAggregation();
    young.onAcknowledged(10, 5_000, 100, 1e6);
    young.onRound(false);
    expect(young.extraBytes).toBe(5_000);
    const remembered = (isFull: boolean): number => {
      const acks = new AckAggregation();
      acks.onAcknowledged(10, 5_000, 100, 1e6);
      let rounds = 0;
      for (; acks.extraBytes === 5_000; rounds += 1) {
        acks.onAcknowledged(1e6 * (rounds + 1), 10, 100, 1e6);
        acks.onRound(isFull);
      }
      return rounds;
    };
    expect(remembered(false)).toBe(2);
    expect(remembered(true)).toBe(10);
  });
});

describe('LossEvidence', () => {
  const datagramBytes = 1_000;
  const minRttMs = 50;
  /** One round of 100 packets. */
  function round(evidence: LossEvidence, rttMs: number, losses: number): void {
    for (let i = 0; i < losses; i += 1) evidence.onLost(datagramBytes);
    evidence.onAcknowledged((100 - losses) * datagramBytes, rttMs);
  }
  function after(rttMs: number, losses: number, rounds = 1): LossEvidence {
    const evidence = new LossEvidence();
    for (let i = 0; i < rounds; i += 1) {
      if (i > 0) evidence.endRound(minRttMs, true);
      round(evidence, rttMs, losses);
    }
    return evidence;
  }

  it('takes losses without a queue for chance', () => {
    const evidence = after(51, 10);
    expect(evidence.isRoundCongested(datagramBytes, minRttMs)).toBe(false);
    evidence.endRound(minRttMs, true);
    expect(evidence.chance).toBeCloseTo(0.1);
  });

  it('takes more than 2 % for congestion while a queue stands', () => {
    expect(after(60, 3).isRoundCongested(datagramBytes, minRttMs)).toBe(true);
    expect(after(60, 2).isRoundCongested(datagramBytes, minRttMs)).toBe(false);
    const evidence = after(60, 3);
    evidence.endRound(minRttMs, true);
    expect(evidence.chance).toBe(0);
  });

  it('sees a queue of an eighth of the round trip, of 2 ms at least, when it stood in the last round as well', () => {
    expect(after(56.2, 0).isQueueStanding(50)).toBe(false);
    expect(after(56.3, 0).isQueueStanding(50)).toBe(true);
    expect(after(2.9, 0).isQueueStanding(1)).toBe(false);
    expect(after(3.1, 0).isQueueStanding(1)).toBe(true);
    expect(new LossEvidence().isQueueStanding(50)).toBe(false);
    const evidence = after(50, 0);
    evidence.endRound(50, true);
    round(evidence, 80, 0);
    expect(evidence.isQueueStanding(50)).toBe(false);
    evidence.endRound(50, true);
    round(evidence, 80, 0);
    expect(evidence.isQueueStanding(50)).toBe(true);
  });

  it('subtracts what chance takes', () => {
    const evidence = after(51, 5, 10);
    evidence.endRound(minRttMs, true);
    round(evidence, 80, 6);
    evidence.endRound(minRttMs, true);
    round(evidence, 80, 6);
    expect(evidence.threshold).toBeGreaterThan(0.065);
    expect(evidence.isRoundCongested(datagramBytes, minRttMs)).toBe(false);
    evidence.onLost(3 * datagramBytes);
    expect(evidence.isRoundCongested(datagramBytes, minRttMs)).toBe(true);
  });

  it('no longer gives way to a queue that others overfill in one round of seven, and asks itself again later', () => {
    const evidence = after(80, 0);
    for (let i = 0; i < 48; i += 1) {
      evidence.endRound(minRttMs, true);
      round(evidence, 80, i % 12 === 0 ? 5 : 0);
    }
    expect(evidence.isOtherHeedless).toBe(false);
    for (let i = 0; i < 48; i += 1) {
      evidence.endRound(minRttMs, true);
      round(evidence, 80, i % 4 === 0 ? 5 : 0);
    }
    expect(evidence.isOtherHeedless).toBe(true);
    expect(evidence.isCongestion(39_000, 100_000, datagramBytes, minRttMs)).toBe(false);
    expect(evidence.isCongestion(41_000, 100_000, datagramBytes, minRttMs)).toBe(true);
    let rounds = 0;
    for (; evidence.isOtherHeedless && rounds < 200; rounds += 1) {
      evidence.endRound(minRttMs, true);
      round(evidence, 80, 5);
    }
    expect(rounds).toBeLessThan(100);
  });

  it('does not hold the losses of its own probes against others', () => {
    const evidence = after(80, 5);
    for (let i = 0; i < 100; i += 1) {
      evidence.endRound(minRttMs, false);
      round(evidence, 80, 5);
    }
    expect(evidence.isOtherHeedless).toBe(false);
  });

  it('believes in no chance that takes more than a fifth, unless hardly anything was sent', () => {
    expect(after(50, 20).isRoundCongested(datagramBytes, minRttMs)).toBe(false);
    expect(after(50, 21).isRoundCongested(datagramBytes, minRttMs)).toBe(true);
    const evidence = new LossEvidence();
    expect(evidence.isCongestion(5_000, 6_000, datagramBytes, minRttMs)).toBe(false);
    expect(evidence.isCongestion(6_000, 8_000, datagramBytes, minRttMs)).toBe(true);
  });
});

describe('BbrBounds', () => {
  it('lowers rate and volume to what was delivered, by 30 % at most', () => {
    const bounds = new BbrBounds();
    bounds.onSample({ ...unlimitedSample, bytesPerMs: 90, deliveredBytes: 4_000 });
    bounds.lowerShortterm(100, 10_000);
    expect(bounds.bytesPerMsShortterm).toBe(90);
    expect(bounds.inflightShorttermBytes).toBe(7_000);
    bounds.lowerShortterm(100, 10_000);
    expect(bounds.bytesPerMsShortterm).toBe(90);
    expect(bounds.inflightShorttermBytes).toBeCloseTo(4_900);
    bounds.resetShortterm();
    expect(bounds.bytesPerMsShortterm).toBe(Infinity);
    expect(bounds.inflightShorttermBytes).toBe(Infinity);
  });

  it('ends a loss round with what left after the first loss', () => {
    const bounds = new BbrBounds();
    expect(bounds.onLost(10_000)).toBe(true);
    expect(bounds.onLost(11_000)).toBe(false);
    expect(bounds.onSample({ ...unlimitedSample, priorDeliveredBytes: 9_999 })).toBe(false);
    expect(bounds.onSample({ ...unlimitedSample, priorDeliveredBytes: 10_000 })).toBe(true);
    expect(bounds.hasLossInRound).toBe(true);
    bounds.endRound(unlimitedSample);
    expect(bounds.hasLossInRound).toBe(false);
    expect(bounds.onSample({ ...unlimitedSample, priorDeliveredBytes: 14_999 })).toBe(false);
    expect(bounds.onSample({ ...unlimitedSample, priorDeliveredBytes: 15_000 })).toBe(true);
  });

  it('leaves 15 % free, and a datagram at least', () => {
    const bounds = new BbrBounds();
    expect(bounds.withHeadroomBytes(1_000)).toBe(Infinity);
    bounds.boundStartup(100_000);
    expect(bounds.withHeadroomBytes(1_000)).toBe(85_000);
    bounds.boundStartup(4_000);
    expect(bounds.withHeadroomBytes(1_000)).toBe(3_000);
  });

  it('gives way by 30 %, but leaves the path filled', () => {
    const bounds = new BbrBounds();
    const after = (atThreshold: number, path: number, target: number): number => {
      bounds.giveWay(atThreshold, path, target);
      return bounds.inflightLongtermBytes;
    };
    expect(after(100_000, 50_000, 50_000)).toBe(70_000);
    expect(after(60_000, 50_000, 50_000)).toBe(50_000);
    expect(after(40_000, 50_000, 50_000)).toBe(40_000);
    expect(after(10_000, 50_000, 50_000)).toBe(35_000);
    expect(after(10_000, 50_000, 20_000)).toBe(14_000);
  });

  it('is raised by what was delivered, and never lowered by it', () => {
    const bounds = new BbrBounds();
    bounds.raiseLongterm(1_000);
    expect(bounds.inflightLongtermBytes).toBe(Infinity);
    bounds.boundStartup(50_000);
    bounds.raiseLongterm(60_000);
    bounds.raiseLongterm(40_000);
    expect(bounds.inflightLongtermBytes).toBe(60_000);
  });

  it('gives back what a loss took that was none', () => {
    const bounds = new BbrBounds();
    bounds.boundStartup(50_000);
    bounds.onLost(0);
    bounds.giveWay(10_000, 10_000, 10_000);
    expect(bounds.inflightLongtermBytes).toBe(10_000);
    bounds.lowerShortterm(100, 10_000);
    bounds.undo();
    expect(bounds.inflightLongtermBytes).toBe(50_000);
    expect(bounds.bytesPerMsShortterm).toBe(Infinity);
    expect(bounds.inflightShorttermBytes).toBe(Infinity);
  });
});

describe('ProbeSchedule', () => {
  it('is due after 2 to 3 s', () => {
    const soon = new ProbeSchedule(() => 0);
    soon.restart(1_000);
    expect(soon.isDue(3_000, 1_000)).toBe(false);
    expect(soon.isDue(3_000.1, 1_000)).toBe(true);
    const late = new ProbeSchedule(() => 0.999);
    late.restart(1_000);
    expect(late.isDue(3_999, 1_000)).toBe(false);
  });

  it('is due after as many rounds as Reno would take, 63 at most', () => {
    const schedule = new ProbeSchedule(() => 0);
    schedule.restart(0);
    for (let i = 0; i < 10; i += 1) schedule.onRound();
    expect(schedule.isDue(1, 10)).toBe(true);
    expect(schedule.isDue(1, 11)).toBe(false);
    for (let i = 10; i < 63; i += 1) schedule.onRound();
    expect(schedule.isDue(1, 1e6)).toBe(true);
  });
});

describe('UndoWatch', () => {
  it('waits for every packet of the episode, and for no other', () => {
    const watch = new UndoWatch();
    watch.begin(10);
    watch.onLost(2);
    expect(watch.onSpuriousLoss([sentPacket(9, 0), sentPacket(10, 0)])).toBe(false);
    expect(watch.onSpuriousLoss([sentPacket(11, 0)])).toBe(true);
    expect(watch.onSpuriousLoss([sentPacket(12, 0)])).toBe(false);
  });

  it('forgets', () => {
    const watch = new UndoWatch();
    watch.begin(0);
    watch.onLost(1);
    watch.forget();
    expect(watch.onSpuriousLoss([sentPacket(0, 0)])).toBe(false);
  });
});
