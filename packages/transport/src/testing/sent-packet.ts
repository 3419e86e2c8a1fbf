import type { AcknowledgedEvent, LostEvent } from '../recovery/congestion-controller.js';
import type { RateSample } from '../recovery/delivery-rate.js';
import type { SentPacket } from '../recovery/sent-packet.js';

export const unlimitedSample: RateSample = {
  bytesPerMs: 100,
  intervalMs: 50,
  deliveredBytes: 5_000,
  priorDeliveredBytes: 0,
  lostBytes: 0,
  inFlightBytes: 5_000,
  isAppLimited: false,
};

export function sentPacket(number: number, sentAt: number, change: Partial<SentPacket> = {}): SentPacket {
  return {
    number,
    sentAt,
    bytes: 1_000,
    contents: [],
    acknowledgedUpTo: -1,
    isMtuProbe: false,
    delivery: {
      deliveredBytes: 0,
      deliveredAt: 0,
      firstSentAt: 0,
      isAppLimited: false,
      inFlightBytes: 1_000,
      lostBytes: 0,
    },
    ...change,
  };
}

export function acknowledgedEvent(
  now: number,
  packets: readonly SentPacket[],
  change: Partial<AcknowledgedEvent> = {},
): AcknowledgedEvent {
  return {
    now,
    packets,
    bytes: packets.reduce((bytes, packet) => bytes + packet.bytes, 0),
    priorBytesInFlight: 1e9,
    bytesInFlight: 1e9,
    rate: unlimitedSample,
    rttMs: 50,
    smoothedRttMs: 50,
    lostBytes: 0,
    ...change,
  };
}

export function lostEvent(now: number, packets: readonly SentPacket[], isPersistentCongestion = false): LostEvent {
  const bytes = packets.reduce((sum, packet) => sum + packet.bytes, 0);
  return { now, packets, bytes, bytesInFlight: 0, isPersistentCongestion };
}
