/** An IP address in its usual text form and a UDP port. */
export interface Address {
  readonly address: string;
  readonly port: number;
}

export function sameAddress(a: Address, b: Address): boolean {
  return a.port === b.port && a.address === b.address;
}
