import { describe, expect, it } from '@jest/globals';
import { bindFailure } from './listeners/bind.js';
import { StartFailure } from './start-failure.js';

function listenFailure(code: string): Error {
  return Object.assign(new Error(code), { code, syscall: 'listen' });
}

describe('the advice', () => {
  it('names the options of the port and the host that cannot be had', () => {
    const line = { host: '--gateway-host', port: '--line-port' };
    for (const [code, flags, words] of [
      ['EADDRINUSE', undefined, ['--port']],
      ['EADDRINUSE', line, ['--line-port']],
      ['EACCES', undefined, ['--port', '--host']],
      ['EACCES', line, ['--line-port', '--gateway-host']],
    ] as const) {
      const failure = bindFailure('127.0.0.1', 23, listenFailure(code), flags) as StartFailure;
      expect(failure).toBeInstanceOf(StartFailure);
      expect(failure.exitCode).toBe(3);
      expect(new Set(failure.advice.match(/--[a-z-]+/g))).toEqual(new Set(words));
    }
  });
});
