import type { Selectable } from 'kysely'
import type { FindingEvent, FindingKind } from '../domain/finding.ts'
import { newId } from '../domain/id.ts'
import type { Policy } from '../domain/policy.ts'
import type { Queryable } from '../store/db.ts'
import {
  exemptionsAt,
  type FindingChanges,
  type FindingRow,
  lockFindings,
  lockUnexempted,
  type NewFinding,
  type NewFindingEvent,
  saveFindings,
} from '../store/finding.ts'
import type { ExemptionTable } from '../store/tables.ts'
import type { KeyedSignal } from './signals.ts'
import { type Episode, endExemption, kindOf, type Signal, type Transition, transition } from './transition.ts'

/** One edge of one finding, to be alerted about in the transaction that made it. */
export interface FindingEdge {
  /** UUIDv7: the finding event's id and the alert's. */
  eventId: string
  /** The finding as this edge left it. */
  finding: FindingRow
  event: FindingEvent
  sequence: number
  at: Temporal.Instant
  /** The observation that made it; absent where none did: time, or an operator. */
  observationId?: string
}

/** Called inside the transaction for the edges of a page, before it commits. */
export type Raise = (db: Queryable, edges: readonly FindingEdge[]) => Promise<void>

/**
 * Moves findings on by the signals of one page, in the caller's transaction: reads and locks them, asks `transition`, writes what
 * changed and hands the edges to `raise`. Signals of one key are taken in their order. Two replicas may open one finding at once:
 * the slower one gets a unique violation, so the caller's transaction is one that `transact` runs.
 */
export async function applySignals(
  db: Queryable,
  signals: readonly KeyedSignal[],
  policy: Policy,
  raise: Raise,
): Promise<FindingEdge[]> {
  const first = signals[0]
  if (first === undefined) return []
  const rows = await lockFindings(db, [...new Set(signals.map((each) => each.key))])
  const exemptions = signals.some((each) => each.signal.holds) ? await exemptionsAt(db, first.signal.at) : []
  const pen = openPen()
  for (const each of inOrder(signals)) {
    const row = rows.get(each.key)
    const moved = transition(row === undefined ? undefined : episodeOf(row), withExemption(each, row, exemptions), policy)
    if (moved.finding === undefined) continue
    const next = rowOf(each, row, moved.finding)
    const stored = asStored(next, row)
    pen.write(next, row === undefined)
    rows.set(each.key, stored)
    if (moved.event !== undefined) pen.edge(stored, moved.event, each)
  }
  return pen.save(db, raise)
}

/**
 * Opens the findings whose exemption has ended, in the caller's transaction: what it silenced may never be seen again by itself, of a
 * system that is down for instance. Answers how many; `limit` at most.
 */
export async function endExemptions(db: Queryable, at: Temporal.Instant, limit: number, raise: Raise): Promise<number> {
  return moveByTime(db, await lockUnexempted(db, at, limit), at, (episode) => endExemption(episode, at), raise)
}

/**
 * Moves locked findings on that no observation moves, in the caller's transaction: by time, or because an exemption is over. What makes
 * no event is left as it was. Answers how many made one.
 */
export async function moveByTime<Row extends FindingRow>(
  db: Queryable,
  rows: readonly Row[],
  at: Temporal.Instant,
  move: (episode: Episode, row: Row) => Transition,
  raise: Raise,
): Promise<number> {
  const pen = openPen()
  for (const row of rows) {
    const { finding, event } = move(episodeOf(row), row)
    if (finding === undefined || event === undefined) continue
    const next = rowOf({ key: row.key, ...idsOf(row) }, row, finding)
    pen.write(next, false)
    pen.edge(asStored(next, row), event, { signal: { at } })
  }
  return (await pen.save(db, raise)).length
}

/** What one transaction is to write of findings: gathered, and written in one statement. */
function openPen() {
  const added = new Map<string, NewFinding>()
  const changed = new Map<string, NewFinding>()
  const events: NewFindingEvent[] = []
  const edges: FindingEdge[] = []
  return {
    /** A finding as it is now; `fresh`: nobody had its key before this transaction. */
    write: (finding: NewFinding, fresh: boolean): void => {
      const to = fresh || added.has(finding.id) ? added : changed
      to.set(finding.id, finding)
    },
    edge: (
      finding: FindingRow,
      event: FindingEvent,
      {
        signal,
        observationId,
        listingId,
        traceId,
      }: { signal: { at: Temporal.Instant }; observationId?: string; listingId?: string; traceId?: string },
    ): void => {
      const edge: FindingEdge = {
        ...{ eventId: newId(), finding, event, sequence: finding.sequence, at: signal.at },
        ...(observationId === undefined ? {} : { observationId }),
      }
      edges.push(edge)
      events.push({
        id: edge.eventId,
        finding_id: finding.id,
        kind: finding.kind,
        system_id: finding.system_id,
        identity_id: finding.identity_id,
        credential_id: finding.credential_id,
        feed_id: finding.feed_id,
        grant_id: finding.grant_id,
        listing_id: listingId ?? null,
        sequence: edge.sequence,
        event,
        at: edge.at.toString({ smallestUnit: 'millisecond' }),
        severity: finding.severity,
        state: finding.state,
        observation_id: observationId ?? null,
        trace_id: traceId ?? null,
        actor: null,
        note: null,
      })
    },
    save: async (db: Queryable, raise: Raise): Promise<FindingEdge[]> => {
      const changes: FindingChanges = { added: [...added.values()], changed: [...changed.values()], events }
      await saveFindings(db, changes)
      if (edges.length > 0) await raise(db, edges)
      return edges
    },
  }
}

