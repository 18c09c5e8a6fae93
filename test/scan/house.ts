import { http } from '../../probes/http.ts'
import { newId, slotOf } from '../../src/domain/id.ts'
import type { Policy } from '../../src/domain/policy.ts'
import type { FindingEdge } from '../../src/findings/apply.ts'
import { openDispatcher } from '../../src/probe/dispatcher.ts'
import { anyProbe } from '../../src/probe/probe.ts'
import type { TrialDeps } from '../../src/scan/deps.ts'
import { openRateLimiter } from '../../src/scan/rate.ts'
import type { ScanSystem } from '../../src/scan/system.ts'
import type { Db } from '../../src/store/db.ts'
import { takePlaces } from '../../src/store/rate.ts'
import { syncSystems } from '../../src/store/system.ts'
import type { TokenApi } from '../servers/token-api.ts'

export const POLICY: Policy = {
  revokeWithinMs: { low: 86_400_000, standard: 86_400_000, critical: 3_600_000 },
  verifyWithinMs: 259_200_000,
  confirmRejections: 2,
  confirmAfterMs: 300_000,
  cadence: [{ untilMs: 3_600_000, everyMs: 300_000 }, { everyMs: 86_400_000 }],
  provenEveryMs: 604_800_000,
  remindEveryMs: 86_400_000,
}

export interface House {
  deps: TrialDeps
  system: ScanSystem
  /** Edges that were raised, in order. */
  edges: FindingEdge[]
  /** Adds a leaver with one token; answers the credential's id. */
  leaver(token: string, options?: { principal?: string; shared?: boolean; terminatedAgoMs?: number }): Promise<string>
  /** Moves the house's clock on. */
  advance(ms: number): void
  due(credentialId: string): Promise<void>
  close(): Promise<void>
}

/** A system of real HTTP with the real probe, the real database and a clock that can be moved. Secrets lie open: custody has its own tests. */
export async function openHouse(
  db: Db,
  api: TokenApi,
  options: {
    canary?: string
    concurrency?: number
    rate?: number
    timeoutMs?: number
    validForMs?: number
    pageSize?: number
  } = {},
): Promise<House> {
  const bound = anyProbe(http).bind({
    url: `${api.origin}/user`,
    tls: 'disable',
    credential: 'bearer',
    accept: [{ when: { status: 200, json: { '/login': { type: 'string' } } } }],
    principal: '/login',
  })
  let offsetMs = 0
  const now = () => Temporal.Now.instant().add({ milliseconds: offsetMs })
  const name = `api-${newId().slice(-6)}`
  const rows = await syncSystems(
    db,
    [
      {
        name,
        probe: 'http',
        origin: bound.origin,
        tier: 'standard',
        zone: 'default',
        owner: undefined,
        schedule: undefined,
        scheduleDueAt: undefined,
        shards: 1,
      },
    ],
    now(),
  )
  const row = rows.get(name)
  if (row === undefined) throw new Error('the system was not made')
  const dispatcher = openDispatcher({
    origins: bound.origins,
    rejectUnauthorized: true,
    connections: options.concurrency ?? 4,
    connectTimeoutMs: 2_000,
  })
  const secrets = new Map<string, unknown>()
  const edges: FindingEdge[] = []
  const canary = options.canary
  const system: ScanSystem = {
    id: row.id,
    name,
    probe: bound,
    tier: 'standard',
    realm: name,
    sharesRealm: false,
    attribution: 'revenant/test',
    http: dispatcher,
    rate: openRateLimiter({ count: options.rate ?? 1_000_000, perMs: 1_000 }, (places) => takePlaces(db, row.id, places)),
    limits: {
      concurrency: options.concurrency ?? 4,
      failuresPerPrincipal: { count: 3, perMs: 86_400_000 },
      timeoutMs: options.timeoutMs ?? 2_000,
      shards: 1,
    },
    controls: {
      canary: canary === undefined ? undefined : async () => bound.secret({ token: canary }),
      canaryAccount: undefined,
      subject: `${bound.origin} ${canary}`,
      validForMs: options.validForMs ?? 900_000,
      confirmationValidForMs: 86_400_000,
    },
    nextWindow: undefined,
  }
  const deps: TrialDeps = {
    db,
    system: (id) => (id === row.id ? system : undefined),
    policy: () => POLICY,
    openSecret: (due) => secrets.get(due.credential_id),
    custody: {
      seal: () => Promise.reject(new Error('nothing of this house rotates')),
      fingerprint: () => 'f',
    },
    raise: async (_db, raised) => {
      edges.push(...raised)
    },
    trace: () => ({ traceId: 'a'.repeat(32), attempt: () => ({ end: () => {} }), end: () => {} }),
    meters: { attempt: () => {}, trial: () => {} },
    log: () => {},
    instance: 'test',
    pageSize: options.pageSize ?? 50,
    trialBudgetMs: 60_000,
    now,
  }
  return {
    deps,
    system,
    edges,
    leaver: async (token, { principal, shared = false, terminatedAgoMs = 172_800_000 } = {}) => {
      const identityId = newId()
      const credentialId = newId()
      const terminatedAt = now().subtract({ milliseconds: terminatedAgoMs }).toString()
      await db
        .insertInto('identity')
        .values({
          id: identityId,
          external_id: identityId,
          kind: 'human',
          name: `leaver ${token}`,
          source: 'test',
          terminated_at: terminatedAt,
        })
        .execute()
      await db
        .insertInto('credential')
        .values({
          id: credentialId,
          identity_id: identityId,
          system_id: row.id,
          label: 'token',
          kind: 'api_token',
          principal: principal ?? null,
          privilege: 'standard',
          shared,
          fingerprint: 'f',
        })
        .execute()
      await db
        .insertInto('secret')
        .values({
          credential_id: credentialId,
          system_id: row.id,
          origin: bound.origin,
          sealed: null,
          data_key_id: null,
          reference: 'env:TEST',
        })
        .execute()
      await db
        .insertInto('check_state')
        .values({
          credential_id: credentialId,
          system_id: row.id,
          slot: slotOf(credentialId),
          due_at: terminatedAt,
          terminated_at: terminatedAt,
          verify_by: now().add({ hours: 72 }).toString(),
        })
        .execute()
      secrets.set(credentialId, { token })
      return credentialId
    },
    advance: (ms) => {
      offsetMs += ms
    },
    due: async (credentialId) => {
      await db.updateTable('check_state').set({ due_at: now().toString() }).where('credential_id', '=', credentialId).execute()
    },
    close: () => dispatcher.close(),
  }
}
