import { toError } from '../../domain/error.ts'
import type { Db } from '../../store/db.ts'
import { latestCheckpoint } from '../../store/ledger.ts'
import { addCosignature, endAnchorTry, lastAnchored, takeAnchorTry } from '../../store/ledger-anchor.ts'
import { proveGrowth } from '../ledger.ts'
import type { NoteKey } from '../note-key.ts'
import type { Anchor, AnchorEntry } from './anchor.ts'
import { fileAnchor } from './file.ts'
import { rfc3161Anchor } from './rfc3161.ts'
import { webhookAnchor } from './webhook.ts'
import { witnessAnchor } from './witness.ts'

export interface AnchorsDeps {
  db: Db
  anchors: readonly AnchorEntry[]
  /** How often at most an anchor takes a checkpoint. */
  everyMs: number
  keys(): Promise<readonly NoteKey[]>
  /** What a reference stands for. */
  resolve(reference: string): Promise<string>
  now(): Temporal.Instant
  failed(anchor: string, error: Error): void
}

/** A failed try is repeated after so long: an anchor that is down for an hour has then missed nothing but that hour. */
const RETRY_MS = 5 * 60_000

/**
 * Has the newest checkpoint anchored by whoever has waited long enough for one. Failures are told and tried again; nothing waits for
 * an anchor. Answers how many took it.
 */
export async function anchorNewest(deps: AnchorsDeps, signal: AbortSignal): Promise<number> {
  const taken = await Promise.all(deps.anchors.map((entry) => anchorBy(entry, deps, signal)))
  return taken.filter(Boolean).length
}

async function anchorBy(entry: AnchorEntry, deps: AnchorsDeps, signal: AbortSignal): Promise<boolean> {
  const { db } = deps
  const checkpoint = await latestCheckpoint(db)
  const last = await lastAnchored(db, entry.name)
  const now = deps.now()
  if (checkpoint === undefined || checkpoint.size === last?.size) return false
  if (last !== undefined && now.epochMilliseconds - last.at.epochMilliseconds < deps.everyMs) return false
  const retryMs = Math.min(RETRY_MS, deps.everyMs)
  const id = await takeAnchorTry(db, { anchor: entry.name, kind: entry.kind, size: checkpoint.size }, now, retryMs)
  if (id === undefined) return false
  try {
    const anchor = await openAnchor(entry, deps.resolve)
    const context = {
      keys: await deps.keys(),
      lastSize: last?.size ?? 0,
      proveGrowth: (from: number, to: number) => proveGrowth(db, from, to),
      signal,
    }
    const { cosignature, ...result } = await anchor(checkpoint, context)
    if (cosignature !== undefined) await addCosignature(db, checkpoint.size, cosignature)
    await endAnchorTry(db, id, { ok: true, ...result })
    return true
  } catch (error) {
    const fault = toError(error)
    await endAnchorTry(db, id, { ok: false, detail: fault.message.slice(0, 300) })
    deps.failed(entry.name, fault)
    return false
  }
}

async function openAnchor(entry: AnchorEntry, resolve: AnchorsDeps['resolve']): Promise<Anchor> {
  if (entry.kind === 'file') return fileAnchor(entry)
  const authorization = entry.authorization === undefined ? undefined : await resolve(entry.authorization)
  if (entry.kind === 'webhook') return webhookAnchor({ ...entry, authorization })
  return entry.kind === 'witness' ? witnessAnchor({ ...entry, authorization }) : rfc3161Anchor({ ...entry, authorization })
}
