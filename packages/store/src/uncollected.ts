/**
 * Nothing of better-sqlite3 is ever given to the garbage collector. The finalizers of its version 12 (the last one for
 * Node 20) call a hook that looks for the current environment; while garbage is collected there may be none, and since
 * 24.19 Node aborts the process then (better-sqlite3 issue 1515). What is kept is little: a database for each start,
 * and each statement once.
 *
 * A subscription to a channel keeps it: unlike a variable of this module it outlives the module, which matters where
 * modules come and go within one process, as in tests.
 */
import { subscribe } from 'node:diagnostics_channel';
import Database from 'better-sqlite3';

function keep(object: object): void {
  subscribe('parley:uncollected', () => object);
}

export class UncollectedDatabase {
  readonly #database: Database.Database;
  /** By their SQL, of which there is a bounded number: values are parameters. */
  readonly #statements = new Map<string, Database.Statement>();

  constructor(path: string, timeoutMs: number) {
    this.#database = new Database(path, { timeout: timeoutMs });
    keep(this.#database);
  }

  prepare(sql: string): Database.Statement {
    const known = this.#statements.get(sql);
    if (known) return known;
    const statement = this.#database.prepare(sql);
    keep(statement);
    this.#statements.set(sql, statement);
    return statement;
  }

  /** Runs SQL without parameters and passes over what it gives. */
  exec(sql: string): void {
    this.#database.exec(sql);
  }

  close(): void {
    this.#database.close();
  }
}
