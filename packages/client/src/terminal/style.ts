/** Colours and marks. Whatever others have written goes through `printable` before it gets here or in here. */
import { printable } from '@parley/text';

interface Marks {
  readonly sent: string;
  readonly delivered: string;
  readonly failed: string;
  readonly ellipsis: string;
}

const unicodeMarks: Marks = { sent: '→', delivered: '✓', failed: '✗', ellipsis: '…' };
const asciiMarks: Marks = { sent: '->', delivered: 'ok', failed: '!!', ellipsis: '...' };

export interface StyleOptions {
  readonly colour: boolean;
  readonly ascii: boolean;
  /** The width of the terminal now; left out where lines are not to be wrapped. */
  readonly columns?: () => number;
  /** A text that names the key of a user, so that the same person has the same colour everywhere. */
  readonly keyOf: (user: string) => string | null;
}

export interface Style {
  readonly colour: boolean;
  readonly ascii: boolean;
  readonly marks: Marks;
  /** Infinite where lines are not to be wrapped. */
  readonly columns: () => number;
  readonly name: (user: string) => string;
  readonly room: (room: string) => string;
  readonly dim: (text: string) => string;
  readonly alarm: (text: string) => string;
}

// The six hues of every terminal, plain and bold; black, white and grey would vanish on one background or the other.
const nameColours = [31, 32, 33, 34, 35, 36].flatMap((hue) => [String(hue), `1;${String(hue)}`]);

export function makeStyle({ colour, ascii, keyOf, columns = () => Infinity }: StyleOptions): Style {
  const paint = (code: string, text: string): string => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
  return {
    colour,
    ascii,
    marks: ascii ? asciiMarks : unicodeMarks,
    columns,
    name: (user) => {
      const key = colour ? keyOf(user) : null;
      return key === null ? printable(user) : paint(colourOfKey(key), printable(user));
    },
    room: (room) => `#${printable(room)}`,
    dim: (text) => paint('2', text),
    alarm: (text) => paint('31', text),
  };
}

/** The same key has the same colour on every device and in every run. */
function colourOfKey(key: string): string {
  // FNV-1a, 32 bits (RFC 9923): spreads short texts evenly over few colours.
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i += 1) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193) >>> 0;
  return nameColours[hash % nameColours.length] ?? '0';
}

/** The first words of a text, on one line. */
export function excerpt(text: string, style: Style, maxCharacters = 40): string {
  const characters = Array.from(printable(text.replace(/[\t\n]+/g, ' ')));
  if (characters.length <= maxCharacters) return characters.join('');
  return characters.slice(0, maxCharacters).join('') + style.marks.ellipsis;
}

/** A text as lines: the first behind `head`, the others indented with a bar, so that none can pass for another's. */
export function textLines(head: string, text: string): string[] {
  const [first = '', ...others] = text.split('\n').map((line) => printable(line.replaceAll('\t', '    ')));
  return [head + first, ...others.map((line) => `  | ${line}`)];
}
