import { newId } from '../domain/id.ts'
import type { IdentityRow, IdentityWrite } from '../store/identity.ts'
import type { IdentityEntry } from './identity-row.ts'
import type { RowFault } from './report.ts'
import type { StandingChange } from './standing.ts'

/** What a batch of entries comes to. */
export interface IdentityPlan {
  inserts: IdentityWrite[]
  updates: IdentityWrite[]
  unchanged: number
  faults: RowFault[]
  /** Of known identities only: a new one has no credentials yet. */
  standings: StandingChange[]
  reinstated: number
  /** Identities whose owner, kind or standing changed, as far as ownership is concerned. */
  touched: { identityIds: string[]; ownerExternalIds: string[] }
}

/**
 * Compares a batch of entries, no external id among them twice, with what is known. Pure.
 *
 * @param source recorded with what changes; a file of another name alone changes nothing
 */
export function planIdentities(
  entries: readonly IdentityEntry[],
  known: ReadonlyMap<string, IdentityRow>,
  source: string,
  now: Temporal.Instant,
): IdentityPlan {
  const plan: IdentityPlan = {
    inserts: [],
    updates: [],
    unchanged: 0,
    faults: [],
    standings: [],
    reinstated: 0,
    touched: { identityIds: [], ownerExternalIds: [] },
  }
  for (const entry of entries) planEntry(plan, entry, known.get(entry.externalId), source, now)
  return plan
}

function planEntry(
  plan: IdentityPlan,
  entry: IdentityEntry,
  before: IdentityRow | undefined,
  source: string,
  now: Temporal.Instant,
): void {
  const fault = faultOf(entry, before, now)
  if (fault !== undefined) {
    plan.faults.push({ line: entry.line, ...fault })
    return
  }
  const after = merge(entry, before, source)
  if (before === undefined) {
    plan.inserts.push(after.write)
    touch(plan, after.write, after.write.terminated_at !== null)
    return
  }
  const moved = !sameInstant(before.terminated_at, after.terminatedAt)
  if (!moved && !differs(before, after.write)) {
    plan.unchanged++
    return
  }
  plan.updates.push(after.write)
  if (moved) plan.standings.push({ identityId: before.id, terminatedAt: after.terminatedAt })
  if (moved && after.terminatedAt === null) plan.reinstated++
  touch(plan, after.write, moved)
}

function faultOf(
  entry: IdentityEntry,
  before: IdentityRow | undefined,
  now: Temporal.Instant,
): Omit<RowFault, 'line'> | undefined {
  const kind = kindOf(entry, before)
  if (kind === 'human' && typeof entry.owner === 'string')
    return { field: 'owner', message: 'is for a service or an agent: a human has none' }
  const { standing } = entry
  if (standing.is !== 'leaving' || Temporal.Instant.compare(standing.at, now) > 0) return undefined
  // A last day that was set in advance and has passed since: the same file says the same as before.
  if (sameInstant(before?.terminated_at ?? null, standing.at)) return undefined
  return {
    field: 'status',
    message: 'is active while the termination has passed: say terminated, or leave the termination blank',
  }
}

function merge(
  entry: IdentityEntry,
  before: IdentityRow | undefined,
  source: string,
): { write: IdentityWrite; terminatedAt: Temporal.Instant | null } {
  const kind = kindOf(entry, before)
  const owner = entry.owner === undefined ? (before?.owner_external_id ?? null) : entry.owner
  const name = entry.name === undefined ? before?.name : entry.name
  const terminatedAt = terminationOf(entry, before)
  return {
    terminatedAt,
    write: {
      id: before?.id ?? newId(),
      external_id: entry.externalId,
      kind,
      name: name ?? entry.externalId,
      email: entry.email === undefined ? (before?.email ?? null) : entry.email,
      owner_external_id: kind === 'human' ? null : owner,
      terminated_at: terminatedAt?.toString() ?? null,
      source,
    },
  }
}

function kindOf(entry: IdentityEntry, before: IdentityRow | undefined) {
  return entry.kind === undefined ? (before?.kind ?? 'human') : (entry.kind ?? 'human')
}

function terminationOf({ standing }: IdentityEntry, before: IdentityRow | undefined): Temporal.Instant | null {
  if (standing.is === 'unsaid') return before?.terminated_at ?? null
  return standing.is === 'active' ? null : standing.at
}

function differs(before: IdentityRow, after: IdentityWrite): boolean {
  return (
    before.kind !== after.kind ||
    before.name !== after.name ||
    before.email !== after.email ||
    before.owner_external_id !== after.owner_external_id
  )
}

function touch(plan: IdentityPlan, row: IdentityWrite, moved: boolean): void {
  if (row.kind !== 'human') plan.touched.identityIds.push(row.id)
  if (moved) plan.touched.ownerExternalIds.push(row.external_id)
}

function sameInstant(a: Temporal.Instant | null, b: Temporal.Instant | null): boolean {
  return a === null || b === null ? a === b : Temporal.Instant.compare(a, b) === 0
}
