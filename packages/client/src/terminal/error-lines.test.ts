import { describe, expect, it } from '@jest/globals';
import { ParleyError } from '@parley/protocol';
import { asParleyError, errorLine } from './error-lines.js';

describe('errorLine', () => {
  it('says what happened and what to do, on one printable line', () => {
    expect(errorLine(new ParleyError('USER_OFFLINE', 'bob is\n not \u001b[31monline'))).toBe(
      'error USER_OFFLINE: bob is\\u{a} not \\u{1b}[31monline (lcu lists who is online)',
    );
    expect(errorLine(new ParleyError('SELF'))).toBe('error SELF: that is you');
    // Their messages tell what to do, with the names to do it with.
    for (const code of ['KEY_CHANGED', 'SERVER_KEY_CHANGED'] as const) {
      expect(errorLine(new ParleyError(code, 'then: trust bob'))).toBe(`error ${code}: then: trust bob`);
    }
  });
});

describe('asParleyError', () => {
  it('keeps what has a code', () => {
    const error = new ParleyError('SELF');
    expect(asParleyError(error)).toBe(error);
  });

  it('takes whatever a given-up command throws for its end', () => {
    expect(asParleyError(new Error('closed'), AbortSignal.abort())).toMatchObject({ code: 'ABORTED' });
  });

  it.each([new TypeError('x is not a function'), 'a text'])('calls %p a defect', (thrown) => {
    expect(asParleyError(thrown, new AbortController().signal)).toMatchObject({ code: 'INTERNAL', cause: thrown });
  });
});
