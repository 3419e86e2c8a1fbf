import { join } from 'node:path';
import { makePrivateDirectory } from '@parley/files';
import type { AccountRepository, ResumeTokenRepository, RoomRepository } from '@parley/server/domain';
import { Kysely, Migrator, SqliteDialect } from 'kysely';
import { lockDirectory } from './directory-lock.js';
import { migrationNames, migrationProvider } from './migrations.js';
import { accountRepository, resumeTokenRepository, roomRepository } from './repositories.js';
import type { Schema } from './schema.js';
import { DamagedDatabase, openDatabase } from './sqlite-database.js';
import { isSqliteError, StoreError } from './store-error.js';

export interface Store {
  /** There was no database, or an empty one. */
  readonly isNew: boolean;
  readonly accounts: AccountRepository;
  readonly rooms: RoomRepository;
  readonly resumeTokens: ResumeTokenRepository;
  /** Finishes what is under way, closes the files and frees the directory. */
  close(): Promise<void>;
}

const databaseFile = 'parley.db';

/**
 * Opens the database of a data directory, and makes both when they are not there, readable by their owner only. What
 * a repository has acknowledged outlives a crash of the process and of the machine.
 * @throws StoreError
 */
export async function openStore(directory: string): Promise<Store> {
  makeDirectory(directory);
  const freeDirectory = openFile(directory, () => lockDirectory(directory));
  try {
    const database = openFile(directory, () => openDatabase(join(directory, databaseFile)));
    const db = new Kysely<Schema>({ dialect: new SqliteDialect({ database }) });
    let isNew: boolean;
    try {
      isNew = await migrate(db, directory);
    } catch (error) {
      await db.destroy();
      throw error;
    }
    return {
      isNew,
      accounts: accountRepository(db),
      rooms: roomRepository(db),
      resumeTokens: resumeTokenRepository(db),
      async close() {
        await db.destroy();
        freeDirectory();
      },
    };
  } catch (error) {
    freeDirectory();
    throw error;
  }
}

function makeDirectory(directory: string): void {
  try {
    makePrivateDirectory(directory);
  } catch (cause) {
    throw new StoreError('DATA_UNUSABLE', `cannot make the directory ${directory}: ${reasonOf(cause)}`, { cause });
  }
}

/** @returns whether the database was empty */
async function migrate(db: Kysely<Schema>, directory: string): Promise<boolean> {
  const migrator = new Migrator({ db, provider: migrationProvider });
  const executed = await executedMigrations(db);
  if (executed.some((name) => !migrationNames.has(name))) {
    throw new StoreError('DATA_NEWER', `a newer version of this program has made the database in ${directory}`);
  }
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) throw damaged(directory, reasonOf(error), error);
  return executed.length === 0;
}

async function executedMigrations(db: Kysely<Schema>): Promise<string[]> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
  if (!tables.some(({ name }) => name === 'kysely_migration')) return [];
  const migrations = (db as unknown as Kysely<{ kysely_migration: { name: string } }>).selectFrom('kysely_migration');
  return (await migrations.select('name').execute()).map(({ name }) => name);
}

/** Says what is wrong with the files in the words of StoreError. */
function openFile<T>(directory: string, open: () => T): T {
  try {
    return open();
  } catch (cause) {
    if (cause instanceof StoreError) throw cause;
    if (cause instanceof DamagedDatabase || isSqliteError(cause, 'SQLITE_NOTADB', 'SQLITE_CORRUPT')) {
      throw damaged(directory, reasonOf(cause), cause);
    }
    throw new StoreError('DATA_UNUSABLE', `cannot use the files in ${directory}: ${reasonOf(cause)}`, { cause });
  }
}

function damaged(directory: string, what: string, cause: unknown): StoreError {
  const path = join(directory, databaseFile);
  return new StoreError('DATA_CORRUPT', `the database ${path} is damaged: ${what}`, { cause });
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
