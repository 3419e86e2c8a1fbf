/** Text as it comes in and goes out: lines cut out of bytes, and what others wrote made safe for a screen. */
export { LineDecoder, type DecodedLine, type LineEnding } from './line-decoder.js';
export { jsonLine, plainLine, printable } from './printable.js';
