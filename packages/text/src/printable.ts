// C0, DEL and C1; line and paragraph separators; what shows nothing, among it the marks that turn the direction of
// writing, but for the joiners, variation selectors and tags that scripts, emoji and flags are made of; halves of
// surrogate pairs.
const unprintable =
  /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\ufff9-\ufffb]|(?![\u200c\u200d\ufe00-\ufe0f\u{e0020}-\u{e007f}\u{e0100}-\u{e01ef}])\p{Default_Ignorable_Code_Point}|\p{Surrogate}/gu;

/**
 * What others wrote, made safe for a terminal or a log: whatever could move the cursor, colour, break or turn around a
 * line, or is not seen, is shown as an escape like `\u{1b}`. The rest stays as it is, so ordinary text of any language reads as written.
 */
export function printable(text: string): string {
  return text.replace(unprintable, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

/**
 * The same for places that have room for no escapes, such as the lines of a telnet client: one `?` for each such
 * character, and a space for a tab. Never longer than the text, in characters or in bytes.
 */
export function plainLine(text: string): string {
  return text.replaceAll('\t', ' ').replace(unprintable, '?');
}

/** A value as one line of JSON in which such characters are written as `\u` escapes, so that it may be shown as it is. */
export function jsonLine(value: object): string {
  return JSON.stringify(value).replace(unprintable, (character) =>
    Array.from({ length: character.length }, (_, at) => unitEscape(character.charCodeAt(at))).join(''),
  );
}

function unitEscape(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, '0')}`;
}
