import { describe, expect, it } from '@jest/globals';
import { parseServerAddress } from './server-address.js';

describe('a server address', () => {
  it.each([
    ['example.org', 'example.org', 7420, 'example.org:7420'],
    ['Example.ORG:70', 'example.org', 70, 'example.org:70'],
    ['127.0.0.1:65535', '127.0.0.1', 65_535, '127.0.0.1:65535'],
    ['::1', '::1', 7420, '[::1]:7420'],
    ['[::1]', '::1', 7420, '[::1]:7420'],
    ['[2001:db8::1]:9', '2001:db8::1', 9, '[2001:db8::1]:9'],
    [':::7420', '::', 7420, '[::]:7420'],
    ['localhost', 'localhost', 7420, 'localhost:7420'],
  ])('%s', (text, host, port, shown) => {
    expect(parseServerAddress(text)).toEqual({ host, port, text: shown });
  });

  it.each([
    '',
    ':7420',
    'host:',
    'host:0',
    'host:65536',
    'host:7x',
    'a b',
    '[::1',
    '[host]:1',
    'http://host',
    'x'.repeat(254),
  ])('%j is none', (text) => {
    expect(() => parseServerAddress(text)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
});
