/**
 * An IP address in its usual text form and a UDP port. A name that is no IP address is a way that only the driver knows,
 * such as a relay, with a number of its own for a port: to all else here it is an address like any other.
 */
export interface Address {
  readonly address: string;
  readonly port: number;
}

export function sameAddress(a: Address, b: Address): boolean {
  return a.port === b.port && a.address === b.address;
}
