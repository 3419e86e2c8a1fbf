import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { commands } from './commands/index.js';
import { errorTable, exitCodeOf, exitCodes } from './errors.js';
import { events } from './events.js';
import { limits } from './limits.js';
import { candidateSchema, deviceKeySchema, introductionSchema, namePattern } from './values.js';

describe('the declarations', () => {
  it('say what each command and event is for', () => {
    for (const { doc } of [...Object.values(commands), ...Object.values(events)]) expect(doc).toMatch(/^[A-Z].*\.$/);
  });

  it('are named noun.verb', () => {
    for (const name of [...Object.keys(commands), ...Object.keys(events)]) expect(name).toMatch(/^[a-z]+\.[a-z]+$/);
  });

  it('give each error a number of its own and an exit code', () => {
    expect(new Set(errorTable.map(({ number }) => number)).size).toBe(errorTable.length);
    for (const { code } of errorTable) expect(Object.values(exitCodes)).toContain(exitCodeOf(code));
  });
});

describe('names', () => {
  it.each(['al', 'a1', '0-_', 'x'.repeat(32)])('%s is one', (name) => {
    expect(name).toMatch(namePattern);
  });

  it.each(['', 'a', 'Al', '-a', '_a', 'a b', 'a\n', 'al\n', 'ä1', 'x'.repeat(33), 'a\u212A'])('%j is none', (name) => {
    expect(name).not.toMatch(namePattern);
  });
});

describe('values on the wire', () => {
  it('are keys of exactly 32 bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        expect(deviceKeySchema.safeParse(Buffer.from(bytes).toString('base64')).success).toBe(bytes.length === 32);
      }),
    );
    expect(deviceKeySchema.safeParse(`${'A'.repeat(42)}B=`).success).toBe(false);
  });

  it('are addresses, never host names', () => {
    const candidate = { kind: 'host', port: 1 };
    expect(candidateSchema.safeParse({ ...candidate, address: '10.0.0.1' }).success).toBe(true);
    expect(candidateSchema.safeParse({ ...candidate, address: '2001:db8::1' }).success).toBe(true);
    for (const address of ['example.org', '', '10.0.0', '::1%lo', '10.0.0.1:5']) {
      expect(candidateSchema.safeParse({ ...candidate, address }).success).toBe(false);
    }
    for (const port of [0, 65_536, 1.5, '1']) {
      expect(candidateSchema.safeParse({ kind: 'host', address: '10.0.0.1', port }).success).toBe(false);
    }
  });

  it('fit a line: the introductions to a full room', () => {
    const candidate = { kind: 'reflexive', address: '2001:db8:1234:5678:9abc:def0:1234:5678', port: 65_535 };
    const introduction = introductionSchema.parse({
      via: 'device',
      id: 'f'.repeat(32),
      peer: 'x'.repeat(32),
      deviceKey: Buffer.alloc(32).toString('base64'),
      psk: Buffer.alloc(32).toString('base64'),
      role: 'responder',
      candidates: Array.from({ length: limits.candidates }, () => candidate),
    });
    const introductions = Array.from({ length: limits.roomMembers }, () => introduction);
    expect(JSON.stringify({ introductions }).length).toBeLessThan(limits.serverLineBytes / 2);
  });
});
