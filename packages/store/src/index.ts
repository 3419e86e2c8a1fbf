/** Accounts, rooms and resume tokens in SQL; SQLite in a data directory. */
export { openStore, type Store } from './open-store.js';
export { StoreError, type StoreErrorCode } from './store-error.js';
