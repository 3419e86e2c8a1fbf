import { describe, expect, it } from '@jest/globals';
import { answerBindingRequest, BindingTransaction } from './binding.js';
import { decodeStun, encodeStun, stunTypes } from './stun-message.js';

const from = { address: '203.0.113.7', port: 40_000 };
const transactionId = Uint8Array.from({ length: 12 }, (_, i) => i);

describe('a Binding request', () => {
  it('is answered with the address it came from', () => {
    const transaction = new BindingTransaction(0, transactionId);
    const request = transaction.handleTimeout(0);
    const answer = answerBindingRequest(request!, from);
    expect(answer?.fromOtherPort).toBe(false);
    expect(transaction.handleDatagram(answer!.bytes)).toBe(true);
    expect(transaction.state).toEqual({ kind: 'done', mapped: from });
    expect(transaction.nextTimeout()).toBeUndefined();
  });

  it('is sent seven times, ever more slowly, then given up', () => {
    const transaction = new BindingTransaction(0, transactionId);
    const sentAt: number[] = [];
    let now: number | undefined;
    while ((now = transaction.nextTimeout()) !== undefined) {
      if (transaction.handleTimeout(now)) sentAt.push(now);
    }
    expect(sentAt).toEqual([0, 500, 1500, 3500, 7500, 15_500, 31_500]);
    expect(transaction.state).toEqual({ kind: 'failed', reason: 'timeout' });
  });

  it('is not sent before its time', () => {
    const transaction = new BindingTransaction(0, transactionId);
    transaction.handleTimeout(0);
    expect(transaction.handleTimeout(499)).toBeUndefined();
  });

  it('with an attribute that must be understood is refused by name', () => {
    const request = encodeStun({
      type: stunTypes.bindingRequest,
      transactionId,
      attributes: [{ type: 0x7fff, value: new Uint8Array(4) }],
    });
    const answer = decodeStun(answerBindingRequest(request, from)!.bytes);
    expect(answer?.type).toBe(stunTypes.bindingError);
    expect(answer?.attributes[0]?.value.subarray(2, 4)).toEqual(Uint8Array.of(4, 20));
    expect(answer?.attributes[1]?.value).toEqual(Uint8Array.of(0x7f, 0xff));
    const transaction = new BindingTransaction(0, transactionId);
    expect(transaction.handleDatagram(answerBindingRequest(request, from)!.bytes)).toBe(true);
    expect(transaction.state).toEqual({ kind: 'failed', reason: 'refused' });
  });

  it('with attributes that may be passed over is answered', () => {
    const request = encodeStun({
      type: stunTypes.bindingRequest,
      transactionId,
      attributes: [{ type: 0x8022, value: new TextEncoder().encode('test') }],
    });
    expect(decodeStun(answerBindingRequest(request, from)!.bytes)?.type).toBe(stunTypes.bindingSuccess);
  });
});

describe('a request for an answer from the other port', () => {
  const asking = (value: Uint8Array): Uint8Array =>
    encodeStun({ type: stunTypes.bindingRequest, transactionId, attributes: [{ type: 0x0003, value }] });

  it('gets one where there is one', () => {
    const transaction = new BindingTransaction(0, transactionId, { asksOtherPort: true });
    const answer = answerBindingRequest(transaction.handleTimeout(0)!, from, true);
    expect(answer?.fromOtherPort).toBe(true);
    expect(transaction.handleDatagram(answer!.bytes)).toBe(true);
  });

  it.each([
    ['there is none', Uint8Array.of(0, 0, 0, 2), false],
    ['it is to come from another address, too', Uint8Array.of(0, 0, 0, 6), true],
    ['it is none', Uint8Array.of(0, 0, 2), true],
  ])('is refused where %s', (_what, value, hasOtherPort) => {
    const answer = answerBindingRequest(asking(value), from, hasOtherPort);
    expect(decodeStun(answer!.bytes)?.type).toBe(stunTypes.bindingError);
    expect(answer?.fromOtherPort).toBe(false);
  });

  it('is given up sooner when it is told so', () => {
    const transaction = new BindingTransaction(0, transactionId, { sends: 2 });
    const times: number[] = [];
    for (let at = transaction.nextTimeout(); at !== undefined; at = transaction.nextTimeout()) {
      times.push(at);
      transaction.handleTimeout(at);
    }
    expect(times).toEqual([0, 500, 1_500]);
    expect(transaction.state).toEqual({ kind: 'failed', reason: 'timeout' });
  });
});

describe('silence', () => {
  it('meets everything but a request', () => {
    const response = encodeStun({ type: stunTypes.bindingSuccess, transactionId, attributes: [] });
    expect(answerBindingRequest(response, from)).toBeUndefined();
    expect(answerBindingRequest(new Uint8Array(), from)).toBeUndefined();
    expect(answerBindingRequest(new TextEncoder().encode('GET / HTTP/1.1\r\n\r\n'), from)).toBeUndefined();
  });

  it('meets answers to somebody else', () => {
    const transaction = new BindingTransaction(0, transactionId);
    const other = new BindingTransaction(
      0,
      transactionId.map((byte) => byte + 1),
    );
    const answer = answerBindingRequest(other.handleTimeout(0)!, from);
    expect(transaction.handleDatagram(answer!.bytes)).toBe(false);
    expect(transaction.state).toEqual({ kind: 'waiting' });
  });

  it('meets a success without an address', () => {
    const transaction = new BindingTransaction(0, transactionId);
    const empty = encodeStun({ type: stunTypes.bindingSuccess, transactionId, attributes: [] });
    expect(transaction.handleDatagram(empty)).toBe(false);
  });
});
