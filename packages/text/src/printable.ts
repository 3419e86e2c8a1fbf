// C0, DEL and C1; the marks that turn the direction of writing; line and paragraph separators; characters that show
// nothing (but the joiners, which scripts and emoji need); halves of surrogate pairs.
const unprintable =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2064\u2066-\u2069\ufeff]|\p{Surrogate}/gu;

/**
 * What others wrote, made safe for a terminal or a log: whatever could move the cursor, colour, break or turn around a
 * line, or is not seen, is shown as an escape like `\u{1b}`. The rest stays as it is, so ordinary text of any language reads as written.
 */
export function printable(text: string): string {
  return text.replace(unprintable, (character) => `\\u{${character.charCodeAt(0).toString(16)}}`);
}

/**
 * The same for places that have room for no escapes, such as the lines of a telnet client: one `?` for each such
 * character, and a space for a tab. Never longer than the text, in characters or in bytes.
 */
export function plainLine(text: string): string {
  return text.replaceAll('\t', ' ').replace(unprintable, '?');
}
