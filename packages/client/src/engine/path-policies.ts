/** Which ways may be taken to which user; a file in the profile. Whoever is not in it goes as the client was started. */
import { readIfThere, writePrivateFile } from '@parley/files';
import type { PathPolicy } from '@parley/rendezvous';

const pathPolicies: readonly PathPolicy[] = ['auto', 'direct-only', 'relay-only'];

export class PathPolicies {
  readonly #path: string;
  /** By `host:port` and user. */
  #policies: ReadonlyMap<string, ReadonlyMap<string, PathPolicy>>;

  /** @throws Error for a file of another form: a policy that got lost could show an address that is to be hidden */
  constructor(path: string) {
    this.#path = path;
    const text = readIfThere(path);
    this.#policies = text === undefined ? new Map<string, Map<string, PathPolicy>>() : parse(text);
  }

  of(server: string, user: string): PathPolicy | undefined {
    return this.#policies.get(server)?.get(user);
  }

  /** Written at once, or not set. @throws what the file system does @param policy null: none of its own any more */
  set(server: string, user: string, policy: PathPolicy | null): void {
    const users = new Map(this.#policies.get(server));
    if (policy === null) users.delete(user);
    else users.set(user, policy);
    const policies = new Map(this.#policies).set(server, users);
    if (users.size === 0) policies.delete(server);
    const servers = Object.fromEntries([...policies].map(([name, of]) => [name, Object.fromEntries(of)]));
    writePrivateFile(this.#path, `${JSON.stringify({ version: 1, servers }, null, 2)}\n`);
    this.#policies = policies;
  }
}

function parse(text: string): Map<string, Map<string, PathPolicy>> {
  const plain = JSON.parse(text) as unknown;
  if (!isRecord(plain) || plain['version'] !== 1 || !isRecord(plain['servers'])) {
    throw new Error('paths.json is not of version 1');
  }
  return new Map(Object.entries(plain['servers']).map(([server, users]) => [server, policiesOf(users)]));
}

function policiesOf(users: unknown): Map<string, PathPolicy> {
  if (!isRecord(users)) throw new Error('paths.json does not have the form of version 1');
  return new Map(
    Object.entries(users).map(([user, value]) => {
      const policy = pathPolicies.find((known) => known === value);
      if (!policy) throw new Error(`paths.json has a wrong entry for ${user}`);
      return [user, policy];
    }),
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
