import { RevenantError } from '../domain/error.ts'
import { toMs } from '../domain/facts/instant.ts'
import { newId } from '../domain/id.ts'
import { audit } from '../store/audit.ts'
import type { Queryable } from '../store/db.ts'
import { easeFindings, lockFindings, saveFindings } from '../store/finding.ts'
import {
  endHandover,
  giveOver,
  type HandoverRow,
  insertHandover,
  lockEased,
  lockHandover,
  lockOpenHandover,
  lockOwned,
  moveHandover,
  takeBack,
} from '../store/handover.ts'
import { type IdentityRow, identityById, lockIdentities } from '../store/identity.ts'
import { transact } from '../store/transact.ts'
import { operatorEvent } from './act.ts'
import { moveByTime } from './apply.ts'
import { changeOwner, checkOwner, hasLeft, identityOf, type OwnershipDeps } from './ownership.ts'
import { severityToday } from './remind.ts'
import { findingKey } from './signals.ts'
import { escalate } from './transition.ts'

/** What is agreed. Identities are given by their external ids. */
export interface Agreement {
  leaver: string
  /** Who takes over, with a credential of its own. */
  receiver: string
  /** From when on what the leaver held must be refused. */
  by: Temporal.Instant
  /** Ids; left out: all that the leaver holds. */
  credentialIds?: readonly string[]
  /** Who answers for the leaver's services and agents from now on; left out: the receiver, where it is a human. */
  owner?: string
  note?: string
}

export interface HandoverReport {
  id: string
  /** False: it was agreed before, and stands with the new date. */
  created: boolean
  /** Credentials that must be refused by the date. */
  credentials: number
  /** The leaver has left: what it held is tried. False: nothing is, before the departure. */
  left: boolean
  /** Services and agents that have the new owner. */
  transferred: string[]
  /** Services and agents of the leaver that nobody answers for, since no human was named. */
  orphaned: string[]
}

/**
 * Agrees that somebody else takes over what a leaver did: until the date the leaver's credentials may still work (`info`), from then on
 * that is `handover_overdue`. Once more between the same two: another date, and further credentials. Services and agents get the new
 * owner at once. Throws `NOT_FOUND` and `INPUT_INVALID`.
 */
export async function handOver(agreement: Agreement, deps: OwnershipDeps): Promise<HandoverReport> {
  return transact(deps.db, async (tx) => {
    const now = toMs(deps.now())
    const { leaver, receiver, owner } = await parties(tx, agreement, now)
    const before = await lockOpenHandover(tx, leaver.id, receiver.id)
    const handover = { id: before?.id ?? newId(), by: agreement.by }
    if (before === undefined) await insertHandover(tx, rowOf(handover.id, leaver, receiver, agreement, deps.actor, now))
    else await moveHandover(tx, before.id, agreement.by)
    const given = await giveAll(tx, agreement, leaver, { ...handover, known: before !== undefined }, now)
    const eased = await ease(tx, given, agreement, deps.actor, now)
    const owned = await lockOwned(tx, leaver.external_id, now)
    const moved = owner === undefined ? [] : owned.filter(({ id }) => id !== owner.id)
    if (owner !== undefined) await changeOwner(tx, moved, owner, now, deps)
    const transferred = moved.map(({ externalId }) => externalId)
    const detail = {
      ...{ handover: handover.id, to: receiver.external_id, by: agreement.by.toString(), before: before?.by_at.toString() },
      ...{ credentials: given, eased, owner: owner?.external_id, transferred, note: agreement.note },
    }
    await audit(tx, { actor: deps.actor, action: 'identity.handover', subject: leaver.external_id, detail, at: now })
    return {
      ...{ id: handover.id, created: before === undefined, credentials: given.length, left: hasLeft(leaver, now), transferred },
      orphaned: owner === undefined ? owned.map(({ externalId }) => externalId) : [],
    }
  })
}

/**
 * Sets another date. Throws `NOT_FOUND`, `CONFLICT` where it was cancelled, `INPUT_INVALID` where the date has passed, or whoever takes over
 * will have left by then.
 */
export async function postponeHandover(
  id: string,
  by: Temporal.Instant,
  note: string | undefined,
  deps: OwnershipDeps,
): Promise<{ credentials: number }> {
  return transact(deps.db, async (tx) => {
    const now = toMs(deps.now())
    const handover = await openOne(tx, id)
    checkDate(by, now)
    const receiver = await identityById(tx, handover.receiver_id)
    if (receiver !== undefined) checkReceiver(receiver, by)
    await moveHandover(tx, id, by)
    const given = await giveOver(tx, { handoverId: id }, { id, by }, now)
    await ease(tx, given, { by, ...(note === undefined ? {} : { note }) }, deps.actor, now)
    const detail = { by: by.toString(), before: handover.by_at.toString(), credentials: given, note }
    await audit(tx, { actor: deps.actor, action: 'handover.postpone', subject: id, detail, at: now })
    return { credentials: given.length }
  })
}

/**
 * Cancels a handover: its credentials have the policy's deadline again and are tried at once. Who owns what stays as it is. Throws
 * `NOT_FOUND`, and `CONFLICT` where it was cancelled before.
 */
