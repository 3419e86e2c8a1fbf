// The layers of the house: imports go down only. Each rule says why.
const pure =
  '^packages/(gateways|protocol|rendezvous|simulator|text)/(src|dist)|^packages/transport/(src|dist)/(?!node/)|^packages/server/(src|dist)/domain/';
const tests = '\\.test\\.(ts|js)$|^test/|/src/testing/';

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'no-circular',
      comment: 'A cycle has no bottom to understand it from.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'pure-knows-no-platform',
      comment: 'Protocol cores know no socket, clock or random source: same seed, same bug.',
      severity: 'error',
      from: { path: pure, pathNot: tests },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'pure-knows-no-driver',
      comment: 'The cores of the transport are driven, they do not drive.',
      severity: 'error',
      from: { path: '^packages/transport/src/(?!node/)', pathNot: tests },
      to: { path: '^packages/transport/src/node/' },
    },
    {
      name: 'cores-do-not-know-each-other',
      comment:
        'protocol, transport, rendezvous and gateways can each be read, tested and replaced alone; text lies below.',
      severity: 'error',
      from: { path: '^packages/(gateways|protocol|rendezvous|text|transport)/', pathNot: tests },
      to: { path: '^packages/(?!$1/|text/)' },
    },
    {
      name: 'gateways-do-not-know-each-other',
      comment: 'Each older system is a codec and a session machine of its own.',
      severity: 'error',
      from: { path: '^packages/gateways/src/([^/]+)/' },
      to: { path: '^packages/gateways/src/', pathNot: '^packages/gateways/src/$1/' },
    },
    {
      name: 'domain-knows-protocol-only',
      comment: 'What the server is about does not depend on how it is stored or reached.',
      severity: 'error',
      from: { path: '^packages/server/src/domain/', pathNot: tests },
      to: { path: '^packages/', pathNot: '^packages/(server/(src|dist)/domain|protocol)/' },
    },
    {
      name: 'store-knows-domain-ports-only',
      comment: 'The store fills the ports that the domain declares.',
      severity: 'error',
      from: { path: '^packages/store/' },
      to: { path: '^packages/', pathNot: '^packages/(store|protocol|files|server/(src|dist)/domain)/' },
    },
    {
      name: 'only-compose-builds',
      comment: 'One place joins the real parts, so that every other can be tested with others.',
      severity: 'error',
      from: { path: '^packages/(server|client)/src/', pathNot: [tests, '/compose\\.ts$'] },
      to: { path: '^packages/store/' },
    },
    {
      name: 'client-and-server-meet-in-protocol',
      comment: 'What both know lies below both; neither knows the other.',
      severity: 'error',
      from: { path: '^packages/(client|server)/' },
      to: { path: '^packages/(client|server)/', pathNot: '^packages/$1/' },
    },
    {
      name: 'engine-knows-no-terminal',
      comment: 'The engine is a library; the terminal is one of its users.',
      severity: 'error',
      from: { path: '^packages/client/src/engine/' },
      to: { path: '^packages/client/src/(terminal|main|compose)' },
    },
    {
      name: 'simulator-is-for-tests',
      comment: 'Nothing that ships depends on the virtual network.',
      severity: 'error',
      from: { path: '^packages/(?!simulator/)', pathNot: tests },
      to: { path: '^packages/simulator/' },
    },
    {
      name: 'zod-in-protocol-only',
      comment: 'Values are checked once, at the edge of the control protocol.',
      severity: 'error',
      from: { path: '^(packages/(?!protocol/)|test/)' },
      to: { path: 'node_modules/zod/' },
    },
    {
      name: 'kysely-in-store-only',
      comment: 'SQL has one room.',
      severity: 'error',
      from: { path: '^(packages/(?!store/)|test/)' },
      to: { path: 'node_modules/(kysely|better-sqlite3)/' },
    },
    {
      name: 'resolvable',
      comment: 'An import that leads nowhere.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    // Other packages are seen as what they are to each other: their compiled output.
    doNotFollow: { path: 'node_modules|/dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['types', 'import', 'default'] },
  },
};
