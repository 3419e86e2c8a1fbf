import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { PathPolicies } from './path-policies.js';

let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'parley-paths-'));
  file = join(directory, 'paths.json');
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

describe('PathPolicies', () => {
  it('are kept, for each server and user apart', () => {
    const before = new PathPolicies(file);
    expect(before.of('a:7420', 'bob')).toBeUndefined();
    before.set('a:7420', 'bob', 'relay-only');
    before.set('a:7420', 'carol', 'direct-only');
    before.set('b:7420', 'bob', 'auto');
    const after = new PathPolicies(file);
    expect(after.of('a:7420', 'bob')).toBe('relay-only');
    expect(after.of('a:7420', 'carol')).toBe('direct-only');
    expect(after.of('b:7420', 'bob')).toBe('auto');
    expect(after.of('b:7420', 'carol')).toBeUndefined();
  });

  it('are for nobody else to read', () => {
    new PathPolicies(file).set('a:7420', 'bob', 'relay-only');
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('taken back leave nothing behind', () => {
    const policies = new PathPolicies(file);
    policies.set('a:7420', 'bob', 'relay-only');
    policies.set('a:7420', 'bob', null);
    expect(policies.of('a:7420', 'bob')).toBeUndefined();
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ version: 1, servers: {} });
    expect(new PathPolicies(file).of('a:7420', 'bob')).toBeUndefined();
  });

  it('a name that objects have is a name like others', () => {
    new PathPolicies(file).set('a:7420', '__proto__', 'relay-only');
    expect(new PathPolicies(file).of('a:7420', '__proto__')).toBe('relay-only');
    expect(new PathPolicies(file).of('a:7420', 'constructor')).toBeUndefined();
    expect(new PathPolicies(file).of('__proto__', 'toString')).toBeUndefined();
  });

  it('what cannot be written is told, and not taken for set', () => {
    const policies = new PathPolicies(join(directory, 'missing', 'paths.json'));
    expect(() => {
      policies.set('a:7420', 'bob', 'auto');
    }).toThrow('ENOENT');
    expect(policies.of('a:7420', 'bob')).toBeUndefined();
  });

  it.each([
    ['', 'JSON'],
    ['{"version":2,"servers":{}}', 'version 1'],
    ['[]', 'version 1'],
    ['null', 'version 1'],
    ['{"version":1}', 'version 1'],
    ['{"version":1,"servers":{"a:7420":["bob"]}}', 'form of version 1'],
    ['{"version":1,"servers":{"a:7420":{"bob":"relay"}}}', 'wrong entry for bob'],
    ['{"version":1,"servers":{"a:7420":{"bob":null}}}', 'wrong entry for bob'],
  ])('a damaged file is refused rather than forgotten: %j', (text, problem) => {
    writeFileSync(file, text);
    expect(() => new PathPolicies(file)).toThrow(problem);
  });
});
