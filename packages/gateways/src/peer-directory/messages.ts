/**
 * The messages of the peer directory: plain C structs as x86-64 lays them out, little-endian, a multiple of 4 bytes long.
 *
 *     UP        1   36   type@0 int · addr@4 4 · name@8 25
 *     DOWN      2   12   type@0 int · addr@4 4 · port@8 2
 *     ALIVE    11   12   type@0 int · addr@4 4 · port@8 2
 *     ACK      12    8   type@0 int · port@4 2
 *     NACK     13    4   type@0 int
 *     WHO      21    4   type@0 int
 *     HDR      22    8   type@0 int · count@4 int
 *     PEER     23   36   type@0 int · addr@4 4 · port@8 2 · name@10 25
 *     CONN     31   36   type@0 int · addr@4 4 · port@8 2 · name@10 25
 *     RESP     32    8   type@0 int · agree@4 int (1: yes)
 *     TEXT     33    8+n type@0 int · size@4 int (n, at most 1024) · text@8 n
 *     END      34    4   type@0 int
 *     DUMP     91    4   type@0 int
 *     SHUTDOWN 92    4   type@0 int
 *
 * An address is in network order; a port is a little-endian number that means the same to both sides; a name is at most
 * 24 bytes and a NUL. What lies between the fields and behind the NUL is ignored on reading and zero on writing. Type 0
 * (ERR) is never valid.
 */
import { plainLine } from '@parley/text';

/** An IPv4 address, dotted. */
type Address = string;

export type PeerMessage =
  | { readonly type: 'up'; readonly address: Address; readonly name: string }
  | { readonly type: 'down' | 'alive'; readonly address: Address; readonly port: number }
  | { readonly type: 'ack'; readonly port: number }
  | { readonly type: 'hdr'; readonly count: number }
  | { readonly type: 'peer' | 'conn'; readonly address: Address; readonly port: number; readonly name: string }
  | { readonly type: 'resp'; readonly agree: boolean }
  | { readonly type: 'text'; readonly text: Uint8Array }
  | { readonly type: 'nack' | 'who' | 'end' | 'dump' | 'shutdown' };

/** A message, or what is wrong with the bytes in its place. */
export type DecodedPeerMessage = { readonly message: PeerMessage } | { readonly problem: string };

/** The number and the size of each message; of TEXT the size of its head. */
const layouts = {
  up: [1, 36],
  down: [2, 12],
  alive: [11, 12],
  ack: [12, 8],
  nack: [13, 4],
  who: [21, 4],
  hdr: [22, 8],
  peer: [23, 36],
  conn: [31, 36],
  resp: [32, 8],
  text: [33, 8],
  end: [34, 4],
  dump: [91, 4],
  shutdown: [92, 4],
} as const satisfies Record<PeerMessage['type'], readonly [number, number]>;

const types = new Map<number, PeerMessage['type']>(
  Object.entries(layouts).map(([type, [number]]) => [number, type as PeerMessage['type']]),
);

/** The field of a name, with its NUL. */
const nameFieldBytes = 25;
const peerNameBytes = nameFieldBytes - 1;
/** The clients’ text buffer. */
export const peerTextBytes = 1024;

const encoder = new TextEncoder();
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

/** Whether there is a name, and it fits its field. */
export function isPeerName(name: string): boolean {
  return name !== '' && encoder.encode(name).length <= peerNameBytes;
}

/** @throws RangeError when a field does not fit, which is a defect of the caller's. */
export function encodePeerMessage(message: PeerMessage): Uint8Array {
  const [number, headBytes] = layouts[message.type];
  const bytes = new Uint8Array(message.type === 'text' ? headBytes + message.text.length : headBytes);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, number, true);
  switch (message.type) {
    case 'up':
      writeAddress(bytes, message.address);
      writeName(bytes, 8, message.name);
      break;
    case 'down':
    case 'alive':
      writeAddress(bytes, message.address);
      view.setUint16(8, message.port, true);
      break;
    case 'ack':
      view.setUint16(4, message.port, true);
      break;
    case 'hdr':
      view.setInt32(4, message.count, true);
      break;
    case 'peer':
    case 'conn':
      writeAddress(bytes, message.address);
      view.setUint16(8, message.port, true);
      writeName(bytes, 10, message.name);
      break;
    case 'resp':
      view.setInt32(4, message.agree ? 1 : 0, true);
      break;
    case 'text':
      if (message.text.length > peerTextBytes) throw new RangeError('the text is longer than its buffer');
      view.setInt32(4, message.text.length, true);
      bytes.set(message.text, headBytes);
      break;
    case 'nack':
    case 'who':
    case 'end':
    case 'dump':
    case 'shutdown':
      break;
  }
  return bytes;
}

