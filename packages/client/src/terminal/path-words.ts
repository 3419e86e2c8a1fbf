/** What every screen says of a conversation that the server can read. In ASCII: it must be readable everywhere. */
import type { Path } from '../engine/api.js';

const readable = 'NOT end-to-end encrypted, the server can read it';

/** Behind what is talked of, after a comma. */
export const throughGateway = `through a gateway: ${readable}`;

/** What it is, and what that means where it is not plain. */
export function pathWords(path: Path): string {
  switch (path) {
    case 'direct':
      return 'direct';
    case 'relayed':
      return 'relayed (end-to-end encrypted; the server passes on what it cannot read)';
    case 'gateway':
      return `gateway (${readable})`;
  }
}

/** What stands in the prompt, behind who it is with. */
export const promptMark = '[NOT encrypted]';

/** What stands behind the name of a user who is not native; empty for one who is. */
export function doorWords(door: string): string {
  return door === 'native' ? '' : `${door} gateway, ${readable}`;
}
