/** STUN Binding: what the server answers, and how a client asks. */
import {
  comprehensionOptionalFrom,
  decodeStun,
  decodeXorAddress,
  encodeStun,
  encodeXorAddress,
  stunAttributes,
  stunTypes,
  type Address,
} from './stun-message.js';

/**
 * The answer to a Binding request: the address it came from. Undefined for all else, which gets silence.
 * A request with attributes that must be understood and are not is refused with 420 (RFC 8489, section 6.3.1).
 */
export function answerBindingRequest(bytes: Uint8Array, from: Address): Uint8Array | undefined {
  const request = decodeStun(bytes);
  if (request?.type !== stunTypes.bindingRequest) return undefined;
  const { transactionId } = request;
  const unknown = request.attributes.filter(({ type }) => type < comprehensionOptionalFrom);
  if (unknown.length > 0) {
    const reason = new TextEncoder().encode('Unknown Attribute');
    const types = new Uint8Array(unknown.flatMap(({ type }) => [type >> 8, type & 0xff]));
    return encodeStun({
      type: stunTypes.bindingError,
      transactionId,
      attributes: [
        { type: stunAttributes.errorCode, value: Uint8Array.of(0, 0, 4, 20, ...reason) },
        { type: stunAttributes.unknownAttributes, value: types },
      ],
    });
  }
  const value = encodeXorAddress(from, transactionId);
  if (!value) return undefined;
  return encodeStun({
    type: stunTypes.bindingSuccess,
    transactionId,
    attributes: [{ type: stunAttributes.xorMappedAddress, value }],
  });
}

/** Retransmission of a request over UDP (RFC 8489, section 6.2.1): RTO doubling, 7 sends, then 16 RTO of waiting. */
const initialRtoMs = 500;
const sends = 7;
const finalWaitRtos = 16;

export type BindingState =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'done'; readonly mapped: Address }
  | { readonly kind: 'failed'; readonly reason: 'timeout' | 'refused' };

/** One Binding transaction of a client with one server, sans-IO. Times in milliseconds of any monotonic clock. */
export class BindingTransaction {
  readonly #transactionId: Uint8Array;
  readonly #request: Uint8Array;
  #state: BindingState = { kind: 'waiting' };
  #sent = 0;
  #nextAtMs: number;

  /** @param transactionId 12 random bytes: who cannot see the request cannot forge the answer. */
  constructor(nowMs: number, transactionId: Uint8Array) {
    this.#transactionId = transactionId;
    this.#request = encodeStun({ type: stunTypes.bindingRequest, transactionId, attributes: [] });
    this.#nextAtMs = nowMs;
  }

  get state(): BindingState {
    return this.#state;
  }

  /** When to call `handleTimeout` next; undefined when the transaction has ended. */
  nextTimeout(): number | undefined {
    return this.#state.kind === 'waiting' ? this.#nextAtMs : undefined;
  }

  /** The request, when it is time to send it (again). */
  handleTimeout(nowMs: number): Uint8Array | undefined {
    if (this.#state.kind !== 'waiting' || nowMs < this.#nextAtMs) return undefined;
    if (this.#sent === sends) {
      this.#state = { kind: 'failed', reason: 'timeout' };
      return undefined;
    }
    const waitMs = initialRtoMs * (this.#sent === sends - 1 ? finalWaitRtos : 2 ** this.#sent);
    this.#sent += 1;
    this.#nextAtMs = nowMs + waitMs;
    return this.#request;
  }

  /** Takes a datagram; true when it was the answer to this transaction. */
  handleDatagram(bytes: Uint8Array): boolean {
    const answer = decodeStun(bytes);
    if (!answer || this.#state.kind !== 'waiting' || !sameBytes(answer.transactionId, this.#transactionId))
      return false;
    if (answer.type === stunTypes.bindingError) {
      this.#state = { kind: 'failed', reason: 'refused' };
      return true;
    }
    if (answer.type !== stunTypes.bindingSuccess) return false;
    const attribute = answer.attributes.find(({ type }) => type === stunAttributes.xorMappedAddress);
    const mapped = attribute && decodeXorAddress(attribute.value, this.#transactionId);
    if (!mapped) return false;
    this.#state = { kind: 'done', mapped };
    return true;
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
