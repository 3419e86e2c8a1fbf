/** The tables as the query builder sees them; `migrations.ts` makes them. Times are milliseconds since 1970. */
export interface Schema {
  account: AccountTable;
  room: RoomTable;
  resume_token: ResumeTokenTable;
}

interface AccountTable {
  name: string;
  password_hash: string;
  created_at: number;
}

interface RoomTable {
  name: string;
  owner: string;
  /** Of this opening, 16 bytes in hexadecimal. */
  id: string;
  created_at: number;
}

interface ResumeTokenTable {
  /** SHA-256 of the token, hexadecimal. */
  hash: string;
  user: string;
  device_key: string;
  used_at: number;
}
