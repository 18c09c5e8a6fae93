import { newId } from '../domain/id.ts'
import type { Queryable } from '../store/db.ts'
import { findIdentities, type IdentityRow } from '../store/identity.ts'
import { type Member, membersOf, type RegisteredValue } from '../store/share.ts'
import { entryKey, type NamedEntry } from './credential-plan.ts'
import type { RowFault } from './report.ts'
import { Outrun } from './transaction.ts'

/** Entries of a batch, one for each holder. */
export interface Spread {
  entries: HeldEntry[]
  faults: RowFault[]
  /** Values of shared secrets, as they are registered now. */
  values: RegisteredValue[]
  /** Credentials of leavers that keep their value. */
  joins: { id: string; shareId: string }[]
}

/** An entry of one holder. */
export interface HeldEntry extends NamedEntry {
  /** It is his only while he is here: a value that is registered after somebody has left is not his. */
  onlyHere?: boolean
}

/**
 * One secret and many holders: each holds it by himself, so that it is tried by the clock of whoever leaves. A value that is registered
 * for one of them is registered for all who are here; whoever has left keeps the value that he knew, which is tried until it is refused.
 */
export async function spread(db: Queryable, rows: readonly NamedEntry[], now: Temporal.Instant): Promise<Spread> {
  const members = await membersOf(
    db,
    rows.flatMap((row) =>
      [row.externalId, ...(row.holders ?? [])].map((externalId) => ({
        ...{ systemId: row.binding.systemId, externalId, label: row.label },
        listed: row.holders !== undefined,
      })),
    ),
  )
  const shared = rows.filter((row) => row.holders !== undefined || (members.length > 0 && sharesOf(row, members).length > 0))
  if (shared.length === 0) return { entries: [...rows], faults: [], values: [], joins: [] }
  const names = shared.flatMap((row) => [row.externalId, ...(row.holders ?? [])])
  const known = await findIdentities(db, [...new Set(names)])
  const taken = new Set(rows.map(entryKey))
  const these = new Set(shared)
  const done: Spread = { entries: [], faults: [], values: [], joins: [] }
  for (const row of rows) {
    if (!these.has(row)) done.entries.push(row)
    else spreadRow(done, row, sharesOf(row, members), known, taken, now)
  }
  return done
}

/** Throws `Outrun` where somebody has left since the batch was spread. */
export function checkStillHere(
  entries: readonly HeldEntry[],
  identities: ReadonlyMap<string, IdentityRow>,
  now: Temporal.Instant,
): void {
  const gone = entries.some(({ onlyHere, externalId }) => {
    return onlyHere === true && hasLeft(identities.get(externalId)?.terminated_at ?? null, now)
  })
  if (gone) throw new Outrun('a holder has left meanwhile')
}

function spreadRow(
  done: Spread,
  row: NamedEntry,
  members: readonly Member[],
  known: ReadonlyMap<string, IdentityRow>,
  taken: Set<string>,
  now: Temporal.Instant,
): void {
  const unknown = row.holders?.filter((name) => !known.has(name)) ?? []
  if (unknown.length > 0) {
    const message = `names ${unknown.length === 1 ? 'one who is' : `${unknown.length} who are`} not known: import them with the identities first`
    done.faults.push({ line: row.line, field: 'holders', message })
    return
  }
  // Nobody knows the one that the row is about: the plan says so, and nothing of the row is taken.
  if (!known.has(row.externalId)) {
    done.entries.push(row)
    return
  }
  const byName = new Map(members.map((member) => [member.externalId, member]))
  const left = (name: string) => hasLeft(known.get(name)?.terminated_at ?? byName.get(name)?.terminatedAt ?? null, now)
  const named = [...new Set([row.externalId, ...(row.holders ?? [])])]
  if (row.retired === true) {
    for (const name of named) if (isOpen(row, name, taken)) done.entries.push({ ...row, externalId: name })
    return
  }
  const all = [...new Set([...named, ...byName.keys()])]
  const isSomebodyHere = all.some((name) => !left(name))
  const shareId = members.map((member) => member.shareId).find((id) => id !== null) ?? newId()
  // Where all have left, a value is of those whom the row names: who knew which nobody can tell.
  for (const name of isSomebodyHere ? all : named) {
    if (!isOpen(row, name, taken)) continue
    const before = byName.get(name)
    const knewAnother = before !== undefined && before.fingerprint !== row.fingerprint
    if (isSomebodyHere && left(name) && knewAnother) {
      if (before.shareId !== shareId) done.joins.push({ id: before.id, shareId })
    } else {
      const entry: HeldEntry = { ...row, externalId: name, shared: true, shareId }
      done.entries.push(left(name) ? entry : { ...entry, onlyHere: true })
    }
  }
  if (row.fingerprint !== undefined) done.values.push({ shareId, fingerprint: row.fingerprint })
}

/** Whom a row of his own speaks of, or one before, another row does not. */
function isOpen(row: NamedEntry, name: string, taken: Set<string>): boolean {
  if (name === row.externalId) return true
  const key = entryKey({ ...row, externalId: name })
  if (taken.has(key)) return false
  taken.add(key)
  return true
}

/** Everybody of the share that a row's holders are in, and those of them who hold it without one. */
function sharesOf(row: NamedEntry, members: readonly Member[]): Member[] {
  const names = [row.externalId, ...(row.holders ?? [])]
  const here = members.filter(({ systemId, label }) => systemId === row.binding.systemId && label === row.label)
  const shares = new Set(here.filter(({ externalId }) => names.includes(externalId)).flatMap(({ shareId }) => shareId ?? []))
  return here.filter(({ shareId, externalId }) =>
    shareId === null ? row.holders !== undefined && names.includes(externalId) : shares.has(shareId),
  )
}

function hasLeft(terminatedAt: Temporal.Instant | null, now: Temporal.Instant): boolean {
  return terminatedAt !== null && Temporal.Instant.compare(terminatedAt, now) <= 0
}
