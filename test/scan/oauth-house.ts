import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { oauth } from '../../probes/oauth.ts'
import { openBox } from '../../src/custody/box.ts'
import { openCustody } from '../../src/custody/custody.ts'
import { newId } from '../../src/domain/id.ts'
import { type Binding, bindSystem } from '../../src/intake/credential-row.ts'
import { type CredentialIntakeDeps, importCredentials } from '../../src/intake/credentials.ts'
import { importIdentities } from '../../src/intake/identities.ts'
import type { ImportReport } from '../../src/intake/report.ts'
import { openDispatcher } from '../../src/probe/dispatcher.ts'
import { anyProbe } from '../../src/probe/probe.ts'
import type { TrialDeps } from '../../src/scan/deps.ts'
import { openRateLimiter } from '../../src/scan/rate.ts'
import type { ScanSystem } from '../../src/scan/system.ts'
import { runTrial, type TrialSummary } from '../../src/scan/trial.ts'
import type { Db } from '../../src/store/db.ts'
import { takePlaces } from '../../src/store/rate.ts'
import { type SystemEntry, syncSystems } from '../../src/store/system.ts'
import { given } from '../intake/files.ts'
import { POLICY } from './house.ts'

export interface OauthHouse {
  deps: TrialDeps
  system: ScanSystem
  /** Brings a leaver's secret, or a reference to it, in as a file does; the same label again is the same credential. */
  register(label: string, secret: unknown): Promise<ImportReport>
  /** One trial of whatever is due, after everything was made due. */
  trial(deps?: Partial<TrialDeps>): Promise<TrialSummary>
  /** The secret as it is sealed now. */
  sealed(label: string): Promise<unknown>
  /** The observations of a credential, the oldest first. */
  seen(label: string): Promise<{ verdict: string; reason: string; strength: string; wire: unknown }[]>
  advance(ms: number): void
  /** As after a reload or a restart: the probe knows nothing of what it did before. Another target is a changed configuration. */
  restart(target?: Target): void
  /** Another system with the same custody. It is closed before this one. */
  beside(target: Target, options?: { canary?: unknown }): Promise<OauthHouse>
  close(): Promise<void>
}

interface Target {
  issuer: string
  [key: string]: unknown
}

interface Place {
  folder: string
  entries: SystemEntry[]
  clock: { offsetMs: number }
}

