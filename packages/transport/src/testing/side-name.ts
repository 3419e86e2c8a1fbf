export type SideName = 'a' | 'b';

export function otherSide(side: SideName): SideName {
  return side === 'a' ? 'b' : 'a';
}
