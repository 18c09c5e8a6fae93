import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { type Custody, openCustody } from '../../src/custody/custody.ts'
import { CONFIG_CHECKS } from '../../src/daemon/checks.ts'
import { openSystems } from '../../src/daemon/systems.ts'
import { newId, slotOf } from '../../src/domain/id.ts'
import type { Db } from '../../src/store/db.ts'
import { openStore } from '../../src/store/open-store.ts'
import { type OauthServer, SECRETS, startOauth } from '../servers/oauth.ts'
import { type DaemonProcess, launchDaemon } from './process.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const ENV = { CRASH_TEST_APP: SECRETS.app }

/** A folder with a daemon's configuration: one authorization server whose refresh tokens are redeemed. */
function configure(issuer: string): { folder: string; configPath: string } {
  const folder = mkdtempSync(join(tmpdir(), 'revenant-rotation-'))
  closers.push(() => rmSync(folder, { recursive: true, force: true }))
  const configPath = join(folder, 'revenant.yaml')
  writeFileSync(
    configPath,
    `
database: { dataDir: ${folder}/data }
listen: 127.0.0.1:0
keyRing: ${folder}/keyring.json
scan: { tick: 1s }
policy: { confirmAfter: 1d, cadence: [{ every: 1d }] }
systems:
  - name: id
    probe: oauth
    target: { issuer: "${issuer}", client: { id: app, secret: env:CRASH_TEST_APP }, redeem: rotating }
    allowEffects: [rotates-token, mints-session]
telemetry: { logLevel: info }
`,
  )
  return { folder, configPath }
}

/** Opens the house while no daemon has it. */
async function inside<Value>(folder: string, work: (db: Db, custody: Custody) => Promise<Value>): Promise<Value> {
  const store = await openStore({ dataDir: join(folder, 'data') })
  try {
    const custody = await openCustody({
      db: store.db,
      keyRingPath: join(folder, 'keyring.json'),
      clock: () => Temporal.Now.instant(),
    })
    return await work(store.db, custody)
  } finally {
    await store.close()
  }
}

/** Brings a leaver in, with one refresh token. */
async function seed(db: Db, custody: Custody, configPath: string, refreshToken: string): Promise<void> {
  const now = Temporal.Now.instant()
  const systems = await openSystems(db, await loadConfig(configPath, CONFIG_CHECKS), now)
  const opened = systems.byName('id')
  if (opened === undefined) throw new Error('the system was not made')
  await systems.close()
  const [id, identityId, systemId, origin] = [newId(), newId(), opened.row.id, opened.probe.origin]
  const left = now.subtract({ hours: 48 }).toString()
  const { sealed, dataKeyId } = await custody.seal({ credentialId: id, systemId, origin }, { refreshToken })
  const who = { id: identityId, external_id: 'anna', kind: 'human', name: 'Anna', source: 'test', terminated_at: left } as const
  await db.insertInto('identity').values(who).execute()
  const of = { id, identity_id: identityId, system_id: systemId, label: 'app', kind: 'oauth', fingerprint: 'f' }
  await db
    .insertInto('credential')
    .values({ ...of, principal: null, privilege: 'standard' })
    .execute()
  await db
    .insertInto('secret')
    .values({ credential_id: id, system_id: systemId, origin, sealed, data_key_id: dataKeyId, reference: null })
    .execute()
  const check = { credential_id: id, system_id: systemId, slot: slotOf(id), due_at: left, terminated_at: left }
  await db
    .insertInto('check_state')
    .values({ ...check, verify_by: now.add({ hours: 72 }).toString() })
    .execute()
}

/** A daemon until it has ended a trial. */
async function untilJudged(daemon: DaemonProcess): Promise<void> {
  await expect.poll(() => /trial finished/.test(daemon.log()), { timeout: 20_000, interval: 50 }).toBe(true)
  await daemon.end('SIGTERM')
}

describe('a daemon that is killed while the server redeems a token', () => {
  it('never sends that token again and never calls it dead', { timeout: 90_000 }, async () => {
    const server: OauthServer = await startOauth()
    closers.push(() => server.stop())
    const { folder, configPath } = configure(server.issuer)
    const { refreshToken } = await server.login('anna')
    await inside(folder, (db, custody) => seed(db, custody, configPath, refreshToken))

    const first = launchDaemon(configPath, ENV)
    closers.push(() => first.end('SIGKILL'))
    // The server has spent the token and made its successor; the answer finds nobody.
    server.beforeAnswer = async (request) => {
      if (request.refreshToken === refreshToken) await first.end('SIGKILL')
    }
    expect((await first.ended).signal, first.log()).toBe('SIGKILL')
    expect(server.requests.at(-1)).toMatchObject({ refreshToken, status: 200 })
    server.beforeAnswer = undefined

    const second = launchDaemon(configPath, ENV)
    closers.push(() => second.end('SIGKILL'))
    await untilJudged(second)
    const seen = await inside(folder, (db) => db.selectFrom('observation').select(['verdict', 'reason', 'wire']).execute())
    expect(seen).toEqual([{ verdict: 'inconclusive', reason: 'secret_unavailable', wire: { token: 'unanswered' } }])
    expect(server.requests.filter(({ refreshToken: of }) => of === refreshToken)).toHaveLength(1)
  })
})
