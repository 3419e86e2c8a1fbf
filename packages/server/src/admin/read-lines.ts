import { limits } from '@parley/protocol';
import { LineDecoder } from '@parley/text';

/** Runs the lines of a pipe one after the other, and reads on only when one is done; settles at the end of the input. */
export async function readLines(
  input: AsyncIterable<Uint8Array>,
  execute: (line: string) => Promise<void>,
  broken: (problem: string) => void,
): Promise<void> {
  const decoder = new LineDecoder(limits.lineBytes);
  const run = async (decoded: { line: string } | { problem: 'too-long' | 'not-utf8' }): Promise<void> => {
    if ('line' in decoded) await execute(decoded.line);
    else broken(decoded.problem === 'too-long' ? 'the line is too long' : 'the line is not UTF-8');
  };
  for await (const bytes of input) for (const decoded of decoder.push(bytes)) await run(decoded);
  for (const decoded of decoder.end()) await run(decoded);
}
