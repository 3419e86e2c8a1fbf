import { gatewayFingerprint, type ConnectedServer, type FoundServer } from '../../engine/api.js';
import { hostAndPort } from '../../engine/server-address.js';
import { credentialArguments, noArguments, serverArgument, trustArgument } from '../arguments.js';
import { declare } from '../command.js';
import { throughGateway } from '../path-words.js';

const passwordAdvice = [
  'At a terminal leave the password out: it is then asked for and not shown. On the line it is for scripts: others may',
  'see it on the screen or in the file. Quote a password that holds spaces: "like this one"; \\" is a quote in it.',
];

export const connect = declare({
  name: 'c',
  long: 'connect',
  usage: 'c [host[:port]]',
  doc: 'connects to a server; the port is 7420 unless told; without a host lists those on this LAN',
  details: [
    'At first contact the fingerprint of its certificate is shown and pinned; with a changed one nothing goes on until',
    'trust <host:port>.',
  ],
  subjects: ['server'],
  parse: serverArgument,
  run: async ({ client, signal }, server): Promise<ConnectedServer | FoundServer[]> =>
    server === undefined ? client.discover({ signal }) : client.connect(server, { signal }),
  data: (result) => {
    if (Array.isArray(result)) {
      return { servers: result.map(({ name, host, port, address }) => ({ name, host, port, address })) };
    }
    const { server, fingerprint } = result;
    return { server, fingerprint };
  },
  lines: (result) => {
    if (Array.isArray(result)) return serverLines(result);
    const { server, fingerprint, firstContact } = result;
    if (fingerprint === null) return [`connected to ${server} without TLS`];
    if (!firstContact) return [`connected to ${server}`];
    return [`connected to ${server} for the first time; its fingerprint, pinned from now on:`, `  ${fingerprint}`];
  },
});

function serverLines(found: readonly FoundServer[]): string[] {
  if (found.length === 0) return ['no server on this LAN says that it is there; c <host> connects to one you know'];
  const width = Math.max(...found.map(({ name }) => name.length));
  return found.map(
    (server, i) => `${String(i + 1)}  ${server.name.padEnd(width)}  ${hostAndPort(server.address, server.port)}`,
  );
}

export const register = declare({
  name: 'register',
  long: 'register',
  usage: 'register <user> <password>',
  doc: 'creates an account and logs in',
  details: [
    'A name has 2 to 32 of a-z, 0-9, _ and -, a letter or digit first; a password 8 to 1,024 characters.',
    ...passwordAdvice,
  ],
  subjects: ['new-account', 'new-password'],
  parse: credentialArguments,
  run: ({ client, signal }, { name, password }) => client.register(name, password, { signal }),
  data: ({ user }) => ({ user }),
  lines: ({ user }, style) => [`the account ${style.name(user)} is yours, and you are logged in`],
});

export const login = declare({
  name: 'login',
  long: 'login',
  usage: 'login <user> <password>',
  doc: 'logs in',
  details: passwordAdvice,
  subjects: ['account', 'password'],
  parse: credentialArguments,
  run: ({ client, signal }, { name, password }) => client.login(name, password, { signal }),
  data: ({ user }) => ({ user }),
  lines: ({ user }, style) => [`logged in as ${style.name(user)}`],
});

export const trust = declare({
  name: 'trust',
  long: 'trust',
  usage: 'trust <user>|<host:port>',
  doc: 'accepts the changed key of a user, or the changed certificate of a server',
  details: [
    'Ask first, over another channel, whether the change is meant: it may be somebody in between. A user who had a key',
    'and now comes through a gateway has none: trust then forgets the pinned one, and what is said is not end-to-end',
    'encrypted.',
  ],
  subjects: ['trusted'],
  parse: trustArgument,
  run: ({ client }, subject) => client.trust(subject),
  data: ({ trusted, fingerprint }) => ({ trusted, fingerprint }),
  lines: ({ trusted, fingerprint }, style) =>
    fingerprint === gatewayFingerprint
      ? [`the key of ${trusted} is forgotten`, style.alarm(`what is said to ${trusted} goes ${throughGateway}`)]
      : [`${trusted} is trusted with`, `  ${fingerprint}`],
});

export const disconnect = declare({
  name: 'd',
  long: 'disconnect',
  usage: 'd',
  doc: 'ends what is open and leaves the server',
  parse: noArguments,
  run: ({ client, signal }) => client.disconnect({ signal }),
  data: () => ({}),
  lines: () => ['disconnected'],
});