export async function cancelHandover(
  id: string,
  note: string | undefined,
  deps: OwnershipDeps,
): Promise<{ credentials: number }> {
  return transact(deps.db, async (tx) => {
    const now = toMs(deps.now())
    await openOne(tx, id)
    await endHandover(tx, id, deps.actor, now)
    const released = await takeBack(tx, id, now)
    await audit(tx, {
      actor: deps.actor,
      action: 'handover.cancel',
      subject: id,
      detail: { credentials: released, note },
      at: now,
    })
    return { credentials: released.length }
  })
}

/** Findings that time alone moves in one transaction. */
const PAGE = 200

/**
 * Gives findings that a handover eased the severity back that counts, once the date has passed and nothing tries their credential any more,
 * since it went off the list while they were open. To be called each minute.
 */
export async function escalateEased({ db, now, policy, raise }: Omit<OwnershipDeps, 'actor'>): Promise<void> {
  const page = (after: string | undefined) =>
    transact(db, async (tx) => {
      const at = toMs(now())
      const rows = await lockEased(tx, { at, within: policy.revokeWithinMs, after, limit: PAGE })
      await moveByTime(tx, rows, at, (episode, row) => escalate(episode, severityToday(row, at, policy), at), raise)
      return rows
    })
  for (let rows = await page(undefined); rows.length > 0; rows = await page(rows.at(-1)?.id)) if (rows.length < PAGE) return
}

async function parties(tx: Queryable, agreement: Agreement, now: Temporal.Instant) {
  const named = [agreement.leaver, agreement.receiver, ...(agreement.owner === undefined ? [] : [agreement.owner])]
  const known = await lockIdentities(tx, [...new Set(named)], 'update')
  const [leaver, receiver] = [identityOf(known, agreement.leaver), identityOf(known, agreement.receiver)]
  if (leaver.id === receiver.id) throw new RevenantError('INPUT_INVALID', 'nobody can hand over to himself')
  checkDate(agreement.by, now)
  checkReceiver(receiver, agreement.by)
  const owner =
    agreement.owner === undefined ? (receiver.kind === 'human' ? receiver : undefined) : identityOf(known, agreement.owner)
  if (owner?.id === leaver.id) throw new RevenantError('INPUT_INVALID', 'the new owner is the leaver')
  return { leaver, receiver, owner: owner === undefined ? undefined : checkOwner(owner, now) }
}

function checkReceiver(receiver: IdentityRow, by: Temporal.Instant): void {
  if (hasLeft(receiver, by)) throw new RevenantError('INPUT_INVALID', 'whoever takes over has left, or will have by the date')
}

function checkDate(by: Temporal.Instant, now: Temporal.Instant): void {
  if (Temporal.Instant.compare(by, now) > 0) return
  throw new RevenantError('INPUT_INVALID', 'the date has passed: a handover is agreed for a time to come')
}

async function giveAll(
  tx: Queryable,
  { credentialIds }: Agreement,
  leaver: IdentityRow,
  handover: { id: string; by: Temporal.Instant; known: boolean },
  now: Temporal.Instant,
): Promise<string[]> {
  // The date of what was given over before moves with the rest.
  const before = handover.known ? await giveOver(tx, { handoverId: handover.id }, handover, now) : []
  const ids = credentialIds === undefined ? {} : { credentialIds }
  const given = await giveOver(tx, { leaverId: leaver.id, ...ids }, handover, now)
  const missing = credentialIds?.find((id) => !given.includes(id.toLowerCase()))
  if (missing !== undefined)
    throw new RevenantError(
      'NOT_FOUND',
      `the leaver holds no credential of the id ${JSON.stringify(missing)} that is on the list`,
    )
  return [...new Set([...before, ...given])]
}

/** What is agreed is expected: an open finding of access is `info` until the date, and escalates on it. Answers how many were more. */
async function ease(
  tx: Queryable,
  credentialIds: readonly string[],
  { by, note }: Pick<Agreement, 'by' | 'note'>,
  actor: string,
  at: Temporal.Instant,
): Promise<number> {
  const found = await lockFindings(
    tx,
    credentialIds.map((id) => findingKey('access', id)),
  )
  const loud = [...found.values()].filter(
    // Access that had been proven gone, and is back, nobody has agreed to.
    ({ state, severity, kind }) => state !== 'resolved' && severity !== 'info' && kind !== 'resurrected_access',
  )
  const said = `handed over until ${by.toString({ smallestUnit: 'second' })}${note === undefined ? '' : `: ${note}`}`
  await easeFindings(
    tx,
    loud.map(({ id }) => id),
  )
  const events = loud.map((finding) => operatorEvent({ ...finding, severity: 'info' }, 'handed_over', { actor, note: said, at }))
  await saveFindings(tx, { added: [], changed: [], events })
  return loud.length
}

async function openOne(tx: Queryable, id: string): Promise<HandoverRow> {
  const handover = await lockHandover(tx, id)
  if (handover === undefined) throw new RevenantError('NOT_FOUND', 'there is no handover of this id')
  if (handover.cancelled_at !== null) throw new RevenantError('CONFLICT', 'the handover was cancelled')
  return handover
}

function rowOf(
  id: string,
  leaver: IdentityRow,
  receiver: IdentityRow,
  { by, note }: Agreement,
  actor: string,
  now: Temporal.Instant,
) {
  return {
    ...{ id, leaver_id: leaver.id, receiver_id: receiver.id, by_at: by.toString(), note: note ?? null },
    ...{ created_at: now.toString(), created_by: actor },
  }
}
