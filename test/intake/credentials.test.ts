import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openBox } from '../../src/custody/box.ts'
import { retireCredential } from '../../src/intake/retire.ts'
import { terminateIdentity } from '../../src/intake/terminate.ts'
import { type CredentialListing, listCredentials } from '../../src/store/credential.ts'
import { findSecret } from '../../src/store/secret.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { DAY_MS, type House, openHouse } from './house.ts'

const PAST = '2026-11-20T10:00:00Z'
const HEAD = 'identity,system,label,secret.username,secret.password'
/** Whatever quotes a secret is found by this. */
const MARK = 'qUx7-marked'

describe.each(STORES.filter((kind) => kind.available))('importing credentials into $name', (kind) => {
  let opened: TestStore
  let house: House
  let serial = 0
  const active = async () => addIdentity('active,')
  const left = async (at = PAST) => addIdentity(`terminated,${at}`)
  const addIdentity = async (standing: string) => {
    const externalId = `c${++serial}-${process.pid}`
    await house.identities(['external_id,status,terminated_at', `${externalId},${standing}`])
    return externalId
  }
  const held = (identity: string) => listCredentials(opened.store.db, { identity, limit: 100 })
  const only = async (identity: string): Promise<CredentialListing> => {
    const [first, ...more] = await held(identity)
    if (first === undefined || more.length > 0)
      throw new Error(`${identity} has ${more.length + (first === undefined ? 0 : 1)} credentials`)
    return first
  }
  const secretOf = async (credentialId: string) => {
    const row = await findSecret(opened.store.db, credentialId)
    if (row === undefined) throw new Error('no secret')
    const { sealed, reference, origin, reference_mac: referenceMac, pinned } = row
    return openBox(
      await house.custody.open(
        { credentialId, systemId: row.system_id, origin, sealed, reference, referenceMac, pinned },
        origin,
      ),
    )
  }

  beforeAll(async () => {
    opened = await kind.open()
    house = await openHouse(opened.store)
  })
  afterAll(async () => {
    await house?.close()
    await opened?.stop()
  })

  it('seals secrets for their system, and changes nothing the second time', async () => {
    const [here, gone] = [await active(), await left()]
    const file = [
      'identity,system,label,kind,principal,privilege,shared,handover_by,secret.username,secret.password,secret.token',
      `${here},${house.system('database')},main,password,svc,admin,true,2026-12-31,svc, sp aced ,`,
      `${gone},${house.system('api')},,,,,,,,,t0ken`,
    ]
    expect(await house.credentials(file, { dryRun: true })).toMatchObject({ created: 2, dueNow: 1, bad: [] })
    expect(await held(here)).toEqual([])
    expect(await house.credentials(file)).toMatchObject({ created: 2, dueNow: 1, bad: [] })
    expect(await house.credentials(file)).toMatchObject({ created: 0, updated: 0, unchanged: 2, dueNow: 0 })
    const first = await only(here)
    expect(first).toMatchObject({
      label: 'main',
      kind: 'password',
      principal: 'svc',
      privilege: 'admin',
      shared: true,
      secret: 'sealed',
    })
    expect(first).toMatchObject({ due_at: null, terminated_at: null })
    expect(first.handover_by?.toString()).toBe('2026-12-31T17:00:00Z')
    expect(await secretOf(first.id)).toEqual({ username: 'svc', password: ' sp aced ' })
    const second = await only(gone)
    expect(second).toMatchObject({ label: 'http', kind: 'http', privilege: 'standard', shared: false })
    expect(second.due_at?.toString()).toBe(house.now().toString())
    expect(second.terminated_at?.toString()).toBe(PAST)
    expect(await secretOf(second.id)).toEqual({ token: 't0ken' })
  })

  it('wakes a worker for what is due, leaves a closed window to the tick', async () => {
    const gone = await left()
    await house.credentials([HEAD, `${gone},${house.system('nightly')},a,u,p`])
    expect(await house.jobs.pendingTrials(house.zone('nightly'))).toBe(0)
    await house.credentials([`identity,system,secret.token`, `${gone},${house.system('api')},p`])
    expect(await house.jobs.pendingTrials(house.zone('api'))).toBe(1)
  })

  it('waits for a last day that lies ahead', async () => {
    const later = house.now().add({ hours: 72 })
    const leaver = await left(later.toString())
    expect(await house.credentials([HEAD, `${leaver},${house.system('database')},a,u,p`])).toMatchObject({
      created: 1,
      dueNow: 0,
    })
    expect((await only(leaver)).due_at?.toString()).toBe(later.toString())
  })

  it('keeps references as they are', async () => {
    const holder = await active()
    const rows = [
      { identity: holder, system: house.system('database'), label: 'file', secret_ref: 'file:/run/secrets/db.json' },
      {
        identity: holder,
        system: house.system('database'),
        label: 'fields',
        secret_ref: { username: 'svc', password: 'env:DB_PASSWORD' },
      },
    ]
    expect(await house.credentialsJson(rows)).toMatchObject({ created: 2, bad: [] })
    expect(await house.credentialsJson(rows)).toMatchObject({ unchanged: 2 })
    const [fields, file] = (await held(holder)).toSorted((a, b) => a.label.localeCompare(b.label))
    expect(file).toMatchObject({ secret: 'reference' })
    expect((await findSecret(opened.store.db, file?.id ?? ''))?.reference).toBe('file:/run/secrets/db.json')
    expect((await findSecret(opened.store.db, fields?.id ?? ''))?.reference).toBe(
      '{"username":"svc","password":"env:DB_PASSWORD"}',
    )
    expect(file?.fingerprint).not.toBe(fields?.fingerprint)
  })

  it('checks a new secret under a known label as a new one', async () => {
    const gone = await left()
    const row = (password: string, label = 'a') => [HEAD, `${gone},${house.system('database')},${label},u,${password}`]
    await house.credentials(row('old'))
    const before = await only(gone)
    await opened.store.db
      .updateTable('check_state')
      .set({ verdict: 'rejected', dead_at: PAST, first_rejected_at: PAST, rejections: 2, due_at: '2026-12-01T00:00:00Z' })
      .where('credential_id', '=', before.id)
      .execute()
    expect(await house.credentials(row('old'))).toMatchObject({ unchanged: 1 })
    expect(await house.credentials(row('new'), { dryRun: true })).toMatchObject({ updated: 1, dueNow: 1 })
    expect(await house.credentials(row('new'))).toMatchObject({ updated: 1, dueNow: 1 })
    const after = await only(gone)
    expect(after).toMatchObject({ id: before.id, verdict: null, dead_at: null, first_rejected_at: null })
    expect(after.fingerprint).not.toBe(before.fingerprint)
    expect(after.due_at?.toString()).toBe(house.now().toString())
    expect(await secretOf(after.id)).toEqual({ username: 'u', password: 'new' })
  })

  it('changes what a row says and keeps the rest, the check included', async () => {
    const gone = await left()
    const system = house.system('database')
    await house.credentials([
      'identity,system,label,kind,privilege,principal,secret.username,secret.password',
      `${gone},${system},a,pw,admin,svc,u,p`,
    ])
    const before = await only(gone)
    house.advance(1000)
    expect(
      await house.credentials([
        'identity,system,label,shared,principal,secret.username,secret.password',
        `${gone},${system},a,yes,,u,p`,
      ]),
    ).toMatchObject({ updated: 1, dueNow: 0 })
    const after = await only(gone)
    expect(after).toMatchObject({ id: before.id, kind: 'pw', privilege: 'admin', shared: true, principal: null })
    expect(after.due_at?.toString()).toBe(before.due_at?.toString())
  })

  it('retires, and brings back only what a row says outright', async () => {
    const gone = await left()
    const row = (retired: string) => [`${HEAD},retired`, `${gone},${house.system('database')},a,u,p,${retired}`]
    const without = [HEAD, `${gone},${house.system('database')},a,u,p`]
    expect(
      await house.credentials(['identity,system,label,retired', `${gone},${house.system('database')},a,true`]),
    ).toMatchObject({ skipped: 1, created: 0 })
    await house.credentials(without)
    const { id, fingerprint } = await only(gone)
    expect(await house.credentials(row('true'))).toMatchObject({ updated: 1 })
    expect(await held(gone)).toEqual([])
    const [retired] = await listCredentials(opened.store.db, { id, limit: 1 })
    expect(retired).toMatchObject({ secret: 'none', due_at: null, fingerprint, retired_at: expect.anything() })
    expect(await house.credentials(row('true'))).toMatchObject({ unchanged: 1 })
    expect(await house.credentials(without)).toMatchObject({ skipped: 1, updated: 0 })
    expect(await house.credentials(row(''))).toMatchObject({ skipped: 1, updated: 0 })
    expect(await terminateIdentity(gone, house.now(), house.deps)).toMatchObject({ dueNow: 0 })
    expect(await house.credentials(row('false'))).toMatchObject({ updated: 1, dueNow: 1 })
    expect(await only(gone)).toMatchObject({ id, fingerprint, secret: 'sealed', retired_at: null })
    expect(await retireCredential(id, house.deps)).toBe(true)
    expect(await retireCredential(id, house.deps)).toBe(false)
    expect((await listCredentials(opened.store.db, { id, limit: 1 }))[0]).toMatchObject({ secret: 'none', due_at: null })
    for (const unknown of ['nothing', '019aaaaa-0000-7000-8000-000000000000']) {
      await expect(retireCredential(unknown, house.deps)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    }
  })

  it('tells bad rows by their lines, quotes no secret, keeps the good rows', async () => {
    const holder = await active()
    const [database, api] = [house.system('database'), house.system('api')]
    const report = await house.credentials([
      `${HEAD},secret.token,secret_ref`,
      `nobody-known,${database},a,u,${MARK},,`,
      `${holder},databse-x,a,u,${MARK},,`,
      `${holder},${house.system('moved')},a,u,${MARK},,`,
      `${holder},${database},a,u,,,`,
      `${holder},${database},b,,,,`,
      `${holder},${database},c,u,${MARK},,env:${MARK}`,
      `${holder},${database},d,,,,${MARK}`,
      `${holder},${database},e,,,,"{""username"":""env:U"",""password"":""${MARK}""}"`,
      `${holder},${database},f,u,env:NOT_A_REFERENCE_HERE,,`,
      `${holder},${database},g,u,${MARK},${MARK},`,
      `${holder},${database},h,u,${MARK},,`,
      `${holder},${database},h,u,other,,`,
      `${holder},${api},i,,,"${MARK}"x,`,
      `${holder},${api},j,,,${MARK}"x,`,
      `${holder},${api},k,,,${MARK},,,`,
    ])
    expect(report.bad).toEqual([
      { line: 2, field: 'identity', message: expect.stringContaining('not known') },
      { line: 3, field: 'system', message: expect.stringContaining('none of the configuration') },
      { line: 4, field: 'system', code: 'ORIGIN_CHANGED', message: expect.stringContaining('systems rebind') },
      { line: 5, field: 'secret', code: 'SECRET_INVALID', message: expect.stringContaining('password') },
      { line: 6, field: 'secret', message: expect.stringContaining('is missing') },
      { line: 7, field: 'secret_ref', message: expect.stringContaining('one of them') },
      { line: 8, field: 'secret', code: 'SECRET_INVALID', message: expect.stringContaining('reference') },
      { line: 9, field: 'secret', code: 'SECRET_INVALID', message: expect.stringContaining('holds a secret itself') },
      { line: 10, field: 'secret', code: 'SECRET_INVALID', message: expect.stringContaining('"password" is a reference') },
      { line: 11, field: 'secret', code: 'SECRET_INVALID', message: expect.any(String) },
      { line: 13, field: 'label', message: expect.stringContaining('line 12') },
      { line: 14, message: expect.stringContaining('closing quote') },
      { line: 15, message: expect.stringContaining('quote inside') },
      { line: 16, message: expect.stringContaining('fields') },
    ])
    expect(report).toMatchObject({ read: 15, created: 1, badTotal: 14 })
    expect(JSON.stringify(report)).not.toContain(MARK)
    expect((await only(holder)).label).toBe('h')
  })

  it('refuses empty and misshapen secrets of JSON rows', async () => {
    const holder = await active()
    const system = house.system('database')
    const secrets = [
      {},
      { username: 'u', password: '' },
      { username: 'u', password: 7 },
      [MARK],
      MARK,
      { username: 'u', password: '\ud800' },
      { [MARK]: MARK },
    ]
    const report = await house.credentialsJson(
      secrets.map((secret, index) => ({ identity: holder, system, label: `l${index}`, secret })),
    )
    expect(report.bad.map(({ line, code }) => [line, code])).toEqual([
      [1, 'SECRET_EMPTY'],
      [2, 'SECRET_EMPTY'],
      [3, 'SECRET_INVALID'],
      [4, 'SECRET_INVALID'],
      [5, 'SECRET_INVALID'],
      [6, 'SECRET_INVALID'],
      [7, 'SECRET_INVALID'],
    ])
    expect(JSON.stringify(report)).not.toContain(MARK)
  })

  it('takes nothing for a secret that was meant as a reference', async () => {
    const holder = await active()
    const system = house.system('database')
    const row = (label: string, given: object) => ({ identity: holder, system, label, ...given })
    const meant = ['env: X', 'Env:X', ' env:X', 'vault:kv/app secret#x', 'file:secret.json', `vault:main/${MARK} x`]
    const report = await house.credentialsJson([
      ...meant.map((password, n) => row(`s${n}`, { secret: { username: 'u', password } })),
      ...meant.map((password, n) => row(`r${n}`, { secret_ref: { username: 'env:U', password } })),
      // Blanks about a cell that is no secret are taken off.
      ...meant.filter((text) => text.trim() === text).map((reference, n) => row(`w${n}`, { secret_ref: reference })),
      row('name', { secret_ref: { username: 'env: U', password: 'env:X' } }),
      row('key', { secret: { username: 'u', [MARK]: 'env:X' } }),
    ])
    expect(report.created).toBe(0)
    expect(report.bad.map(({ code }) => code)).toEqual(Array.from({ length: 3 * meant.length + 1 }, () => 'SECRET_INVALID'))
    expect(report.bad[0]?.message).toContain('"password" is a reference that is not well-formed')
    expect(report.bad[meant.length]?.message).toContain('"password" of a secret reference is a reference that is not well-formed')
    expect(JSON.stringify(report)).not.toContain(MARK)
  })

  it('takes a secret that only begins like one', async () => {
    const gone = await left()
    const password = 'vault:v1:8SDd3WHDOjf7mq69CyCqYjBXAiQQAVZRkFM13ok481zoCmHnSeDX9g=='
    const secret = { username: 'svc', password }
    await house.credentialsJson([{ identity: gone, system: house.system('database'), label: 'a', secret }])
    expect(await secretOf((await only(gone)).id)).toEqual(secret)
  })

  it('leaves no secret anywhere but sealed', async () => {
    const gone = await left()
    await house.credentials([HEAD, `${gone},${house.system('database')},a,svc,${MARK}-one`])
    await house.credentials([HEAD, `${gone},${house.system('database')},a,svc,${MARK}-two`])
    const { rows: tables } = await sql<{ schema: string; name: string }>`
      select schemaname as schema, tablename as name from pg_tables where schemaname in ('public', 'pgboss')`.execute(
      opened.store.db,
    )
    expect(tables.length).toBeGreaterThan(15)
    for (const { schema, name } of tables) {
      const { rows } = await sql<{ text: string }>`select t::text as text from ${sql.table(`${schema}.${name}`)} t`.execute(
        opened.store.db,
      )
      const text = rows.map((row) => row.text).join('\n')
      expect(text).not.toContain(MARK)
      expect(text).not.toContain(Buffer.from(MARK).toString('hex'))
      expect(text).not.toContain(Buffer.from(MARK).toString('base64').slice(0, 12))
    }
  })

  it('counts the latency of a revocation', async () => {
    const gone = await left()
    await house.credentials([HEAD, `${gone},${house.system('database')},a,svc,p`])
    const { id } = await only(gone)
    await opened.store.db
      .updateTable('check_state')
      .set({ first_rejected_at: '2026-11-21T10:00:00.5Z' })
      .where('credential_id', '=', id)
      .execute()
    expect((await only(gone)).latency_ms).toBe(DAY_MS + 500)
  })
})
