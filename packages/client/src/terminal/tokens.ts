/**
 * How a command line is cut into words. Words stand apart by spaces or tabs. A word that begins with `"` goes on to the
 * closing `"` and may hold spaces; inside, `\"` and `\\` stand for `"` and `\`. Quotes elsewhere mean nothing special.
 */
import { ParleyError } from '@parley/protocol';

export interface TokenRules {
  /** Whether a quoted value may also follow `name=`. */
  readonly fields?: boolean;
}

const blank = /[ \t]*/y;
const bareWord = /[^ \t]+/y;
const quotedWord = /"((?:[^"\\]|\\["\\])*)"(?=[ \t]|$)/y;
const fieldName = /[a-zA-Z]+=(?=")/y;

/** @throws ParleyError USAGE when a quote is not closed as it should be. */
export function tokenize(text: string, rules: TokenRules = {}): string[] {
  const words: string[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found) at = pattern.lastIndex;
    return found;
  };
  for (;;) {
    take(blank);
    if (at === text.length) return words;
    const field = rules.fields ? (take(fieldName)?.[0] ?? '') : '';
    if (text[at] === '"') {
      const quoted = take(quotedWord);
      if (!quoted)
        throw new ParleyError('USAGE', 'a quoted word needs a closing " before a space; inside, write \\" and \\\\');
      words.push(field + (quoted[1] ?? '').replace(/\\(["\\])/g, '$1'));
    } else {
      words.push(field + (take(bareWord)?.[0] ?? ''));
    }
  }
}

/** Writes a word so that `tokenize` reads it back as it was. */
export function quote(word: string): string {
  return `"${word.replace(/["\\]/g, '\\$&')}"`;
}

/** The first word of a line, and what follows it without the one separating blank. */
export function splitFirstWord(line: string): { word: string; rest: string } {
  const found = /^[ \t]*([^ \t]*)(?:[ \t]([^]*))?$/.exec(line);
  return { word: found?.[1] ?? '', rest: found?.[2] ?? '' };
}
