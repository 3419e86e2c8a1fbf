import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ParleyError } from './errors.js';
import {
  errorLine,
  notificationLine,
  parseRequest,
  parseServerLine,
  requestIdOf,
  requestLine,
  resultLine,
} from './json-rpc.js';

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof ParleyError) return error.code;
    throw error;
  }
  return 'fine';
}

/** Any parameters, but for keys that are refused. */
const params = fc
  .dictionary(fc.string(), fc.jsonValue())
  .filter((values) => !JSON.stringify(values).includes('"__proto__":'));
const id = fc.oneof(fc.integer(), fc.string({ maxLength: 64 }));

describe('requests', () => {
  it('come back as they went, on one line', () => {
    fc.assert(
      fc.property(id, fc.string({ maxLength: 64 }), params, (requestId, method, values) => {
        const line = requestLine(requestId, method, values);
        expect(line.indexOf('\n')).toBe(line.length - 1);
        const plain: unknown = JSON.parse(JSON.stringify(values));
        expect(parseRequest(line)).toEqual({ id: requestId, method, params: plain });
      }),
    );
  });

  it.each([
    ['', 'PARSE_ERROR'],
    ['{', 'PARSE_ERROR'],
    ['nonsense', 'PARSE_ERROR'],
    ['null', 'INVALID_REQUEST'],
    ['7', 'INVALID_REQUEST'],
    ['[]', 'INVALID_REQUEST'],
    ['{}', 'INVALID_REQUEST'],
    ['{"jsonrpc":"1.0","id":1,"method":"x"}', 'INVALID_REQUEST'],
    ['{"jsonrpc":"2.0","id":{},"method":"x"}', 'INVALID_REQUEST'],
    ['{"jsonrpc":"2.0","id":1,"method":7}', 'INVALID_REQUEST'],
    ['{"jsonrpc":"2.0","id":1,"method":"x","params":[1]}', 'INVALID_REQUEST'],
    ['{"jsonrpc":"2.0","id":1,"method":"x","params":"y"}', 'INVALID_REQUEST'],
    ['{"jsonrpc":"2.0","id":1,"method":"x","__proto__":{}}', 'INVALID_REQUEST'],
    ['{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":[{"__proto__":{}}]}}', 'INVALID_REQUEST'],
    ['{"jsonrpc":"2.0","id":1,"method":"x","params":{"\\u005f_proto__":{}}}', 'INVALID_REQUEST'],
    ['{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":"__proto__"}}', 'fine'],
    ['{"jsonrpc":"2.0","method":"x"}', 'fine'],
  ])('%s: %s', (line, code) => {
    expect(codeOf(() => parseRequest(line))).toBe(code);
  });

  it('of any width are looked through', () => {
    const wide = `{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":[${'1,'.repeat(300_000)}"\\u0041"]}}`;
    expect(codeOf(() => parseRequest(wide))).toBe('fine');
  });

  it('that are refused can still be blamed by their id', () => {
    expect(requestIdOf('{"id":7,"method":null}')).toBe(7);
    expect(requestIdOf('{"id":{}}')).toBeNull();
    expect(requestIdOf('null')).toBeNull();
    expect(requestIdOf('{')).toBeNull();
  });

  it('survive noise', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (line) => {
        codeOf(() => parseRequest(line));
        codeOf(() => parseServerLine(line));
        requestIdOf(line);
      }),
    );
  });
});

describe('lines of a server', () => {
  it('are results', () => {
    expect(parseServerLine(resultLine(3, { a: 1 }))).toEqual({ reply: { id: 3, result: { a: 1 } } });
  });

  it('are errors with a code', () => {
    const line = errorLine(3, new ParleyError('SERVER_BUSY', 'later', { retryAfterMs: 500 }));
    expect(parseServerLine(line)).toEqual({
      reply: { id: 3, error: expect.objectContaining({ code: 'SERVER_BUSY', message: 'later', retryAfterMs: 500 }) },
    });
  });

  it('are errors of a newer server, whose code is not known here', () => {
    const line = '{"jsonrpc":"2.0","id":1,"error":{"code":9999,"message":"new","data":{"code":"BRAND_NEW"}}}';
    expect(parseServerLine(line)).toEqual({
      reply: { id: 1, error: expect.objectContaining({ code: 'INTERNAL', message: 'new' }) },
    });
  });

  it('are notifications', () => {
    expect(parseServerLine(notificationLine('room.closed', { room: 'lab' }))).toEqual({
      notification: { method: 'room.closed', params: { room: 'lab' } },
    });
  });

  it('that are neither are refused', () => {
    expect(codeOf(() => parseServerLine('{"jsonrpc":"2.0","id":1}'))).toBe('INVALID_REQUEST');
    expect(codeOf(() => parseServerLine('{"jsonrpc":"2.0","id":1,"method":"x"}'))).toBe('INVALID_REQUEST');
  });
});