function idsOf({
  system_id,
  identity_id,
  credential_id,
  feed_id,
  grant_id,
}: FindingRow): Pick<KeyedSignal, 'systemId' | 'identityId' | 'credentialId' | 'feedId' | 'grantId'> {
  return {
    ...(system_id === null ? {} : { systemId: system_id }),
    ...(identity_id === null ? {} : { identityId: identity_id }),
    ...(credential_id === null ? {} : { credentialId: credential_id }),
    ...(feed_id === null ? {} : { feedId: feed_id }),
    ...(grant_id === null ? {} : { grantId: grant_id }),
  }
}

/** By key, the signals of one key as they came: whoever writes the same findings at the same time writes them in the same order. */
function inOrder(signals: readonly KeyedSignal[]): KeyedSignal[] {
  return signals.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
}

function withExemption(
  each: KeyedSignal,
  row: FindingRow | undefined,
  exemptions: readonly Selectable<ExemptionTable>[],
): Signal {
  const { signal } = each
  if (!signal.holds) return signal
  const kind = kindOf(row, signal)
  return { ...signal, exempt: exemptions.some((exemption) => covers(exemption, each, kind)) }
}

function covers(exemption: Selectable<ExemptionTable>, each: KeyedSignal, kind: FindingKind): boolean {
  return (
    (exemption.finding_kind === null || exemption.finding_kind === kind) &&
    (exemption.credential_id === null || exemption.credential_id === each.credentialId) &&
    (exemption.identity_id === null || exemption.identity_id === each.identityId) &&
    (exemption.system_id === null || exemption.system_id === each.systemId)
  )
}

function episodeOf(row: FindingRow): Episode {
  return {
    kind: row.kind,
    severity: row.severity,
    state: row.state,
    episode: row.episode,
    sequence: row.sequence,
    rejections: row.rejections,
    openedAt: row.opened_at,
    lastSeenAt: row.last_seen_at,
    alertedAt: row.alerted_at ?? undefined,
    resolvedAt: row.resolved_at ?? undefined,
    exempted: row.exempted,
  }
}

function rowOf(each: Omit<KeyedSignal, 'signal'>, row: FindingRow | undefined, episode: Episode): NewFinding {
  return {
    id: row?.id ?? newId(),
    key: each.key,
    kind: episode.kind,
    severity: episode.severity,
    state: episode.state,
    system_id: each.systemId ?? null,
    identity_id: each.identityId ?? null,
    credential_id: each.credentialId ?? null,
    feed_id: each.feedId ?? null,
    grant_id: each.grantId ?? null,
    episode: episode.episode,
    sequence: episode.sequence,
    rejections: episode.rejections,
    opened_at: episode.openedAt.toString(),
    last_seen_at: episode.lastSeenAt.toString(),
    alerted_at: episode.alertedAt?.toString() ?? null,
    resolved_at: episode.resolvedAt?.toString() ?? null,
    observation_id: each.observationId ?? row?.observation_id ?? null,
    trial_id: each.trialId ?? row?.trial_id ?? null,
    trace_id: each.traceId ?? row?.trace_id ?? null,
    exempted: episode.exempted,
  }
}

/** The row as a later signal of the same page must see it. */
function asStored(next: NewFinding, row: FindingRow | undefined): FindingRow {
  return {
    ...next,
    opened_at: Temporal.Instant.from(next.opened_at),
    last_seen_at: Temporal.Instant.from(next.last_seen_at),
    alerted_at: next.alerted_at === null ? null : Temporal.Instant.from(next.alerted_at),
    resolved_at: next.resolved_at === null ? null : Temporal.Instant.from(next.resolved_at),
    acknowledged_at: row?.acknowledged_at ?? null,
    acknowledged_by: row?.acknowledged_by ?? null,
  }
}