/** An authorization server as a system, with the real probe, the real custody and the real intake; the clock can be moved. */
export async function openOauthHouse(
  db: Db,
  target: Target,
  options: { canary?: unknown; timeoutMs?: number; within?: Place } = {},
): Promise<OauthHouse> {
  const { within } = options
  const clock = within?.clock ?? { offsetMs: 0 }
  const folder = within?.folder ?? mkdtempSync(join(tmpdir(), 'revenant-oauth-'))
  const now = () => Temporal.Now.instant().add({ milliseconds: clock.offsetMs })
  const custody = await openCustody({ db, keyRingPath: join(folder, 'keyring.json'), clock: now })
  const probe = anyProbe(oauth).bind(target)
  const name = `oauth-${newId().slice(-8)}`
  const entries = within?.entries ?? []
  const entry = { name, probe: 'oauth', origin: probe.origin, tier: 'standard', zone: 'default', shards: 1 } as const
  entries.push({ ...entry, owner: undefined, schedule: undefined, scheduleDueAt: undefined })
  const rows = await syncSystems(db, entries, now())
  const row = rows.get(name)
  if (row === undefined) throw new Error('the system was not made')
  const http = openDispatcher({ origins: probe.origins, rejectUnauthorized: true, connections: 2, connectTimeoutMs: 2_000 })
  const { canary, timeoutMs = 5_000 } = options
  const system: ScanSystem = {
    ...{ id: row.id, name, probe, tier: 'standard', realm: name, sharesRealm: false, attribution: 'revenant/test', http },
    rate: openRateLimiter({ count: 1_000_000, perMs: 1_000 }, (places) => takePlaces(db, row.id, places)),
    limits: { concurrency: 2, failuresPerPrincipal: { count: 3, perMs: 86_400_000 }, timeoutMs, shards: 1 },
    controls: {
      canary: canary === undefined ? undefined : async () => system.probe.secret(canary),
      canaryAccount: undefined,
      subject: JSON.stringify(target),
      validForMs: 900_000,
      confirmationValidForMs: 86_400_000,
    },
    nextWindow: undefined,
  }
  const deps: TrialDeps = {
    db,
    system: (id) => (id === row.id ? system : undefined),
    policy: () => POLICY,
    openSecret: async (due) =>
      openBox(
        await custody.open(
          {
            ...{ credentialId: due.credential_id, systemId: row.id, origin: due.secret_origin, sealed: due.sealed },
            ...{ reference: due.reference, referenceMac: due.reference_mac, pinned: due.pinned },
          },
          probe.origin,
        ),
      ),
    custody,
    raise: async () => {},
    trace: () => ({ traceId: 'a'.repeat(32), attempt: () => ({ end: () => {} }), end: () => {} }),
    meters: { attempt: () => {}, trial: () => {} },
    log: () => {},
    ...{ instance: 'test', pageSize: 50, trialBudgetMs: 60_000, now },
  }
  const intake: CredentialIntakeDeps = {
    db,
    jobs: { enqueueTrial: async () => true, prepareTrials: async () => {} },
    custody,
    bindings: new Map<string, Binding>([[name, bindSystem(row, probe)]]),
    policy: { verifyWithinMs: 259_200_000, timeZone: 'UTC', terminationCutOff: '18:00' },
    ...{ actor: 'test', now },
  }
  const leaver = `leaver-${name}`
  const lines = (text: string, form: 'csv' | 'jsonl') => given(`${text}\n`, form, 1000)
  await importIdentities(
    lines(`external_id,name,terminated_at\n${leaver},Anna,${now().subtract({ hours: 48 }).toString()}`, 'csv'),
    intake,
    { dryRun: false },
  )
  const credentialOf = (label: string) =>
    db.selectFrom('credential').select('id').where('system_id', '=', row.id).where('label', '=', label).executeTakeFirstOrThrow()
  return {
    deps,
    system,
    register: (label, secret) => {
      const holds = typeof secret === 'string' ? { secret_ref: secret } : { secret }
      const text = JSON.stringify({ system: name, identity: leaver, label, ...holds })
      return importCredentials(lines(text, 'jsonl'), intake, { dryRun: false })
    },
    trial: async (more = {}) => {
      const at = now().toString()
      await db
        .updateTable('check_state')
        .set({ due_at: at })
        .where('system_id', '=', row.id)
        .where('due_at', 'is not', null)
        .execute()
      return runTrial({ systemId: row.id, shard: 0 }, new AbortController().signal, { ...deps, ...more })
    },
    sealed: async (label) => {
      const { id } = await credentialOf(label)
      const secret = await db.selectFrom('secret').selectAll().where('credential_id', '=', id).executeTakeFirstOrThrow()
      const { origin, sealed, reference, reference_mac: referenceMac, pinned } = secret
      return openBox(
        await custody.open({ credentialId: id, systemId: row.id, origin, sealed, reference, referenceMac, pinned }, probe.origin),
      )
    },
    seen: async (label) => {
      const { id } = await credentialOf(label)
      return db
        .selectFrom('observation')
        .select(['verdict', 'reason', 'strength', 'wire'])
        .where('credential_id', '=', id)
        .orderBy('observed_at')
        .execute()
    },
    advance: (ms) => {
      clock.offsetMs += ms
    },
    restart: (changed = target) => {
      system.probe = anyProbe(oauth).bind(changed)
      system.controls.subject = JSON.stringify(changed)
    },
    beside: (other, more = {}) => openOauthHouse(db, other, { ...more, within: { folder, entries, clock } }),
    close: async () => {
      await http.destroy()
      if (within === undefined) rmSync(folder, { recursive: true, force: true })
    },
  }
}
