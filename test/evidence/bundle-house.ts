import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadFrameworks } from '../../src/config/frameworks.ts'
import { controlFacts } from '../../src/domain/facts/control.ts'
import { exemptionFacts } from '../../src/domain/facts/exemption.ts'
import { findingEventFacts } from '../../src/domain/facts/finding-event.ts'
import { gapOpenedFacts } from '../../src/domain/facts/gap.ts'
import { type ObservationFields, observationFacts } from '../../src/domain/facts/observation.ts'
import type { FindingKind } from '../../src/domain/finding.ts'
import { newId, slotOf } from '../../src/domain/id.ts'
import { type Facts, leafOf } from '../../src/domain/leaf.ts'
import type { LedgerKind } from '../../src/domain/ledger.ts'
import type { Verdict } from '../../src/domain/verdict.ts'
import type { ReportDeps, ReportScope } from '../../src/evidence/bundle/request.ts'
import { writeBundle } from '../../src/evidence/bundle/write.ts'
import { openSequencer, type Sequencer } from '../../src/evidence/sequencer.ts'
import { openSigners } from '../../src/evidence/signers.ts'
import { audit } from '../../src/store/audit.ts'
import type { Db } from '../../src/store/db.ts'
import { appendLedger } from '../../src/store/ledger.ts'

const HOUR = 3_600_000

export interface BundleHouse {
  db: Db
  sequencer: Sequencer
  deps: ReportDeps
  /** The day of the story, UTC. */
  scope: ReportScope
  ids: Record<'anna' | 'bert' | 'bot', string> & {
    systems: Record<'payroll' | 'wiki', string>
    credentials: Record<string, string>
  }
  /** Writes a bundle into a new folder. */
  bundle(options?: { scope?: Partial<ReportScope>; since?: string }): Promise<string>
}

/**
 * A small company. Anna left ten hours ago: her payroll login was refused after an hour, her wiki token is accepted. Bert left five
 * hours ago and the wiki cannot be judged. A bot lost its owner. Everything is recorded as the daemon records it, leaf and all.
 */
