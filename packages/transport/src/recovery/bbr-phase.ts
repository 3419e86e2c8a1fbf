/** The states of BBR, and what each does with rate and window (draft-ietf-ccwg-bbr, section 5.6.1). */

export type BbrPhase =
  'startup' | 'drain' | 'probe-bw-down' | 'probe-bw-cruise' | 'probe-bw-refill' | 'probe-bw-up' | 'probe-rtt';

export interface PhaseRules {
  /** Of the rate. */
  readonly pacingGain: number;
  /** Of the bytes that fill the path. */
  readonly windowGain: number;
  readonly isProbingBandwidth: boolean;
  /** Its losses speak of its own haste, not of a path that has become slower. */
  readonly isAccelerating: boolean;
  /** How the long-term bound caps the window; with headroom some of it is left free for others. */
  readonly longtermBound: 'none' | 'whole' | 'with-headroom';
}

export const phaseRules: Readonly<Record<BbrPhase, PhaseRules>> = {
  startup: {
    pacingGain: 2.77,
    windowGain: 2,
    isProbingBandwidth: false,
    isAccelerating: true,
    longtermBound: 'none',
  },
  drain: { pacingGain: 0.35, windowGain: 2, isProbingBandwidth: false, isAccelerating: false, longtermBound: 'none' },
  'probe-bw-down': {
    pacingGain: 0.9,
    windowGain: 2,
    isProbingBandwidth: true,
    isAccelerating: false,
    longtermBound: 'whole',
  },
  'probe-bw-cruise': {
    pacingGain: 1,
    windowGain: 2,
    isProbingBandwidth: true,
    isAccelerating: false,
    longtermBound: 'with-headroom',
  },
  'probe-bw-refill': {
    pacingGain: 1,
    windowGain: 2,
    isProbingBandwidth: true,
    isAccelerating: true,
    longtermBound: 'whole',
  },
  'probe-bw-up': {
    pacingGain: 1.25,
    windowGain: 2.25,
    isProbingBandwidth: true,
    isAccelerating: true,
    longtermBound: 'whole',
  },
  'probe-rtt': {
    pacingGain: 1,
    windowGain: 0.5,
    isProbingBandwidth: false,
    isAccelerating: false,
    longtermBound: 'with-headroom',
  },
};
