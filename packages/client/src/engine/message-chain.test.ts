import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { decodeMessageRecord } from '@parley/protocol';
import { IncomingChain, OutgoingChain } from './message-chain.js';

const hash = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();
const conversation = new Uint8Array(16).fill(7);

function records(texts: readonly string[]): Uint8Array[] {
  const chain = new OutgoingChain(hash);
  return texts.map((text, i) => {
    const id = new Uint8Array(16).fill(i);
    return chain.next({ id, conversation, sender: 'alice', at: 1000 + i, text });
  });
}

function verdicts(chain: IncomingChain, said: readonly Uint8Array[]): string[] {
  return said.map((record) => chain.accept(decodeMessageRecord(record), record));
}

describe('a chain of messages', () => {
  it('is numbered from 1 and hashed', () => {
    const said = records(['one', 'two', 'three']);
    expect(said.map((record) => decodeMessageRecord(record).seq)).toEqual([1, 2, 3]);
    expect(Buffer.from(decodeMessageRecord(said[1]!).previous)).toEqual(Buffer.from(hash(said[0]!)));
    expect(verdicts(new IncomingChain(hash), said)).toEqual(['next', 'next', 'next']);
  });

  it('may begin anywhere for a newcomer', () => {
    const said = records(['one', 'two', 'three']);
    expect(verdicts(new IncomingChain(hash), said.slice(1))).toEqual(['next', 'next']);
  });

  it('shows what comes twice', () => {
    const [one, two] = records(['one', 'two']);
    expect(verdicts(new IncomingChain(hash), [one!, two!, one!, two!])).toEqual([
      'next',
      'next',
      'duplicate',
      'duplicate',
    ]);
  });

  it('shows what is missing', () => {
    const [one, , three] = records(['one', 'two', 'three']);
    expect(verdicts(new IncomingChain(hash), [one!, three!])).toEqual(['next', 'gap']);
  });

  it('shows a sender who tells different people different things', () => {
    const [one] = records(['yes']);
    const [, two] = records(['no', 'as I said']);
    expect(verdicts(new IncomingChain(hash), [one!, two!])).toEqual(['next', 'fork']);
  });
});
