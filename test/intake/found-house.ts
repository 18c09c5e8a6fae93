import { loadProbe } from '../../probes/registry.ts'
import { openBox, type SecretValue } from '../../src/custody/box.ts'
import { bindSystem } from '../../src/intake/credential-row.ts'
import type { ConfiguredSystem } from '../../src/intake/found/configured-system.ts'
import type { FoundDeps, FoundWords } from '../../src/intake/found/import-found.ts'
import { type CredentialListing, listCredentials } from '../../src/store/credential.ts'
import { findSecret } from '../../src/store/secret.ts'
import { syncSystems } from '../../src/store/system.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { type House, NOW, openHouse } from './house.ts'

const accept = [{ when: { status: 200, json: { '/login': { type: 'string' } } } }]

/** One system for each way in which a secret finds its place. */
const SYSTEMS = {
  github: ['github', {}],
  gitlab: ['gitlab', { baseUrl: 'https://git.example.com/api/v4' }],
  npm: ['npm', { registry: 'https://npm.example.com' }],
  slack: ['slack', {}],
  hook: ['slack-webhook', {}],
  vault: ['vault', { address: 'https://vault.example.com:8200' }],
  okta: ['okta', { baseUrl: 'https://acme.okta.com' }],
  jira: ['jira', { baseUrl: 'https://acme.atlassian.net' }],
  datadog: ['datadog', { site: 'datadoghq.eu' }],
  cloudflare: ['cloudflare', {}],
  hub: ['docker-hub', {}],
  registry: ['docker-registry', { url: 'https://registry.example.com:5000' }],
  payroll: ['postgres', { host: 'db.example.com', database: 'payroll' }],
  directory: ['ldap', { host: 'ldap.example.com', dn: 'uid={username},dc=example,dc=com' }],
  bastion: ['ssh', { host: 'bastion.example.com' }],
  intranet: ['http', { url: 'https://intranet.example.com/me', credential: 'basic', accept }],
  cluster: ['http', { url: 'https://kube.example.com:6443/api', credential: 'bearer', accept }],
  terraform: ['http', { url: 'https://app.terraform.io/api/v2/account/details', credential: 'bearer', accept }],
  'twin-a': ['npm', { registry: 'https://twins.example.com/a' }],
  'twin-b': ['npm', { registry: 'https://twins.example.com/b' }],
} as const satisfies Record<string, readonly [string, Record<string, unknown>]>

const PLACEMENTS: Readonly<Record<string, ConfiguredSystem['placement']>> = {
  intranet: 'basic',
  cluster: 'bearer',
  terraform: 'bearer',
}

export interface FoundHouse extends Omit<House, 'deps'> {
  store: TestStore['store']
  deps: FoundDeps
  /** What the operator says, nothing by default. */
  words(changes?: Partial<FoundWords>): FoundWords
  held(identity: string): Promise<CredentialListing[]>
  /** What an identity holds by system, opened. */
  secrets(identity: string): Promise<[string, SecretValue][]>
}

/** The intake's house with systems of every kind; `anna` has left, `bob` is here. */
export async function openFoundHouse(): Promise<FoundHouse> {
  const embedded = STORES.find(({ name }) => name === 'PGlite')
  if (embedded === undefined) throw new Error('there is no embedded database')
  const opened = await embedded.open()
  const { store } = opened
  const { deps: intake, ...house } = await openHouse(store)
  const { bindings: _bindings, ...rest } = intake
  const systems = await openSystems(store.db)
  await house.identities([
    'external_id,status,terminated_at,email',
    'anna,terminated,2026-11-20T10:00:00Z,Anna@example.com',
    'bob,active,,bob@example.com',
    'twin-1,active,,twin@example.com',
    'twin-2,active,,twin@example.com',
  ])
  const held = (identity: string) => listCredentials(store.db, { identity, limit: 100 })
  const deps: FoundDeps = { ...rest, systems }
  const open = async ({ id, system }: CredentialListing): Promise<[string, SecretValue]> => {
    const row = await findSecret(store.db, id)
    if (row === undefined) throw new Error('no secret')
    const { sealed, reference, origin, reference_mac: referenceMac, pinned } = row
    const secret = { credentialId: id, systemId: row.system_id, origin, sealed, reference, referenceMac, pinned }
    return [system, openBox(await house.custody.open(secret, origin))]
  }
  return {
    ...house,
    store,
    deps,
    words: (changes = {}) => ({ mappings: [], folders: [], ...changes }),
    held,
    secrets: async (identity) => {
      const all = await Promise.all((await held(identity)).map(open))
      return all.toSorted((a, b) => `${a[0]} ${JSON.stringify(a[1])}`.localeCompare(`${b[0]} ${JSON.stringify(b[1])}`))
    },
    close: async () => {
      await house.close()
      await opened.stop()
    },
  }
}

async function openSystems(db: TestStore['store']['db']): Promise<Map<string, ConfiguredSystem>> {
  const probes = new Map(
    await Promise.all(
      Object.entries(SYSTEMS).map(async ([name, [kind, target]]) => [name, (await loadProbe(kind)).bind(target)] as const),
    ),
  )
  const common = {
    tier: 'standard',
    zone: 'found',
    owner: undefined,
    schedule: undefined,
    scheduleDueAt: undefined,
    shards: 1,
  } as const
  const rows = await syncSystems(
    db,
    [...probes].map(([name, probe]) => ({ name, probe: probe.kind, origin: probe.origin, ...common })),
    NOW,
  )
  return new Map(
    [...probes].flatMap(([name, probe]) => {
      const row = rows.get(name)
      const placement = PLACEMENTS[name]
      if (row === undefined) return []
      return [[name, { name, binding: bindSystem(row, probe), ...(placement === undefined ? {} : { placement }) }] as const]
    }),
  )
}
