import { describe, expect, it } from '@jest/globals';
import { sentPacket } from '../testing/sent-packet.js';
import { DeliveryRate } from './delivery-rate.js';
import type { SentPacket } from './sent-packet.js';

/** Packets of 1,000 bytes, 10 ms apart, from 0 on; what `send` stamps is in flight until acknowledged. */
function path() {
  const rate = new DeliveryRate();
  let inFlight = 0;
  let number = 0;
  return {
    rate,
    send: (sentAt: number): SentPacket => {
      const packet = sentPacket(number, sentAt);
      packet.delivery = rate.onSent(packet, inFlight);
      number += 1;
      inFlight += packet.bytes;
      return packet;
    },
    ack: (now: number, ...packets: SentPacket[]) => {
      inFlight -= packets.length * 1_000;
      return { ...rate.onAcknowledged(now, packets) };
    },
  };
}

describe('DeliveryRate', () => {
  it('measures a steady flow by the acknowledgements', () => {
    const { send, ack } = path();
    const packets = [0, 10, 20, 30, 40].map(send);
    // Sent at 100 bytes a ms, delivered at 50.
    expect(ack(50, packets[0]!)).toMatchObject({ bytesPerMs: 1_000 / 50, deliveredBytes: 1_000, intervalMs: 50 });
    const late = send(50);
    for (const [i, packet] of packets.slice(1).entries()) ack(70 + 20 * i, packet);
    expect(ack(150, late)).toMatchObject({
      bytesPerMs: 50,
      intervalMs: 100,
      deliveredBytes: 5_000,
      priorDeliveredBytes: 1_000,
      inFlightBytes: 5_000,
    });
  });

  it('does not believe that acknowledgements that were held back came faster than packets were sent', () => {
    const { send, ack } = path();
    const first = send(0);
    const second = send(10);
    ack(50, first);
    const others = [60, 70, 80, 90].map(send);
    ack(119, second);
    // Four packets in 1 ms after the last one; all five took 90 ms to send.
    const sample = ack(120, ...others);
    expect(sample.deliveredBytes).toBe(5_000);
    expect(sample.intervalMs).toBe(90);
  });

  it('begins anew after a pause', () => {
    const { send, ack } = path();
    ack(50, send(0));
    expect(ack(10_050, send(10_000)).intervalMs).toBe(50);
  });

  it('takes the newest packet of a frame, in whatever order they stand', () => {
    const { send, ack } = path();
    const first = send(0);
    const second = send(40);
    expect(ack(90, second, first).priorDeliveredBytes).toBe(0);
    const third = send(100);
    const fourth = send(140);
    expect(ack(190, fourth, third)).toMatchObject({ inFlightBytes: 2_000, priorDeliveredBytes: 2_000 });
  });

  it('cannot tell a rate when the clock did not move', () => {
    const { send, ack } = path();
    expect(ack(7, send(7))).toMatchObject({ bytesPerMs: undefined, intervalMs: 0 });
  });

  it('marks samples from the moment there is nothing to say until all that was in flight then has arrived', () => {
    const { rate, send, ack } = path();
    const before = send(0);
    rate.onAppLimited(1_000);
    const after = send(10);
    expect(ack(50, before).isAppLimited).toBe(false);
    // 1,000 bytes are delivered, which is what was in flight: the gap behind them is still under way.
    const inGap = send(55);
    expect(ack(60, after).isAppLimited).toBe(true);
    const free = send(61);
    expect(ack(105, inGap).isAppLimited).toBe(true);
    expect(ack(111, free).isAppLimited).toBe(false);
  });

  it('counts what was lost while the packet was under way', () => {
    const { rate, send, ack } = path();
    const first = send(0);
    rate.onLost(3_000);
    const second = send(10);
    rate.onLost(500);
    expect(ack(50, first).lostBytes).toBe(3_500);
    expect(ack(60, second).lostBytes).toBe(500);
  });

  it('fills one object, and refuses an acknowledgement of nothing', () => {
    const { rate, send } = path();
    const sample = rate.onAcknowledged(50, [send(0)]);
    expect(rate.onAcknowledged(60, [send(10)])).toBe(sample);
    expect(() => rate.onAcknowledged(70, [])).toThrow(RangeError);
  });
});
