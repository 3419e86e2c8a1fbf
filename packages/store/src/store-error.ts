/**
 * Why a store did not open. `DATA_UNUSABLE`: the directory cannot be made or written. `DATA_IN_USE`: a live process has
 * it open. `DATA_NEWER`: a newer version of the program made it. `DATA_CORRUPT`: the file is damaged or no database.
 */
export type StoreErrorCode = 'DATA_UNUSABLE' | 'DATA_IN_USE' | 'DATA_NEWER' | 'DATA_CORRUPT';

export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** Whether SQLite failed with one of the result codes that begin so (https://www.sqlite.org/rescode.html). */
export function isSqliteError(error: unknown, ...codes: readonly string[]): boolean {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && codes.some((start) => code.startsWith(start));
}
