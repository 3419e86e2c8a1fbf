/** What maps a UDP port on a router: NAT-PMP and UPnP behind one face. */
import type { Address } from '@parley/rendezvous';

/** Nothing that a router says or does not say is an error: it is one of these. */
export type MapOutcome =
  | { readonly kind: 'mapped'; readonly external: Address; readonly lifetimeSeconds: number }
  /** A router answered, and does not do it. `reason` in words, from our own tables. */
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'silent' };

export interface PortMapper {
  readonly name: 'NAT-PMP' | 'UPnP';
  /**
   * Makes or renews the mapping of a UDP port of this machine. Ends in a few seconds, at once (as `silent`) when the
   * signal aborts; never rejects.
   * @param externalPort the one that would be best
   */
  map(localPort: number, externalPort: number, signal: AbortSignal): Promise<MapOutcome>;
  /** Takes it back, if it can be done before the signal aborts; never rejects. */
  unmap(localPort: number, signal: AbortSignal): Promise<void>;
}

/** Wished for; renewed well before, and gone by itself soon after this device is. */
export const lifetimeSeconds = 3_600;
