import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { decodeMessageRecord } from './index.js';
import { IncomingChain, OutgoingChain } from './message-chain.js';

const hash = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();
const conversation = new Uint8Array(16).fill(7);

function records(texts: readonly string[], chainByte = 1): Uint8Array[] {
  const chain = new OutgoingChain(hash, new Uint8Array(8).fill(chainByte));
  return texts.map((text, i) => {
    const id = new Uint8Array(16).fill(i);
    return chain.next({ id, conversation, sender: 'alice', at: 1000 + i, text });
  });
}

function verdicts(said: readonly Uint8Array[]): string[] {
  const chain = new IncomingChain(hash);
  return said.map((record) => chain.accept(decodeMessageRecord(record), record));
}

describe('a chain of messages', () => {
  it('is numbered from 1 and hashed', () => {
    const said = records(['one', 'two', 'three']);
    expect(said.map((record) => decodeMessageRecord(record).seq)).toEqual([1, 2, 3]);
    expect(Buffer.from(decodeMessageRecord(said[1]!).previous)).toEqual(Buffer.from(hash(said[0]!)));
    expect(verdicts(said)).toEqual(['next', 'next', 'next']);
  });

  it('may begin anywhere for a newcomer', () => {
    expect(verdicts(records(['one', 'two', 'three']).slice(1))).toEqual(['next', 'next']);
  });

  it('begins anew when its sender does', () => {
    expect(verdicts([...records(['one', 'two']), ...records(['one', 'two'], 2)])).toEqual([
      'next',
      'next',
      'next',
      'next',
    ]);
  });

  it('shows what comes twice, and what is older', () => {
    const [one, two] = records(['one', 'two']);
    expect(verdicts([one!, two!, two!, one!])).toEqual(['next', 'next', 'duplicate', 'stale']);
  });

  it('shows what is missing', () => {
    const [one, , three] = records(['one', 'two', 'three']);
    expect(verdicts([one!, three!])).toEqual(['next', 'gap']);
  });

  it('shows a sender who contradicts what it said', () => {
    const [one] = records(['yes']);
    const [no, two] = records(['no', 'as I said']);
    expect(verdicts([one!, no!])).toEqual(['next', 'fork']);
    expect(verdicts([one!, two!])).toEqual(['next', 'fork']);
  });
});
