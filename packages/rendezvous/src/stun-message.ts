/**
 * STUN messages (RFC 8489), as much as Binding needs:
 *
 *     type (2) · length of the attributes (2) · magic cookie 0x2112A442 (4) · transaction id (12) · attributes
 *     attribute: type (2) · length (2) · value, padded to a multiple of 4
 */

export interface Address {
  /** An IPv4 or IPv6 address in text form. */
  readonly address: string;
  readonly port: number;
}

export interface StunMessage {
  readonly type: number;
  /** 12 bytes. */
  readonly transactionId: Uint8Array;
  readonly attributes: readonly StunAttribute[];
}

interface StunAttribute {
  readonly type: number;
  readonly value: Uint8Array;
}

/** Class and method in one number (RFC 8489, section 5). */
export const stunTypes = { bindingRequest: 0x0001, bindingSuccess: 0x0101, bindingError: 0x0111 } as const;
export const stunAttributes = {
  changeRequest: 0x0003,
  errorCode: 0x0009,
  unknownAttributes: 0x000a,
  xorMappedAddress: 0x0020,
} as const;

/** Attributes below this must be understood (RFC 8489, section 14). */
export const comprehensionOptionalFrom = 0x8000;

const headerBytes = 20;
const magicCookie = 0x2112a442;

/** Whether a datagram is for STUN at all: its first two bits are zero (RFC 7983). */
export function looksLikeStun(bytes: Uint8Array): boolean {
  return bytes[0] !== undefined && bytes[0] < 4;
}

/** Decodes a message; undefined for anything that is not exactly one well-formed message. */
export function decodeStun(bytes: Uint8Array): StunMessage | undefined {
  if (bytes.length < headerBytes || !looksLikeStun(bytes)) return undefined;
  const view = viewOf(bytes);
  const length = view.getUint16(2);
  if (length % 4 !== 0 || headerBytes + length !== bytes.length || view.getUint32(4) !== magicCookie) return undefined;
  const attributes: StunAttribute[] = [];
  let at = headerBytes;
  while (at < bytes.length) {
    // The length is a multiple of four and each step is too, so four bytes are there.
    const size = view.getUint16(at + 2);
    const next = at + 4 + size + padding(size);
    if (next > bytes.length) return undefined;
    attributes.push({ type: view.getUint16(at), value: bytes.slice(at + 4, at + 4 + size) });
    at = next;
  }
  return { type: view.getUint16(0), transactionId: bytes.slice(8, headerBytes), attributes };
}

export function encodeStun(message: StunMessage): Uint8Array {
  if (message.transactionId.length !== 12) throw new RangeError('a transaction id has 12 bytes');
  const length = message.attributes.reduce((sum, { value }) => sum + 4 + value.length + padding(value.length), 0);
  const bytes = new Uint8Array(headerBytes + length);
  const view = viewOf(bytes);
  view.setUint16(0, message.type);
  view.setUint16(2, length);
  view.setUint32(4, magicCookie);
  bytes.set(message.transactionId, 8);
  let at = headerBytes;
  for (const { type, value } of message.attributes) {
    view.setUint16(at, type);
    view.setUint16(at + 2, value.length);
    bytes.set(value, at + 4);
    at += 4 + value.length + padding(value.length);
  }
  return bytes;
}

/** XOR-MAPPED-ADDRESS (RFC 8489, section 14.2); undefined when `address` is no IP address. */
export function encodeXorAddress({ address, port }: Address, transactionId: Uint8Array): Uint8Array | undefined {
  const ip = parseIp(address);
  if (!ip) return undefined;
  const value = new Uint8Array(4 + ip.length);
  const view = viewOf(value);
  view.setUint8(1, ip.length === 4 ? 1 : 2);
  view.setUint16(2, port ^ (magicCookie >>> 16));
  value.set(xored(ip, transactionId), 4);
  return value;
}

export function decodeXorAddress(value: Uint8Array, transactionId: Uint8Array): Address | undefined {
  const family = value[1];
  if (!(family === 1 && value.length === 8) && !(family === 2 && value.length === 20)) return undefined;
  const port = viewOf(value).getUint16(2) ^ (magicCookie >>> 16);
  return { address: formatIp(xored(value.subarray(4), transactionId)), port };
}

function xored(ip: Uint8Array, transactionId: Uint8Array): Uint8Array {
  const mask = new Uint8Array(16);
  viewOf(mask).setUint32(0, magicCookie);
  mask.set(transactionId, 4);
  return ip.map((byte, i) => byte ^ (mask[i] ?? 0));
}

function padding(size: number): number {
  return (4 - (size % 4)) % 4;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The bytes of an IPv4 (4) or IPv6 (16) address in text form; undefined when it is neither. */
export function parseIp(text: string): Uint8Array | undefined {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text);
}

function parseIpv4(text: string): Uint8Array | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)) return undefined;
  return Uint8Array.from(parts, Number);
}

function parseIpv6(text: string): Uint8Array | undefined {
  const [whole = ''] = text.split('%');
  const halves = whole.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half, i) => (half === '' ? [] : groupsOf(half.split(':'), i === halves.length - 1)));
  if (!head || (halves.length === 2 && !tail)) return undefined;
  const missing = 8 - head.length - (tail?.length ?? 0);
  if (tail ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...Array<number>(missing).fill(0), ...(tail ?? [])];
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

/** An IPv4 address may stand for the last two groups, at the very end only (RFC 4291, section 2.2). */
function groupsOf(parts: readonly string[], atEnd: boolean): number[] | undefined {
  const groups: number[] = [];
  for (const [i, part] of parts.entries()) {
    const ipv4 = atEnd && i === parts.length - 1 && part.includes('.') ? parseIpv4(part) : undefined;
    if (ipv4) groups.push(viewOf(ipv4).getUint16(0), viewOf(ipv4).getUint16(2));
    else if (/^[0-9a-f]{1,4}$/i.test(part)) groups.push(parseInt(part, 16));
    else return undefined;
  }
  return groups;
}

/** The text form of 4 or 16 bytes; IPv6 as RFC 5952 writes it. */
export function formatIp(ip: Uint8Array): string {
  if (ip.length === 4) return ip.join('.');
  const view = viewOf(ip);
  const groups = Array.from({ length: 8 }, (_, i) => view.getUint16(i * 2));
  let longest = { start: 0, length: 0 };
  for (let start = 0; start < 8; start += 1) {
    let length = 0;
    while (groups[start + length] === 0) length += 1;
    if (length > longest.length) longest = { start, length };
  }
  const hex = (from: number, to: number) =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  if (longest.length < 2) return hex(0, 8);
  return `${hex(0, longest.start)}::${hex(longest.start + longest.length, 8)}`;
}
