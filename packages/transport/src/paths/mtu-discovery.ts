/**
 * How large a datagram the path carries (RFC 8899, with QUIC's packets as in RFC 9000, section 14.3): finds it by
 * probes that carry nothing else, and notices when what was found no longer gets through. Sizes are UDP payloads in
 * bytes.
 */
import { transportLimits } from '../limits.js';

export const mtuDiscoveryLimits = {
  /** For paths of about 1,124 bytes that a tunnel has narrowed; nothing smaller is tried. */
  floorBytes: 1_100,
  /** The search ends when it is that close. */
  precisionBytes: 20,
  /** RFC 8899, section 5.1.2, MAX_PROBES. */
  lossesOfASize: 3,
  /**
   * Probes of one size that are lost while others are lost too, and so tell nothing: a queue that is nearly full, such as that
   * of a socket, has room for what is small. As many, and they count after all, for a path may lose all the time.
   */
  lossesAmongOthers: 8,
  /** RFC 8899, section 5.1.1, PMTU_RAISE_TIMER. */
  raiseAfterMs: 10 * 60 * 1_000,
  /** Until a path that has swallowed large datagrams is searched again. */
  blackHoleCooldownMs: 60_000,
  /** So many losses, each with something smaller that got through behind it, are no chance. */
  blackHoleLosses: 3,
  /** Probe timeouts one behind another after which smaller datagrams are tried, and then the smallest. */
  blackHoleTimeouts: [3, 5],
  /** After a probe was lost, ordinary packets of so many times its size come before the next. */
  lostProbeSpacing: 4,
} as const;

/** Of Ethernet, PPPoE and the usual tunnels, each less the headers of IPv6 or IPv4 and UDP; ascending. */
const wellKnownBytes = [1_232, 1_372, 1_392, 1_444, 1_452, 1_464, 1_472, 8_952, 8_972] as const;

const noProbe = -1;

/**
 * One for a path. It is told of every packet that asks for an acknowledgement; of those in one ACK frame the
 * acknowledged first, so that a loss is seen in their light. It waits for no timer: a probe rides on traffic, and
 * without any there is none.
 */
export class MtuDiscovery {
  #maximum: number;
  #current: number;
  /** The largest size that may get through. */
  #high: number;
  #lossesOfTarget = 0;
  #lossesAmongOthers = 0;
  /** No probe before. */
  #searchAt = -Infinity;
  #probeNumber = noProbe;
  #probeBytes = 0;
  /** Ordinary packets that were lost since the probe was sent. */
  #lostSinceProbe = 0;
  /** Bytes of ordinary packets that were acknowledged since the last probe, and how many it takes for the next. */
  #creditBytes = 0;
  #neededBytes = 1;
  /** An ordinary packet that arrived: the largest since the last suspicious loss, and of those the newest. */
  #arrivedNumber = -1;
  #arrivedBytes = 0;
  #suspicions = 0;
  #firstSuspect = 0;
  #suspectAt = 0;
  #suspectBytes = 0;

  /** @param maximumBytes what the outgoing interface takes: its MTU less the headers of IP and UDP. */
  constructor(maximumBytes: number) {
    this.#maximum = Math.max(maximumBytes, mtuDiscoveryLimits.floorBytes);
    this.#current = this.#baseBytes;
    this.#high = this.#maximum;
  }

  /** How large a datagram may be now. Ask again after every call: congestion control and packing depend on it. */
  get datagramBytes(): number {
    return this.#current;
  }

  /** Whether more than what is known to get through is still being looked for. */
  get isSearching(): boolean {
    return this.#high - this.#current > mtuDiscoveryLimits.precisionBytes;
  }

  /**
   * The size of a probe to be sent now, or undefined. One is in flight at a time, and none without traffic. It asks for
   * an acknowledgement, is filled with PADDING, and its loss is none to congestion control.
   */
  probeBytes(now: number): number | undefined {
    if (this.#probeNumber !== noProbe || this.#creditBytes < this.#neededBytes || now < this.#searchAt) {
      return undefined;
    }
    if (!this.isSearching) this.#startSearch();
    return this.isSearching ? this.#target() : undefined;
  }

  onProbeSent(number: number, bytes: number): void {
    this.#probeNumber = number;
    this.#probeBytes = bytes;
    this.#lostSinceProbe = 0;
  }

