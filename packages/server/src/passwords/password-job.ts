/**
 * What the hashing threads are asked; `secret` is the peppered pre-hash, never the password. `cost` of a comparison: the
 * work that finding no match takes at least.
 */
export type PasswordJob =
  | { readonly type: 'hash'; readonly secret: string; readonly cost: number }
  | { readonly type: 'compare'; readonly secret: string; readonly hash: string; readonly cost: number };