export async function openBundleHouse(db: Db): Promise<BundleHouse> {
  const now = Temporal.Now.instant().round('millisecond')
  const left = { anna: now.subtract({ hours: 10 }), bert: now.subtract({ hours: 5 }) }
  const key: KeyObject = generateKeyPairSync('ed25519').privateKey
  const sequencer = openSequencer({
    db,
    now: () => Temporal.Now.instant(),
    openSigners: () =>
      openSigners({
        db,
        origin: 'example.com/test-log',
        instance: 'test',
        now: () => now,
        readKeys: async () => [key],
        makeKey: async () => [key],
      }),
  })
  await sequencer.signers()

  const ids = {
    anna: newId(),
    bert: newId(),
    bot: newId(),
    systems: { payroll: newId(), wiki: newId() },
    credentials: {} as Record<string, string>,
  }
  await db
    .insertInto('identity')
    .values([
      {
        id: ids.anna,
        external_id: 'E1',
        kind: 'human',
        name: 'Anna "the door", née ☂',
        email: 'anna@example.com',
        terminated_at: left.anna.toString(),
        source: 'test',
      },
      {
        id: ids.bert,
        external_id: 'E2',
        kind: 'human',
        name: '=HYPERLINK("http://x")',
        terminated_at: left.bert.toString(),
        source: 'test',
      },
      { id: ids.bot, external_id: 'bot-7', kind: 'service', name: 'nightly', owner_external_id: 'E1', source: 'test' },
    ])
    .execute()
  for (const [name, tier] of [
    ['payroll', 'critical'],
    ['wiki', 'standard'],
  ] as const)
    await db
      .insertInto('system')
      .values({
        id: ids.systems[name],
        name,
        probe: 'http',
        origin: `https://${name}.example`,
        bound_origin: `https://${name}.example`,
        tier,
        zone: 'default',
        owner: `${name}@example.com`,
      })
      .execute()

  const log = (kind: LedgerKind, ref: string, facts: Facts) => appendLedger(db, kind, [{ ref, digest: leafOf(facts) }])
  const credential = async (
    identity: 'anna' | 'bert',
    system: 'payroll' | 'wiki',
    state: Record<string, string | number | null>,
  ) => {
    const id = newId()
    ids.credentials[`${identity}@${system}`] = id
    await db
      .insertInto('credential')
      .values({
        id,
        identity_id: ids[identity],
        system_id: ids.systems[system],
        label: `${system} token`,
        kind: 'api_token',
        privilege: 'standard',
        fingerprint: `hmac-sha256:${id.slice(-8)}`,
      })
      .execute()
    await db
      .insertInto('check_state')
      .values({
        credential_id: id,
        system_id: ids.systems[system],
        slot: slotOf(id),
        terminated_at: left[identity].toString(),
        due_at: now.toString(),
        ...state,
      })
      .execute()
    return id
  }
  const observe = async (identity: 'anna' | 'bert', system: 'payroll' | 'wiki', at: Temporal.Instant, verdict: Verdict) => {
    const reason = ({ accepted: 'authenticated', rejected: 'invalid_credentials', inconclusive: 'unreachable' } as const)[verdict]
    const row: ObservationFields = {
      ...{
        id: newId(),
        trial_id: newId(),
        credential_id: ids.credentials[`${identity}@${system}`] ?? '',
        identity_id: ids[identity],
        system_id: ids.systems[system],
      },
      ...{
        verdict,
        reason,
        strength: 'strong',
        assurance: 'controlled',
        confirmed: verdict === 'accepted',
        principal: verdict === 'accepted' ? 'anna, "x"\nline' : null,
      },
      ...{
        transport: 'verified',
        effects: null,
        wire: { status: 401, 'odd 1': 'ü' },
        latency_ms: 12.345,
        trace_id: 'a'.repeat(32),
      },
    }
    const facts = observationFacts(row, at.epochMilliseconds)
    await db
      .insertInto('observation')
      .values({ ...row, observed_at: at.toString(), wire: JSON.stringify(row.wire), leaf: Buffer.from(leafOf(facts), 'hex') })
      .execute()
    await log('observation', row.id, facts)
    return row
  }
  const control = async (system: 'payroll' | 'wiki', which: 'stranger' | 'canary', verdict: Verdict) => {
    const at = now.subtract({ hours: 2 })
    const row = {
      id: newId(),
      trial_id: newId(),
      system_id: ids.systems[system],
      credential_id: null,
      control: which,
      verdict,
      reason: verdict === 'accepted' ? 'authenticated' : 'invalid_credentials',
      strength: 'strong',
      wire: { status: 200 },
      latency_ms: 3,
      transport: 'verified',
    } as const
    const facts = controlFacts(row, at.epochMilliseconds)
    await db
      .insertInto('control')
      .values({ ...row, observed_at: at.toString(), wire: JSON.stringify(row.wire), leaf: Buffer.from(leafOf(facts), 'hex') })
      .execute()
    await log('control', row.id, facts)
  }
  const finding = async (
    kind: FindingKind,
    of: { identity?: string; system?: string; credential?: string },
    severity: 'high' | 'medium',
    state: 'open' | 'resolved',
    at: Temporal.Instant,
  ) => {
    const id = newId()
    const over = now.subtract({ hours: 1 })
    const edges = [{ event: 'opened', state: 'open', at } as const, { event: 'resolved', state: 'resolved', at: over } as const]
    const told = state === 'resolved' ? edges : edges.slice(0, 1)
    await db
      .insertInto('finding')
      .values({
        id,
        key: `${kind}:${id}`,
        kind,
        severity,
        state,
        system_id: of.system ?? null,
        identity_id: of.identity ?? null,
        credential_id: of.credential ?? null,
        episode: 1,
        sequence: told.length,
        opened_at: at.toString(),
        last_seen_at: now.toString(),
        alerted_at: (state === 'resolved' ? over : at).toString(),
        resolved_at: state === 'resolved' ? over.toString() : null,
      })
      .execute()
    for (const [at, edge] of told.entries()) {
      const event = {
        ...{ id: newId(), finding_id: id, kind, sequence: at + 1, severity },
        ...{ system_id: of.system ?? null, identity_id: of.identity ?? null, credential_id: of.credential ?? null },
        ...{ observation_id: null, trace_id: null, actor: null, note: null, feed_id: null, grant_id: null, listing_id: null },
        ...edge,
      }
      await db
        .insertInto('finding_event')
        .values({ ...event, at: event.at.toString() })
        .execute()
      await log('finding', event.id, findingEventFacts(event))
    }
    return id
  }

  const closed = left.anna.add({ milliseconds: HOUR })
  const dead = closed.add({ minutes: 10 })
  const [opened, blurred] = [now.subtract({ minutes: 30 }), now.subtract({ minutes: 20 })]
  const judged = { reason: 'invalid_credentials', strength: 'strong', assurance: 'controlled' }
  await credential('anna', 'payroll', {
    ...{ ...judged, verdict: 'rejected', rejections: 2, observed_at: dead.toString(), judged_at: dead.toString() },
    ...{ first_rejected_at: closed.toString(), dead_at: dead.toString() },
    accepted_at: left.anna.add({ minutes: 10 }).toString(),
  })
  await credential('anna', 'wiki', {
    ...{ ...judged, verdict: 'accepted', reason: 'authenticated' },
    ...{ observed_at: opened.toString(), judged_at: opened.toString(), accepted_at: opened.toString() },
  })
  await credential('bert', 'wiki', {
    ...{ ...judged, verdict: 'inconclusive', reason: 'unreachable', observed_at: blurred.toString(), failures: 3 },
  })
  await observe('anna', 'payroll', left.anna.add({ minutes: 10 }), 'accepted')
  await observe('anna', 'payroll', closed, 'rejected')
  await observe('anna', 'payroll', dead, 'rejected')
  await observe('anna', 'wiki', opened, 'accepted')
  await observe('bert', 'wiki', blurred, 'inconclusive')
  await control('payroll', 'stranger', 'rejected')
  await control('payroll', 'canary', 'accepted')
  await control('wiki', 'stranger', 'rejected')
  await finding(
    'residual_access',
    { identity: ids.anna, system: ids.systems.wiki, credential: ids.credentials['anna@wiki'] ?? '' },
    'high',
    'open',
    left.anna,
  )
  await finding(
    'unverified_past_deadline',
    { identity: ids.bert, system: ids.systems.wiki, credential: ids.credentials['bert@wiki'] ?? '' },
    'medium',
    'open',
    left.bert,
  )
  await finding('blind_system', { system: ids.systems.payroll }, 'medium', 'resolved', left.anna)
  await finding('orphaned_identity', { identity: ids.bot }, 'medium', 'open', left.anna)
  const exemption = {
    id: newId(),
    finding_kind: 'unverified_past_deadline',
    credential_id: ids.credentials['bert@wiki'] ?? '',
    identity_id: null,
    system_id: null,
    owner: 'wiki@example.com',
    reason: 'moves on Monday',
    starts_at: left.bert,
    ends_at: now.add({ hours: 24 }),
    created_at: left.bert,
    created_by: 'carla',
    revoked_at: null,
  } as const
  await db
    .insertInto('exemption')
    .values({
      ...exemption,
      starts_at: exemption.starts_at.toString(),
      ends_at: exemption.ends_at.toString(),
      created_at: exemption.created_at.toString(),
    })
    .execute()
  await log('exemption', exemption.id, exemptionFacts(exemption))
  await audit(db, {
    actor: 'carla',
    action: 'finding.exempt',
    subject: 'E2',
    detail: { until: 'tomorrow', '10': 1, a: [1, { z: null, b: 2 }] },
    at: now.subtract({ hours: 1 }),
  })
  const gap = {
    id: newId(),
    system_id: ids.systems.wiki,
    reason: 'paused',
    from_at: left.bert,
    seen_at: now,
    to_at: null,
    credentials_at_start: 1,
    credentials: 1,
  } as const
  await db
    .insertInto('gap')
    .values({ ...gap, from_at: gap.from_at.toString(), seen_at: gap.seen_at.toString() })
    .execute()
  await log('gap', gap.id, gapOpenedFacts(gap))
  await sequencer.run()

  const mapping = (await loadFrameworks(undefined)) ?? { frameworks: [] }
  const deps: ReportDeps = {
    db,
    mapping,
    revokeWithinMs: { low: 24 * HOUR, standard: 24 * HOUR, critical: 2 * HOUR },
    confirmRejections: 2,
    verifyWithinMs: 24 * HOUR,
    product: { name: 'Revenant', version: '0', instance: 'test' },
    now: () => Temporal.Now.instant(),
  }
  const scope: ReportScope = { from: now.subtract({ hours: 24 }), to: now.add({ hours: 24 }) }
  return {
    ...{ db, sequencer, deps, scope, ids },
    bundle: async ({ scope: other = {}, since } = {}) => {
      const folder = mkdtempSync(join(tmpdir(), 'revenant-bundle-'))
      await writeBundle(deps, {
        scope: { ...scope, ...other },
        signers: await sequencer.signers(),
        folder,
        ...(since === undefined ? {} : { since }),
      })
      return folder
    },
  }
}
