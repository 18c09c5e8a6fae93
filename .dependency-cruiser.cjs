/**
 * The floors of the house (docs/architecture.md) as rules. Sources are read by swc, which sees `import type` as well: a type is a
 * dependency like any other. Run by `npm run check`; test/repo/import-rules.test.ts proves that each rule bites.
 */

/** What each folder may import of ours, beside itself. A folder that is not here has a rule of its own below. */
const MAY_IMPORT = {
  'src/domain': [],
  'src/telemetry': [],
  'src/config': ['src/domain'],
  'src/probe': ['src/domain'],
  'src/store': ['src/domain', 'migrations'],
  // The HTTP client of what is asked, and not tried.
  'src/outbound': ['src/domain'],
  'src/custody': ['src/store', 'src/outbound', 'src/domain'],
  'src/jobs': ['src/store', 'src/domain'],
  'src/findings': ['src/store', 'src/domain'],
  'src/alerts': ['src/store', 'src/domain'],
  'src/evidence': ['src/store', 'src/domain'],
  'src/scan': ['src/probe', 'src/findings', 'src/evidence', 'src/custody', 'src/jobs', 'src/store', 'src/domain'],
  'src/intake': ['src/custody', 'src/jobs', 'src/store', 'src/outbound', 'src/domain', 'src/config'],
  'src/api': [
    'src/intake',
    'src/scan',
    'src/alerts',
    'src/findings',
    'src/custody',
    'src/evidence',
    'src/jobs',
    'src/store',
    'src/config',
    'src/probe',
    'src/domain',
    'src/telemetry',
  ],
  // The demo's servers are a company of their own: they know the product's words and nothing of how it works.
  'src/lab': ['src/domain'],
  // The page is another program: of ours it has the language, and of what the API answers the types (dashboard-types). Its worker that
  // verifies has rules of its own (verifier-imports).
  'src/dashboard': ['src/domain', 'src/api/schemas'],
  migrations: [],
}

/** `src/store` → `src/store/` or `src/store.ts`: a folder and the file of its name are one room. */
const room = (name) => `${name}(?:/|\\.ts$)`
const rooms = (names) => `^(?:${names.map(room).join('|')})`
const OURS = '^(?:src|probes|migrations|test|scripts|config)/'

/** What of the page runs in the worker that verifies bundles. */
const VERIFIER = '^src/dashboard/verify/(?:worker|zip-source|crypto|setup)\\.ts$'

const folderRules = Object.entries(MAY_IMPORT).map(([folder, allowed]) => ({
  name: `${folder === 'src/probe' ? 'src-probe' : folder.replace('src/', '')}-imports`,
  comment: `${folder} imports ${allowed.length === 0 ? 'nothing of ours' : `only ${allowed.join(', ')}`}`,
  severity: 'error',
  from: { path: rooms([folder]), ...(folder === 'src/dashboard' ? { pathNot: VERIFIER } : {}) },
  to: { path: OURS, pathNot: rooms([folder, ...allowed]) },
}))

