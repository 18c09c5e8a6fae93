import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { http } from '../../probes/http.ts'
import { postgres } from '../../probes/postgres.ts'
import { type Custody, openCustody } from '../../src/custody/custody.ts'
import { type Binding, bindSystem } from '../../src/intake/credential-row.ts'
import { type CredentialIntakeDeps, importCredentials } from '../../src/intake/credentials.ts'
import { importIdentities } from '../../src/intake/identities.ts'
import type { ImportReport } from '../../src/intake/report.ts'
import { type Jobs, openJobs } from '../../src/jobs/jobs.ts'
import { anyProbe, type BoundProbe } from '../../src/probe/probe.ts'
import type { Store } from '../../src/store/db.ts'
import { syncSystems } from '../../src/store/system.ts'
import { given } from './files.ts'

export const NOW = Temporal.Instant.from('2026-11-22T12:00:00Z')
export const DAY_MS = 86_400_000

/** Names of this house's own: many houses share one database. */
export interface House {
  deps: CredentialIntakeDeps
  jobs: Jobs
  custody: Custody
  bindings: ReadonlyMap<string, Binding>
  /** `database` (4 shards), `api`, `moved` (its origin changed), `nightly` (outside its window); each with the house's suffix. */
  system(name: string): string
  systemId(name: string): string
  /** Each system has a zone of its own. */
  zone(system: string): string
  now(): Temporal.Instant
  advance(ms: number): void
  identities(lines: string[], options?: { dryRun?: boolean; name?: string }): Promise<ImportReport>
  credentials(lines: string[], options?: { dryRun?: boolean }): Promise<ImportReport>
  credentialsJson(rows: unknown[], options?: { dryRun?: boolean }): Promise<ImportReport>
  close(): Promise<void>
}

let houses = 0

/** The real queues, custody and probes over one database; only the clock is the test's. */
export async function openHouse(store: Store): Promise<House> {
  const suffix = `h${process.pid}-${++houses}`
  const zone = (system: string) => `${system}-${suffix}`
  const folder = mkdtempSync(join(tmpdir(), 'revenant-intake-'))
  const jobs = await openJobs({
    store,
    trialBudgetMs: 60_000,
    onError: (error) => {
      throw error
    },
  })
  let at = NOW
  const now = () => at
  const custody = await openCustody({ db: store.db, keyRingPath: join(folder, 'keyring.json'), clock: now })
  const probes: Record<string, BoundProbe> = {
    database: anyProbe(postgres).bind({ host: '127.0.0.1', port: 5, database: 'x', tls: 'disable' }),
    api: anyProbe(http).bind({
      url: 'https://api.example.com/user',
      credential: 'bearer',
      accept: [{ when: { status: 200, json: { '/login': { type: 'string' } } } }],
    }),
    moved: anyProbe(postgres).bind({ host: '127.0.0.1', port: 6, database: 'x', tls: 'disable' }),
    nightly: anyProbe(postgres).bind({ host: '127.0.0.1', port: 7, database: 'x', tls: 'disable' }),
  }
  const rows = await syncSystems(
    store.db,
    Object.entries(probes).map(([name, probe]) => ({
      name: `${name}-${suffix}`,
      probe: probe.kind,
      origin: probe.origin,
      tier: 'standard',
      zone: zone(name),
      owner: undefined,
      schedule: name === 'nightly' ? '0 2 * * *' : undefined,
      scheduleDueAt: name === 'nightly' ? NOW.add({ hours: 14 }) : undefined,
      shards: name === 'database' ? 4 : 1,
    })),
    NOW,
  )
  const bindings = new Map<string, Binding>()
  for (const [name, probe] of Object.entries(probes)) {
    const row = rows.get(`${name}-${suffix}`)
    if (row === undefined) throw new Error(`the system ${name} was not made`)
    bindings.set(row.name, bindSystem(name === 'moved' ? { ...row, bound_origin: 'postgres://elsewhere:5432' } : row, probe))
  }
  const deps: CredentialIntakeDeps = {
    db: store.db,
    jobs,
    custody,
    bindings,
    policy: { verifyWithinMs: 3 * DAY_MS, timeZone: 'Europe/Berlin', terminationCutOff: '18:00' },
    actor: 'test',
    now,
  }
  return {
    deps,
    jobs,
    custody,
    bindings,
    zone,
    now,
    system: (name) => `${name}-${suffix}`,
    systemId: (name) => bindings.get(`${name}-${suffix}`)?.systemId ?? '',
    advance: (ms) => {
      at = at.add({ milliseconds: ms })
    },
    identities: (lines, { dryRun = false, name } = {}) =>
      importIdentities(given(`${lines.join('\n')}\n`, 'csv', 1000, name), deps, { dryRun }),
    credentials: (lines, { dryRun = false } = {}) =>
      importCredentials(given(`${lines.join('\n')}\n`, 'csv', 1000), deps, { dryRun }),
    credentialsJson: (lines, { dryRun = false } = {}) =>
      importCredentials(given(lines.map((line) => JSON.stringify(line)).join('\n'), 'jsonl', 1000), deps, { dryRun }),
    close: async () => {
      await jobs.stop(0)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