  /** A probe from before `reset`, or one that was given up, changes nothing. */
  onProbeAcknowledged(now: number, number: number): void {
    if (number !== this.#probeNumber) return;
    this.#endProbe(1);
    this.#current = Math.max(this.#current, Math.min(this.#probeBytes, this.#maximum));
    this.#beginSize();
    this.#forgetSuspicions();
    if (!this.isSearching) this.#searchAt = now + mtuDiscoveryLimits.raiseAfterMs;
  }

  /** @param isAmongOthers ordinary packets were found to be lost at the same time */
  onProbeLost(now: number, number: number, isAmongOthers: boolean): void {
    if (number !== this.#probeNumber) return;
    const tellsNothing = isAmongOthers || this.#lostSinceProbe > 0;
    this.#endProbe(mtuDiscoveryLimits.lostProbeSpacing * this.#probeBytes);
    if (tellsNothing && this.#lossesAmongOthers < mtuDiscoveryLimits.lossesAmongOthers) {
      this.#lossesAmongOthers += 1;
      return;
    }
    this.#lossesOfTarget += 1;
    if (this.#lossesOfTarget < mtuDiscoveryLimits.lossesOfASize) return;
    this.#beginSize();
    this.#high = Math.min(this.#high, this.#probeBytes - 1);
    if (!this.isSearching) this.#searchAt = now + mtuDiscoveryLimits.raiseAfterMs;
  }

  /** An ordinary packet arrived. */
  onPacketAcknowledged(number: number, bytes: number): void {
    this.#creditBytes += bytes;
    if (bytes >= this.#arrivedBytes) {
      this.#arrivedBytes = bytes;
      this.#arrivedNumber = number;
    }
    // Something as large got through behind the first loss, so it was a loss like any other.
    if (this.#suspicions > 0 && bytes >= this.#suspectBytes && number > this.#firstSuspect) this.#suspicions = 0;
  }

  /**
   * An ordinary packet was lost, so a later one has arrived. That is suspicious when only smaller ones have. Losses that
   * show at the same time count once: a queue that overflows takes many in a row.
   */
  onPacketLost(now: number, number: number, bytes: number): void {
    this.#lostSinceProbe += 1;
    if (bytes <= this.#fallbackBytes || bytes > this.#current) return;
    if (number < this.#arrivedNumber && bytes <= this.#arrivedBytes) return;
    if (this.#suspicions === 0) {
      this.#firstSuspect = number;
      this.#suspectBytes = bytes;
    }
    this.#suspectBytes = Math.min(this.#suspectBytes, bytes);
    if (this.#suspicions > 0 && now === this.#suspectAt) return;
    this.#suspectAt = now;
    this.#suspicions += 1;
    this.#arrivedBytes = 0;
    if (this.#suspicions >= mtuDiscoveryLimits.blackHoleLosses) {
      this.#fallBack(now + mtuDiscoveryLimits.blackHoleCooldownMs);
    }
  }

  /**
   * A probe timeout has passed (RFC 9002, section 6.2) and nothing has come back. Whether the path swallows what is
   * large, or all, cannot be told; so the search begins again as soon as anything gets through.
   * @param consecutive 1 for the first since something was acknowledged
   */
  onTimeoutExpired(now: number, consecutive: number): void {
    if (mtuDiscoveryLimits.blackHoleTimeouts.some((count) => count === consecutive)) this.#fallBack(now);
  }

  /** The interface's MTU has changed; what is larger is not sent from now on. */
  setMaximum(bytes: number): void {
    const maximum = Math.max(bytes, mtuDiscoveryLimits.floorBytes);
    if (maximum === this.#maximum) return;
    this.#maximum = maximum;
    this.#current = Math.min(this.#current, maximum);
    this.#probeNumber = noProbe;
    this.#startSearch();
    this.#searchAt = -Infinity;
  }

  /** Another path: nothing is known of it. Packets that were sent before are not reported any more. */
  reset(): void {
    this.#current = this.#baseBytes;
    this.#endProbe(1);
    this.#startSearch();
    this.#searchAt = -Infinity;
    this.#forgetSuspicions();
  }

  /** What every path on the Internet carries, if the interface does. */
  get #baseBytes(): number {
    return Math.min(transportLimits.baseDatagramBytes, this.#maximum);
  }

  /** What to fall back to from the present size. */
  get #fallbackBytes(): number {
    return this.#current > this.#baseBytes ? this.#baseBytes : mtuDiscoveryLimits.floorBytes;
  }

  #fallBack(searchAt: number): void {
    this.#forgetSuspicions();
    if (this.#current === mtuDiscoveryLimits.floorBytes) return;
    this.#current = this.#fallbackBytes;
    this.#endProbe(1);
    this.#startSearch();
    this.#searchAt = searchAt;
  }

  #startSearch(): void {
    this.#high = this.#maximum;
    this.#beginSize();
  }

  /** Another size is asked for. */
  #beginSize(): void {
    this.#lossesOfTarget = 0;
    this.#lossesAmongOthers = 0;
  }

  /** The maximum first, which is most often right; then halves, by the well-known size that is nearest the middle. */
  #target(): number {
    if (this.#high === this.#maximum) return this.#maximum;
    const middle = Math.ceil((this.#current + this.#high) / 2);
    let target = middle;
    let distance = Infinity;
    for (const bytes of wellKnownBytes) {
      if (bytes <= this.#current || bytes > this.#high || Math.abs(bytes - middle) > distance) continue;
      target = bytes;
      distance = Math.abs(bytes - middle);
    }
    return target;
  }

  /** The next probe waits until so many bytes of ordinary packets have arrived. */
  #endProbe(neededBytes: number): void {
    this.#probeNumber = noProbe;
    this.#creditBytes = 0;
    this.#neededBytes = neededBytes;
  }

  #forgetSuspicions(): void {
    this.#suspicions = 0;
    this.#arrivedBytes = 0;
    this.#arrivedNumber = -1;
  }
}
