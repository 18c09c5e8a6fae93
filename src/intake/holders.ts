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
  const byName = new Map(members.map((member) => [member.externalId, member]))
  const leftOf = (name: string) => known.get(name)?.terminated_at ?? byName.get(name)?.terminatedAt ?? null
  // What is said to be retired is so for whom the row names.
  const names = [...new Set([row.externalId, ...(row.holders ?? []), ...(row.retired === true ? [] : byName.keys())])]
  const isSomebodyHere = names.some((name) => !hasLeft(leftOf(name), now))
  const shareId = members.map((member) => member.shareId).find((id) => id !== null) ?? newId()
  for (const name of names) {
    const entry: HeldEntry = { ...row, externalId: name, shared: true, ...(row.retired === true ? {} : { shareId }) }
    if (name !== row.externalId) {
      // Whom a row of his own speaks of, another row does not.
      const key = entryKey(entry)
      if (taken.has(key)) continue
      taken.add(key)
    }
    const before = byName.get(name)
    const isOther = before !== undefined && before.fingerprint !== row.fingerprint
    const has = hasLeft(leftOf(name), now)
    if (row.retired !== true && isOther && has && isSomebodyHere) {
      if (before.shareId !== shareId) done.joins.push({ id: before.id, shareId })
      continue
    }
    done.entries.push(row.retired !== true && !has ? { ...entry, onlyHere: isSomebodyHere } : entry)
  }
  if (row.fingerprint !== undefined && row.retired !== true) done.values.push({ shareId, fingerprint: row.fingerprint })
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
