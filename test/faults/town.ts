import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from '../../src/config/load.ts'
import { openCustody } from '../../src/custody/custody.ts'
import { CONFIG_CHECKS } from '../../src/daemon/checks.ts'
import { openSystems } from '../../src/daemon/systems.ts'
import { newId, slotOf } from '../../src/domain/id.ts'
import type { Db } from '../../src/store/db.ts'
import { startTokenApi, type TokenApi } from '../servers/token-api.ts'
import { startWebhookReceiver, type WebhookReceiver } from '../servers/webhook-receiver.ts'
import { type BasicApi, startBasicApi } from './basic-api.ts'

export interface TownOptions {
  /** A connection string with its password; left out: the embedded database. */
  databaseUrl?: string
  rate: string
  concurrency?: number
  pageSize?: number
  shards?: number
}

/** A folder with a configuration, two systems to be swept and a receiver of alerts. */
export interface Town {
  folder: string
  configPath: string
  /** Sets of the environment that the daemons need. */
  env: Record<string, string>
  api: TokenApi
  basic: BasicApi
  hook: WebhookReceiver
  /** Writes another configuration file that shares folder and key ring; `change` edits its text. */
  configure(name: string, change?: (text: string) => string): string
  close(): Promise<void>
}

export async function openTown(options: TownOptions): Promise<Town> {
  const folder = mkdtempSync(join(tmpdir(), 'revenant-town-'))
  const api = await startTokenApi()
  const basic = await startBasicApi()
  const hook = await startWebhookReceiver()
  const text = configText(folder, options, { api, basic, hook })
  const configure = (name: string, change = (same: string) => same): string => {
    const path = join(folder, `${name}.yaml`)
    writeFileSync(path, change(text))
    return path
  }
  return {
    folder,
    configPath: configure('revenant'),
    env: options.databaseUrl === undefined ? {} : { TOWN_DATABASE: options.databaseUrl },
    api,
    basic,
    hook,
    configure,
    close: async () => {
      await api.stop()
      await basic.stop()
      await hook.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function configText(folder: string, options: TownOptions, { api, basic, hook }: Pick<Town, 'api' | 'basic' | 'hook'>): string {
  const { rate, concurrency = 8, pageSize = 100, shards = 1 } = options
  return `
database:
  ${options.databaseUrl === undefined ? '' : 'url: env:TOWN_DATABASE'}
  dataDir: ${folder}/data
listen: 127.0.0.1:0
instance: town
keyRing: ${folder}/keyring.json
scan: { tick: 1s, pageSize: ${pageSize} }
policy:
  confirmAfter: 1d
  cadence: [{ every: 1d }]
systems:
  - name: tokens
    probe: http
    target:
      url: ${api.origin}/user
      tls: disable
      credential: bearer
      accept: [{ when: { status: 200, json: { /login: { type: string } } } }]
      principal: /login
    limits: { concurrency: ${concurrency}, rate: ${rate}, timeout: 5s, shards: ${shards} }
  - name: accounts
    probe: http
    target:
      url: ${basic.origin}/user
      tls: disable
      credential: basic
      accept: [{ when: { status: 200, json: { /login: { type: string } } } }]
      principal: /login
    limits: { concurrency: 2, rate: 20/s, timeout: 5s, failuresPerPrincipal: 3/24h }
alerts:
  - { name: hook, sink: webhook, format: json, to: "${hook.url}", minSeverity: info }
telemetry: { logLevel: info }
`
}

export interface Seeded {
  /** Ids of credentials whose secret the systems accept, with their tokens where they are tokens. */
  live: Map<string, string>
  dead: Set<string>
  /** Accounts of the small system, each with several wrong passwords, and one in four with its right one too. */
  accounts: string[]
}

/** Brings in leavers with `tokens` bearer tokens, every `liveEvery`th of them live, and `accounts` accounts with five passwords each. */
export async function seed(
  db: Db,
  town: Town,
  counts: { tokens: number; liveEvery: number; accounts: number },
  system = 'tokens',
): Promise<Seeded> {
  // The configuration names the database by a variable of the daemon's environment.
  const config = await loadConfig(town.configPath, CONFIG_CHECKS)
  const now = Temporal.Now.instant()
  const custody = await openCustody({ db, keyRingPath: config.keyRing, clock: () => now })
  const systems = await openSystems(db, config, now)
  const seeded: Seeded = { live: new Map(), dead: new Set(), accounts: [] }
  const rows: Row[] = []
  const add = async (of: string, label: string, secret: Record<string, string>, principal: string | null) => {
    const opened = systems.byName(of)
    if (opened === undefined) throw new Error(`no system ${of}`)
    const id = newId()
    const place = { credentialId: id, systemId: opened.row.id, origin: opened.probe.origin }
    rows.push({ id, identityId: newId(), place, label, principal, sealed: await custody.seal(place, secret) })
    return id
  }
  for (let n = 0; n < counts.tokens; n++) {
    const token = `token-${newId()}`
    const id = await add(system, 'token', { token }, null)
    if (n % counts.liveEvery === 0) {
      town.api.live.set(token, `leaver-${n}`)
      seeded.live.set(id, token)
    } else seeded.dead.add(id)
  }
  for (let n = 0; n < counts.accounts; n++) {
    const username = `account-${n}`
    const right = newId()
    town.basic.passwords.set(username, right)
    seeded.accounts.push(username)
    for (let wrong = 0; wrong < 5; wrong++)
      seeded.dead.add(await add('accounts', `old ${wrong}`, { username, password: newId() }, username))
    if (n % 4 === 0) await add('accounts', 'right', { username, password: right }, username)
  }
  for (let from = 0; from < rows.length; from += 500) await insert(db, rows.slice(from, from + 500), now)
  await systems.close()
  return seeded
}

interface Row {
  id: string
  identityId: string
  place: { systemId: string; origin: string }
  label: string
  principal: string | null
  sealed: { sealed: Uint8Array; dataKeyId: string }
}

async function insert(db: Db, rows: readonly Row[], now: Temporal.Instant): Promise<void> {
  const left = now.subtract({ hours: 48 }).toString()
  await db
    .insertInto('identity')
    .values(
      rows.map(({ identityId }) => ({
        id: identityId,
        external_id: identityId,
        kind: 'human' as const,
        name: identityId,
        source: 'test',
        terminated_at: left,
      })),
    )
    .execute()
  await db
    .insertInto('credential')
    .values(
      rows.map(({ id, identityId, place, label, principal }) => ({
        id,
        identity_id: identityId,
        system_id: place.systemId,
        label,
        kind: 'token',
        principal,
        privilege: 'standard' as const,
        fingerprint: id,
      })),
    )
    .execute()
  await db
    .insertInto('secret')
    .values(
      rows.map(({ id, place, sealed }) => ({
        credential_id: id,
        system_id: place.systemId,
        origin: place.origin,
        sealed: sealed.sealed,
        data_key_id: sealed.dataKeyId,
        reference: null,
      })),
    )
    .execute()
  await db
    .insertInto('check_state')
    .values(
      rows.map(({ id, place }) => ({
        credential_id: id,
        system_id: place.systemId,
        slot: slotOf(id),
        due_at: left,
        terminated_at: left,
        verify_by: now.add({ hours: 72 }).toString(),
      })),
    )
    .execute()
}
