import { limits } from '@parley/protocol';
import { LineDecoder } from '@parley/text';

/** A line to run, or why there is none. */
export type SourceLine = LineOrProblem & {
  /** Where it stands, for the message when it fails: `demo.txt:12`. */
  readonly at: string;
  /** Without it nothing else makes sense: when it fails, the program ends. */
  readonly required?: true;
};

type LineOrProblem = { readonly line: string } | { readonly problem: 'too-long' | 'not-utf8' };

/** The longest line that is read; longer ones are reported and passed over. */
const maxLineBytes = limits.lineBytes;

/**
 * The lines of a byte stream: standard input, or a script file.
 * @param name of the stream, for messages
 */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<SourceLine> {
  const decoder = new LineDecoder(maxLineBytes);
  let number = 0;
  const placed = (line: LineOrProblem): SourceLine => {
    number += 1;
    return { ...line, at: `${name}:${String(number)}` };
  };
  for await (const chunk of chunks) {
    for (const line of decoder.push(chunk)) yield placed(line);
  }
  for (const line of decoder.end()) yield placed(line);
}

/** Lines that a program knows before it reads any. */
export async function* linesBefore(
  first: readonly SourceLine[],
  source: AsyncIterable<SourceLine>,
): AsyncGenerator<SourceLine> {
  yield* first;
  yield* source;
}
