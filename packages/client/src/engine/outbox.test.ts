import { describe, expect, it } from '@jest/globals';
import { Outbox } from './outbox.js';

describe('the outbox', () => {
  it('holds a message until its recipient confirms it', () => {
    const outbox = new Outbox(1000);
    outbox.add('bob', 'm1', 10);
    outbox.add('carol', 'm1', 10);
    expect(outbox.confirm('bob', 'm1')).toBe(true);
    expect(outbox.isEmpty).toBe(false);
    expect(outbox.confirm('carol', 'm1')).toBe(true);
    expect(outbox.isEmpty).toBe(true);
  });

  it('takes no confirmation twice, from another, or for nothing', () => {
    const outbox = new Outbox(1000);
    outbox.add('bob', 'm1', 10);
    expect(outbox.confirm('mallory', 'm1')).toBe(false);
    expect(outbox.confirm('bob', 'm2')).toBe(false);
    expect(outbox.confirm('bob', 'm1')).toBe(true);
    expect(outbox.confirm('bob', 'm1')).toBe(false);
  });

  it('has room until one recipient has too much waiting', () => {
    const outbox = new Outbox(100);
    outbox.add('bob', 'm1', 60);
    outbox.add('carol', 'm1', 60);
    expect(outbox.hasRoom).toBe(true);
    outbox.add('bob', 'm2', 60);
    expect(outbox.hasRoom).toBe(false);
    outbox.confirm('bob', 'm1');
    expect(outbox.hasRoom).toBe(true);
  });

  it('gives up on a recipient and names what was not confirmed, oldest first', async () => {
    const outbox = new Outbox(10);
    outbox.add('bob', 'm1', 10);
    outbox.add('bob', 'm2', 10);
    const changed = outbox.changed();
    expect(outbox.fail('bob')).toEqual(['m1', 'm2']);
    await changed;
    expect(outbox.isEmpty).toBe(true);
    expect(outbox.hasRoom).toBe(true);
    expect(outbox.fail('bob')).toEqual([]);
  });
});
