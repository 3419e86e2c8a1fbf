import type { Kysely, Migration, MigrationProvider } from 'kysely';

/**
 * Every change of the tables, oldest first by name. One that was released is never changed: a database that has gone
 * through it will not go through it again.
 */
const migrations: Readonly<Record<string, Migration>> = {
  '0001-accounts-rooms-resume-tokens': {
    async up(db: Kysely<unknown>): Promise<void> {
      await db.schema
        .createTable('account')
        .addColumn('name', 'text', (column) => column.primaryKey().notNull())
        .addColumn('password_hash', 'text', (column) => column.notNull())
        .addColumn('created_at', 'bigint', (column) => column.notNull())
        .execute();

      await db.schema
        .createTable('room')
        .addColumn('name', 'text', (column) => column.primaryKey().notNull())
        .addColumn('owner', 'text', (column) => column.notNull().references('account.name').onDelete('cascade'))
        .addColumn('id', 'text', (column) => column.notNull().unique())
        .addColumn('created_at', 'bigint', (column) => column.notNull())
        .execute();
      await db.schema.createIndex('room_owner').on('room').column('owner').execute();

      await db.schema
        .createTable('resume_token')
        .addColumn('hash', 'text', (column) => column.primaryKey().notNull())
        .addColumn('user', 'text', (column) => column.notNull().references('account.name').onDelete('cascade'))
        .addColumn('device_key', 'text', (column) => column.notNull())
        .addColumn('used_at', 'bigint', (column) => column.notNull())
        .addUniqueConstraint('resume_token_device', ['user', 'device_key'])
        .execute();
      await db.schema.createIndex('resume_token_used_at').on('resume_token').column('used_at').execute();
    },
  },
};

export const migrationProvider: MigrationProvider = {
  getMigrations: () => Promise.resolve({ ...migrations }),
};

export const migrationNames: ReadonlySet<string> = new Set(Object.keys(migrations));