/**
 * Cuts a byte stream, however it comes, into messages. Bytes that are none yield one problem, and from then on nothing:
 * where the next message would begin is unknown. Holds at most one message.
 */
export class PeerMessageDecoder {
  readonly #held = new Uint8Array(layouts.text[1] + peerTextBytes);
  readonly #view = new DataView(this.#held.buffer);
  #heldBytes = 0;
  #broken = false;

  /** Whether a message has begun and is not complete. */
  get begun(): boolean {
    return this.#heldBytes > 0;
  }

  *push(bytes: Uint8Array): Generator<DecodedPeerMessage> {
    let at = 0;
    while (!this.#broken) {
      const layout = this.#layout();
      if ('problem' in layout) {
        this.#broken = true;
        this.#heldBytes = 0;
        yield layout;
      } else if (this.#heldBytes < layout.bytes) {
        const piece = bytes.subarray(at, at + layout.bytes - this.#heldBytes);
        if (piece.length === 0) return;
        this.#held.set(piece, this.#heldBytes);
        this.#heldBytes += piece.length;
        at += piece.length;
      } else {
        const decoded = this.#decode(layout.type);
        this.#broken = 'problem' in decoded;
        this.#heldBytes = 0;
        yield decoded;
      }
    }
  }

  /** What message has begun, and how long it is as far as that can be told by now. */
  #layout(): { type: PeerMessage['type']; bytes: number } | { problem: string } {
    if (this.#heldBytes < 4) return { type: 'nack', bytes: 4 };
    const number = this.#view.getInt32(0, true);
    const type = types.get(number);
    if (type === undefined) return { problem: `no message has the type ${String(number)}` };
    const bytes = layouts[type][1];
    if (type !== 'text' || this.#heldBytes < bytes) return { type, bytes };
    const size = this.#view.getInt32(4, true);
    if (size < 0 || size > peerTextBytes) return { problem: `a text cannot have ${String(size)} bytes` };
    return { type, bytes: bytes + size };
  }

  #decode(type: PeerMessage['type']): DecodedPeerMessage {
    switch (type) {
      case 'up': {
        const name = this.#name(8);
        return typeof name === 'string' ? { message: { type, address: this.#address(), name } } : name;
      }
      case 'down':
      case 'alive':
        return { message: { type, address: this.#address(), port: this.#view.getUint16(8, true) } };
      case 'ack':
        return { message: { type, port: this.#view.getUint16(4, true) } };
      case 'hdr': {
        const count = this.#view.getInt32(4, true);
        return count < 0 ? { problem: 'a negative count' } : { message: { type, count } };
      }
      case 'peer':
      case 'conn': {
        const name = this.#name(10);
        const port = this.#view.getUint16(8, true);
        return typeof name === 'string' ? { message: { type, address: this.#address(), port, name } } : name;
      }
      case 'resp':
        // Only what is clearly a yes is one.
        return { message: { type, agree: this.#view.getInt32(4, true) === 1 } };
      case 'text':
        return { message: { type, text: this.#held.slice(layouts.text[1], this.#heldBytes) } };
      case 'nack':
      case 'who':
      case 'end':
      case 'dump':
      case 'shutdown':
        return { message: { type } };
    }
  }

  #address(): Address {
    return this.#held.subarray(4, 8).join('.');
  }

  /**
   * Some clients leave the newline of their input on a name. Spaces around it go too, so that none looks like another.
   * A name may come out empty, which is for the reader to refuse.
   */
  #name(at: number): string | { problem: string } {
    const field = this.#held.subarray(at, at + nameFieldBytes);
    const end = field.indexOf(0);
    if (end === -1) return { problem: 'a name without NUL' };
    const name = utf8.decode(field.subarray(0, end)).replace(/[\r\n]+$/, '');
    return plainLine(name) === name ? name.trim() : { problem: 'a name with control characters' };
  }
}

function writeAddress(bytes: Uint8Array, address: Address): void {
  const parts = address.split('.').map(Number);
  if (parts.length !== 4 || parts.some((part) => !Number.isInteger(part) || part < 0 || part > 255)) {
    throw new RangeError('not an IPv4 address');
  }
  bytes.set(parts, 4);
}

function writeName(bytes: Uint8Array, at: number, name: string): void {
  if (!isPeerName(name)) throw new RangeError(`the name does not fit its ${String(peerNameBytes)} bytes`);
  bytes.set(encoder.encode(name), at);
}
