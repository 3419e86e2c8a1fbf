/** What may leave at once on a path that nothing is known of: RFC 9002, section 7.2. */
export function initialWindowBytes(datagramBytes: number): number {
  return Math.min(10 * datagramBytes, Math.max(14_720, 2 * datagramBytes));
}