module.exports = {
  forbidden: [
    ...folderRules,
    {
      name: 'probe-imports',
      comment: 'a probe imports the contract, the language and its own parts',
      severity: 'error',
      from: { path: '^probes/([^/.]+)(?:/|\\.ts$)', pathNot: '^probes/registry\\.ts$' },
      to: { path: OURS, pathNot: ['^src/(?:probe|domain)/', '^probes/$1(?:/|\\.ts$)'] },
    },
    {
      name: 'registry-imports',
      comment: 'the list of probes imports the probes, the contract and the language',
      severity: 'error',
      from: { path: '^probes/registry\\.ts$' },
      to: { path: OURS, pathNot: ['^src/(?:probe|domain)/', '^probes/[^/]+\\.ts$'] },
    },
    {
      name: 'registry-only-from-above',
      comment: 'which probes there are is known to the daemon and the commands alone',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(?:daemon(?:/|\\.ts$)|commands/)' },
      to: { path: '^probes/' },
    },
    {
      name: 'daemon-imports',
      comment: 'the composition root opens what lies below it and knows no command',
      severity: 'error',
      from: { path: '^src/daemon(?:/|\\.ts$)' },
      to: { path: '^src/(?:main\\.ts$|commands/|lab/|dashboard/)' },
    },
    {
      name: 'main-imports',
      comment: 'src/main.ts is the command line and nothing else',
      severity: 'error',
      from: { path: '^src/main\\.ts$' },
      to: { path: OURS, pathNot: '^src/commands/' },
    },
    {
      name: 'main-is-the-top',
      comment: 'nothing imports src/main.ts',
      severity: 'error',
      from: {},
      to: { path: '^src/main\\.ts$' },
    },
    {
      name: 'lab-only-from-demo',
      comment: 'the servers of the demo are no part of the daemon',
      severity: 'error',
      from: { path: '^(?:src|probes|migrations)/', pathNot: '^src/(?:lab/|commands/demo(?:/|\\.ts$|-[^/]*\\.ts$))' },
      to: { path: '^src/lab/' },
    },
    {
      name: 'no-tests-in-product',
      comment: 'what is shipped imports nothing of test/ and scripts/',
      severity: 'error',
      from: { path: '^(?:src|probes|migrations)/' },
      to: { path: '^(?:test|scripts)/' },
    },
    {
      name: 'sql-only-in-store',
      comment: 'all SQL lives in src/store and migrations; the lab has a database of its own',
      severity: 'error',
      from: { path: '^(?:src|probes)/', pathNot: '^src/(?:store|lab)/' },
      to: { path: '(?:^|/)node_modules/(?:kysely|pg|@electric-sql/pglite)/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'dashboard-types',
      comment: 'schemas come to the page as types: their code would bring zod and the server along',
      severity: 'error',
      from: { path: '^src/dashboard/' },
      to: { path: '^src/api/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'verifier-imports',
      comment: 'the worker of the page verifies by the very code of the command',
      severity: 'error',
      from: { path: VERIFIER },
      to: { path: OURS, pathNot: ['^src/(?:dashboard|domain|evidence/verify)/', '^src/evidence/crypto\\.ts$'] },
    },
    {
      name: 'verifier-reaches',
      comment: 'what verifies runs in a browser: no database, no file system, no key that signs',
      severity: 'error',
      from: { path: VERIFIER },
      to: {
        path: '^src/(?:store|custody|config|telemetry)/|^src/evidence/(?:verify/open-bundle|note-signer|signers)\\.ts$',
        reachable: true,
      },
    },
    {
      name: 'verifier-only-as-worker',
      comment: 'the verifier is loaded when somebody verifies: the page knows its address, and its messages',
      severity: 'error',
      from: { path: '^src/dashboard/', pathNot: [VERIFIER, '^src/dashboard/verify/run\\.ts$'] },
      to: { path: VERIFIER },
    },
    {
      name: 'no-cycles',
      comment: 'two files that need each other are one file',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-orphans',
      comment:
        'what the command line does not reach is dead. Named: processes of their own, what is preloaded, and what scripts generate from',
      severity: 'error',
      from: { path: '^src/main\\.ts$' },
      to: {
        path: '^(?:src|probes|migrations)/',
        pathNot: [
          '^src/lab/guard-process\\.ts$',
          '^src/store/init-embedded\\.ts$',
          '^src/alerts/formats/document\\.ts$',
          '^src/compile-cache\\.mjs$',
          // Another program: it begins at its own main.tsx.
          '^src/dashboard/',
        ],
        reachable: false,
      },
    },
    {
      name: 'no-dev-dependencies',
      comment: 'what is shipped runs without the development dependencies; the lab loads what it finds, the page is built',
      severity: 'error',
      from: { path: '^(?:src|probes|migrations)/', pathNot: '^src/(?:lab|dashboard)/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no-undeclared-packages',
      comment: 'every package that is imported stands in package.json',
      severity: 'error',
      from: { path: '^(?:src|probes|migrations)/' },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'undetermined'] },
    },
    {
      name: 'no-unresolvable',
      comment: 'every import leads somewhere',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    // TypeScript 7 has no API that dependency-cruiser could use.
    parser: 'swc',
    doNotFollow: { path: '(?:^|/)node_modules/|^(?:test|scripts)/' },
    enhancedResolveOptions: { conditionNames: ['node', 'import', 'types', 'default'], exportsFields: ['exports'] },
  },
}
