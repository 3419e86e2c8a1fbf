/** The repositories of the domain over the query builder: one set for every SQL database. */
import { createHash } from 'node:crypto';
import type {
  Account,
  AccountRepository,
  EnrolledDevice,
  ResumeTokenRepository,
  Room,
  RoomRepository,
} from '@parley/server/domain';
import type { Kysely, Selectable } from 'kysely';
import type { Schema } from './schema.js';

export function accountRepository(db: Kysely<Schema>): AccountRepository {
  return {
    async insert({ name, passwordHash, createdAt }) {
      const { numInsertedOrUpdatedRows } = await db
        .insertInto('account')
        .values({ name, password_hash: passwordHash, created_at: createdAt })
        .onConflict((conflict) => conflict.column('name').doNothing())
        .executeTakeFirstOrThrow();
      return numInsertedOrUpdatedRows === 1n;
    },

    async find(name): Promise<Account | undefined> {
      const row = await db.selectFrom('account').selectAll().where('name', '=', name).executeTakeFirst();
      return row && { name: row.name, passwordHash: row.password_hash, createdAt: row.created_at };
    },

    async replaceHash(name, oldHash, newHash) {
      await db
        .updateTable('account')
        .set({ password_hash: newHash })
        .where('name', '=', name)
        .where('password_hash', '=', oldHash)
        .execute();
    },

    async namesAfter(after, limit) {
      const rows = await db
        .selectFrom('account')
        .select('name')
        .$if(after !== undefined, (query) => query.where('name', '>', after ?? ''))
        .orderBy('name')
        .limit(limit)
        .execute();
      return rows.map(({ name }) => name);
    },
  };
}

export function roomRepository(db: Kysely<Schema>): RoomRepository {
  return {
    insert({ name, owner, id, createdAt }, maxOwned) {
      return db.transaction().execute(async (transaction) => {
        const taken = await transaction.selectFrom('room').select('id').where('name', '=', name).executeTakeFirst();
        if (taken) return 'exists';
        const { owned } = await transaction
          .selectFrom('room')
          .select(({ fn }) => fn.countAll<number | string>().as('owned'))
          .where('owner', '=', owner)
          .executeTakeFirstOrThrow();
        if (Number(owned) >= maxOwned) return 'limit';
        const { numInsertedOrUpdatedRows } = await transaction
          .insertInto('room')
          .values({ name, owner, id, created_at: createdAt })
          .onConflict((conflict) => conflict.column('name').doNothing())
          .executeTakeFirstOrThrow();
        return numInsertedOrUpdatedRows === 1n ? 'inserted' : 'exists';
      });
    },

    async find(name) {
      const row = await db.selectFrom('room').selectAll().where('name', '=', name).executeTakeFirst();
      return row && roomOf(row);
    },

    async delete({ id }) {
      await db.deleteFrom('room').where('id', '=', id).execute();
    },

    async roomsAfter(after, limit) {
      const rows = await db
        .selectFrom('room')
        .selectAll()
        .$if(after !== undefined, (query) => query.where('name', '>', after ?? ''))
        .orderBy('name')
        .limit(limit)
        .execute();
      return rows.map(roomOf);
    },
  };
}

export function resumeTokenRepository(db: Kysely<Schema>): ResumeTokenRepository {
  return {
    async insert(token, { user, deviceKey, usedAt }, maxDevices) {
      await db.transaction().execute(async (transaction) => {
        await transaction
          .insertInto('resume_token')
          .values({ hash: hashOf(token), user, device_key: deviceKey, used_at: usedAt })
          .onConflict((conflict) =>
            conflict.columns(['user', 'device_key']).doUpdateSet({ hash: hashOf(token), used_at: usedAt }),
          )
          .execute();
        const kept = await transaction
          .selectFrom('resume_token')
          .select('hash')
          .where('user', '=', user)
          .where('hash', '!=', hashOf(token))
          .orderBy('used_at', 'desc')
          .limit(maxDevices - 1)
          .execute();
        await transaction
          .deleteFrom('resume_token')
          .where('user', '=', user)
          .where('hash', 'not in', [hashOf(token), ...kept.map(({ hash }) => hash)])
          .execute();
      });
    },

    async find(token): Promise<EnrolledDevice | undefined> {
      const row = await db.selectFrom('resume_token').selectAll().where('hash', '=', hashOf(token)).executeTakeFirst();
      return row && { user: row.user, deviceKey: row.device_key, usedAt: row.used_at };
    },

    async touch(token, usedAt) {
      await db.updateTable('resume_token').set({ used_at: usedAt }).where('hash', '=', hashOf(token)).execute();
    },

    async delete(user, deviceKey) {
      await db.deleteFrom('resume_token').where('user', '=', user).where('device_key', '=', deviceKey).execute();
    },

    async deleteUnusedSince(time) {
      await db.deleteFrom('resume_token').where('used_at', '<', time).execute();
    },
  };
}

function roomOf({ name, owner, id, created_at }: Selectable<Schema['room']>): Room {
  return { name, owner, id, createdAt: created_at };
}

/** A token is 32 random bytes, so a plain hash cannot be guessed back. */
function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
