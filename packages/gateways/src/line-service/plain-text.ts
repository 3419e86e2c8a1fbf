import { plainLine } from '@parley/text';

/** Lines that one text of others may become; what is left stands in the last one. */
const maxTextLines = 256;

/** `plainLine`, with a shorter way for what most texts are: it need not be searched for every kind of character. */
export function plain(text: string): string {
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit < 0x20 || unit > 0x7e) return plainLine(text);
  }
  return text;
}

/** The lines of a text, each to be shown by itself; a text of very many lines ends in a long one. */
export function textLines(text: string): string[] {
  const lines = text.split('\n');
  if (lines.length <= maxTextLines) return lines;
  return [...lines.slice(0, maxTextLines - 1), lines.slice(maxTextLines - 1).join(' ')];
}
