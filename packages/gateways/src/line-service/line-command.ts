/** What a client of the line service says in one line: the five commands of the original, and our own ROOM and LEAVE. */
export type LineCommand =
  /** `name` is all that follows: empty, or more than one word, it is no name. */
  | { readonly type: 'JOIN'; readonly name: string }
  | { readonly type: 'MESG'; readonly to: string; readonly text: string }
  | { readonly type: 'BCST'; readonly text: string }
  | { readonly type: 'ROOM'; readonly name: string }
  | { readonly type: 'LIST' }
  | { readonly type: 'LEAVE' }
  | { readonly type: 'QUIT' }
  /** `word`: the command that was meant, where that is plain. */
  | { readonly type: 'UNKNOWN'; readonly word: 'MESG' | 'BCST' | 'ROOM' | undefined };

/** Commands are in capitals, one space stands before each argument, and a text goes to the end of its line. */
export function parseLine(line: string): LineCommand {
  // The one that counts for speed comes first.
  if (line.startsWith('MESG ')) {
    const end = line.indexOf(' ', 5);
    if (end <= 5 || end + 1 === line.length) return { type: 'UNKNOWN', word: 'MESG' };
    return { type: 'MESG', to: line.slice(5, end), text: line.slice(end + 1) };
  }
  const space = line.indexOf(' ');
  const word = space === -1 ? line : line.slice(0, space);
  const rest = space === -1 ? '' : line.slice(space + 1);
  switch (word) {
    case 'JOIN':
      return { type: 'JOIN', name: rest.trim() };
    case 'BCST':
      return rest === '' ? { type: 'UNKNOWN', word } : { type: 'BCST', text: rest };
    case 'ROOM': {
      const name = oneWord(rest);
      return name === undefined ? { type: 'UNKNOWN', word } : { type: 'ROOM', name };
    }
    case 'LIST':
    case 'LEAVE':
    case 'QUIT':
      return space === -1 ? { type: word } : { type: 'UNKNOWN', word: undefined };
    case 'MESG':
      return { type: 'UNKNOWN', word };
    default:
      return { type: 'UNKNOWN', word: undefined };
  }
}

function oneWord(text: string): string | undefined {
  const word = text.trim();
  return word === '' || /\s/.test(word) ? undefined : word;
}
