/** What one client has of the address space: an IPv4 address, or the first 64 bits of an IPv6 one (RFC 6177). */
export function clientNetwork(address: string): string {
  if (!address.includes(':')) return address;
  const [front = [], back] = address.split('::').map((part) => (part === '' ? [] : part.split(':')));
  const zeros = back ? Array<string>(Math.max(0, 8 - front.length - back.length)).fill('0') : [];
  return [...front, ...zeros, ...(back ?? [])].slice(0, 4).join(':');
}
