/** What the hashing threads are asked; `secret` is the peppered pre-hash, never the password. */
export type PasswordJob =
  | { readonly type: 'hash'; readonly secret: string; readonly cost: number }
  | { readonly type: 'compare'; readonly secret: string; readonly hash: string };
