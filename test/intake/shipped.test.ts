import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadProbe } from '../../probes/registry.ts'
import { type Binding, bindSystem, CREDENTIAL_COLUMNS } from '../../src/intake/credential-row.ts'
import { importCredentials } from '../../src/intake/credentials.ts'
import { importIdentities } from '../../src/intake/identities.ts'
import { IDENTITY_COLUMNS } from '../../src/intake/identity-row.ts'
import { openSource } from '../../src/intake/source.ts'
import { syncSystems } from '../../src/store/system.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { type House, openHouse } from './house.ts'

const path = (name: string) => new URL(`../../config/examples/${name}`, import.meta.url).pathname
const common = {
  tier: 'standard',
  zone: 'default',
  owner: undefined,
  schedule: undefined,
  scheduleDueAt: undefined,
  shards: 1,
} as const

describe('the shipped samples', () => {
  let opened: TestStore
  let house: House
  const bindings = new Map<string, Binding>()

  beforeAll(async () => {
    const [embedded] = STORES
    if (embedded === undefined) throw new Error('no store')
    opened = await embedded.open()
    house = await openHouse(opened.store)
    const probes = {
      'payroll-db': (await loadProbe('postgres')).bind({ host: '127.0.0.1', port: 5432, database: 'payroll', tls: 'disable' }),
      github: (await loadProbe('github')).bind({ baseUrl: 'https://api.github.com' }),
    }
    const entries = Object.entries(probes).map(([name, probe]) => ({ name, probe: probe.kind, origin: probe.origin, ...common }))
    const rows = await syncSystems(opened.store.db, entries, house.now())
    for (const [name, probe] of Object.entries(probes)) {
      const row = rows.get(name)
      if (row !== undefined) bindings.set(name, bindSystem(row, probe))
    }
  })
  afterAll(async () => {
    await house?.close()
    await opened?.stop()
  })

  it('import without a bad row, whichever format comes first', async () => {
    const deps = { ...house.deps, bindings }
    for (const name of ['identities.csv', 'identities.jsonl']) {
      const report = await importIdentities({ path: path(name) }, deps, { dryRun: false })
      expect(report.bad).toEqual([])
      expect(report.created + report.unchanged).toBe(report.read)
    }
    const csv = await importCredentials({ path: path('credentials.csv') }, deps, { dryRun: false })
    expect(csv).toMatchObject({ bad: [], created: 4, dueNow: 3 })
    const jsonl = await importCredentials({ path: path('credentials.jsonl') }, deps, { dryRun: false })
    expect(jsonl).toMatchObject({ bad: [], skipped: 1, updated: 1, unchanged: 2 })
  })

  it('are read with their size, so that progress can be shown', async () => {
    const bytes = readFileSync(path('identities.csv')).length
    const progress: unknown[] = []
    const options = { dryRun: true, onProgress: (each: unknown) => progress.push(each) }
    await importIdentities({ path: path('identities.csv') }, house.deps, options)
    expect(progress).toEqual([{ bytes, totalBytes: bytes, rows: 6 }])
  })
})

describe('a source', () => {
  it.each([
    ['a file that is not there', { path: '/nowhere/leavers.csv' }, 'no such file'],
    ['a folder', { path: '/tmp', format: 'csv' as const }, 'directory'],
    ['an extension that tells nothing', { path: '/tmp/leavers.xlsx' }, 'save th'],
  ])('that is %s is refused', async (_name, source, message) => {
    await expect(openSource(source)).rejects.toMatchObject({ code: 'INPUT_INVALID', message: expect.stringContaining(message) })
  })
})

describe('docs/import.md', () => {
  const text = readFileSync(new URL('../../docs/import.md', import.meta.url), 'utf8')
  const columns = [IDENTITY_COLUMNS, CREDENTIAL_COLUMNS].flatMap((each) => [...Object.keys(each.names), ...each.ignored])
  it.each([...new Set(columns)])('tells of %s', (name) => expect(text).toContain(`\`${name}\``))
})
