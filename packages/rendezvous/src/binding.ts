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

export interface BindingAnswer {
  readonly bytes: Uint8Array;
  /** It is to leave by the server's second port (CHANGE-REQUEST, RFC 5780, section 7.2): to see whether a NAT lets it in. */
  readonly fromOtherPort: boolean;
}

/** In CHANGE-REQUEST; the other flag asks for another IP address, which a server of one has not. */
const changePort = 0x02;

/**
 * The answer to a Binding request: the address it came from. Undefined for all else, which gets silence.
 * A request with attributes that must be understood and are not is refused with 420 (RFC 8489, section 6.3.1).
 * @param hasOtherPort whether there is a second port to answer from
 */
export function answerBindingRequest(
  bytes: Uint8Array,
  from: Address,
  hasOtherPort = false,
): BindingAnswer | undefined {
  const request = decodeStun(bytes);
  if (request?.type !== stunTypes.bindingRequest) return undefined;
  const { transactionId } = request;
  const mayChange = (value: Uint8Array): boolean =>
    hasOtherPort && value.length === 4 && value.every((byte, i) => byte === (i === 3 ? byte & changePort : 0));
  const unknown = request.attributes.filter(
    ({ type, value }) =>
      type < comprehensionOptionalFrom && !(type === stunAttributes.changeRequest && mayChange(value)),
  );
  if (unknown.length > 0) {
    const reason = new TextEncoder().encode('Unknown Attribute');
    const types = new Uint8Array(unknown.flatMap(({ type }) => [type >> 8, type & 0xff]));
    const refusal = encodeStun({
      type: stunTypes.bindingError,
      transactionId,
      attributes: [
        { type: stunAttributes.errorCode, value: Uint8Array.of(0, 0, 4, 20, ...reason) },
        { type: stunAttributes.unknownAttributes, value: types },
      ],
    });
    return { bytes: refusal, fromOtherPort: false };
  }
  const value = encodeXorAddress(from, transactionId);
  if (!value) return undefined;
  const change = request.attributes.find(({ type }) => type === stunAttributes.changeRequest);
  const answer = encodeStun({
    type: stunTypes.bindingSuccess,
    transactionId,
    attributes: [{ type: stunAttributes.xorMappedAddress, value }],
  });
  return { bytes: answer, fromOtherPort: change?.value[3] === changePort };
}

/** Retransmission of a request over UDP (RFC 8489, section 6.2.1): RTO doubling, 7 sends, then 16 RTO of waiting. */
const initialRtoMs = 500;
const usualSends = 7;
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
  readonly #sends: number;

  /**
   * @param transactionId 12 random bytes: who cannot see the request cannot forge the answer.
   * @param options `asksOtherPort`: the answer is to come from the server's second port; `sends`: given up after so many
   */
  constructor(
    nowMs: number,
    transactionId: Uint8Array,
    { asksOtherPort = false, sends = usualSends }: { readonly asksOtherPort?: boolean; readonly sends?: number } = {},
  ) {
    this.#transactionId = transactionId;
    const change = { type: stunAttributes.changeRequest, value: Uint8Array.of(0, 0, 0, changePort) };
    this.#request = encodeStun({
      type: stunTypes.bindingRequest,
      transactionId,
      attributes: asksOtherPort ? [change] : [],
    });
    this.#sends = sends;
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
    if (this.#sent === this.#sends) {
      this.#state = { kind: 'failed', reason: 'timeout' };
      return undefined;
    }
    // With fewer sends than usual nobody waits for the full 8 s after the last.
    const isLast = this.#sent === this.#sends - 1 && this.#sends === usualSends;
    const waitMs = initialRtoMs * (isLast ? finalWaitRtos : 2 ** this.#sent);
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
