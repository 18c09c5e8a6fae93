import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { RevenantError } from '../../domain/error.ts'
import type { Facts } from '../../domain/leaf.ts'
import { clearFaults, faultKeys, noteFault } from '../../store/feed-fault.ts'
import { heldDepartures } from '../../store/feed-statement.ts'
import { findSubjects, lastSaid, presentKeys } from '../../store/feed-subject.ts'
import { askWhereNamed } from '../feed/named-elsewhere.ts'
import type { Said, Taken } from '../feed/said.ts'
import { absentFrom, bringInto, enterScope, type Scope, tellScope } from '../feed/scope.ts'
import { takeStatements } from '../feed/take.ts'
import type { PullContext } from '../sources/source.ts'
import { CLAIMS, type ClaimedFile, claimFile, findWaiting, holdClaim } from './claim.ts'
import type { FilesOptions } from './options.ts'
import { type DropReport, putAway } from './put-away.ts'
import { addFault, diskFault, type ReadDrop, readDrop, StillWritten } from './read-drop.ts'

/**
 * Reads what was dropped into a folder, oldest first: each file is checked whole, taken in one delivery and archived, or rejected whole.
 * Taking a file again, since the daemon died in between, changes nothing. Throws `INPUT_INVALID` after the last file where one was
 * rejected, and where the folder cannot be read.
 */
export async function takeDrop(options: FilesOptions, context: PullContext): Promise<void> {
  const folders = foldersOf(options)
  const { deps, signal } = context
  await inFolder(folders.watched, async () => {
    for (const folder of [folders.claims, folders.archive, folders.rejected])
      await mkdir(folder, { recursive: true, mode: 0o700 })
  })
  const { pattern, settle } = options
  const { ready, refused } = await inFolder(folders.watched, () =>
    findWaiting(folders.watched, { pattern, settleMs: settle }, Date.now()),
  )
  const faults = refused.map((name) => `${quoted(name)} is no regular file`)
  let taken = 0
  const progress = { position: context.position }
  for (const file of ready) {
    if (signal.aborted) return
    const claim = await inFolder(folders.watched, () => claimFile(folders.watched, file))
    if (claim === undefined) continue
    const release = holdClaim(claim)
    try {
      // Changed after the folder was listed.
      if (Date.now() - claim.changedMs < settle) continue
      const fault = await takeFile(claim, earlier(claim.changedMs, deps.now()), { options, folders, context, progress })
      if (fault === undefined) taken++
      else faults.push(fault)
    } catch (error) {
      if (signal.aborted) return
      // Its writer goes on: it is read once that has ended.
      if (!(error instanceof StillWritten)) throw error
    } finally {
      await release()
    }
  }
  if (faults.length > 0) throw new RevenantError('INPUT_INVALID', faults.slice(0, 5).join('; '))
  // A folder in which nothing appears is one that nobody writes to any more.
  if (taken === 0) context.unheard?.()
}

interface Folders {
  watched: string
  claims: string
  archive: string
  rejected: string
}

function foldersOf({ folder, archive, rejected }: FilesOptions): Folders {
  const watched = resolve(folder)
  return { watched, claims: join(watched, CLAIMS), archive: resolve(watched, archive), rejected: resolve(watched, rejected) }
}

interface Taking {
  options: FilesOptions
  folders: Folders
  context: PullContext
  /** How far it has come; moved by each file. */
  progress: { position: Facts | null }
}

/** Answers why a file was rejected; undefined where it was taken. */
async function takeFile(
  claim: ClaimedFile,
  at: Temporal.Instant,
  { options, folders, context, progress }: Taking,
): Promise<string | undefined> {
  const { feed, deps, signal } = context
  const ask = { format: options.format, dayEnd: deps.policy, now: deps.now(), signal }
  const read = await readDrop(claim.path, claim.name, ask).catch((error: unknown) => {
    throw error instanceof StillWritten || signal.aborted ? error : diskFault(`${quoted(claim.name)} cannot be read`, error)
  })
  const scope = await scopeAt(at, options, progress.position, context)
  await checkOverdue(read, context)
  const { missing, outOfSight } = options.complete ? await absent(read, scope, context) : NOBODY
  const about = { file: claim.name, source: feed.name, at: deps.now().toString(), rows: read.rows }
  if (read.faultTotal > 0) {
    const report: DropReport = {
      ...about,
      taken: false,
      outcomes: {},
      missing: 0,
      faults: read.faults,
      faultTotal: read.faultTotal,
    }
    const fault = `${quoted(claim.name)} is rejected: ${told(read)}`
    // A departure may be in it: what other files say well does not take that back. Before it is put away, and read no more.
    await noteFault(deps.db, feed.id, { key: faultKey(claim), fault, saidAt: at }, deps.now())
    await inFolder(folders.rejected, () => putAway(claim, folders.rejected, report, deps.now()))
    context.log('warn', 'a dropped file was rejected', { file: claim.name, faults: read.faultTotal })
    return fault
  }
  const said = [...read.said, ...missing].map((each) => ({ ...each, at }))
  const keep = async (position: Facts) => {
    progress.position = position
    await context.move(position)
  }
  // Before anything is taken: whoever is named now was named under this scope, whatever comes in between.
  if (scope !== undefined) await keep(scope.kept)
  const results = await takeStatements(feed, said, deps)
  if (scope !== undefined) {
    await bringInto(
      context,
      scope,
      said.map(({ key }) => key),
    )
    await keep(await tellScope(context, scope, outOfSight))
  }
  // A list of everybody says all that one before it would have said, where it is of the same people.
  const before = options.complete && scope !== undefined ? await faultKeys(deps.db, feed.id, scope.periods) : []
  const over = [faultKey(claim), ...before.filter((key) => key.startsWith(FAULT_KEY))]
  await clearFaults(
    deps.db,
    feed.id,
    over.map((key) => ({ key, saidAt: at })),
  )
  const report = { ...about, taken: true, outcomes: outcomesOf(results), missing: missing.length, ...faultsOf(results) }
  await inFolder(folders.archive, () => putAway(claim, folders.archive, report, deps.now()))
  context.log('info', 'a dropped file was taken', { file: claim.name, rows: read.rows, ...report.outcomes })
  return undefined
}

/** Under which what is wrong with files stands, by their names. */
const FAULT_KEY = 'file:'

function faultKey({ name }: ClaimedFile): string {
  return `${FAULT_KEY}${name}`
}

/**
 * For whom the files are. Undefined where another folder or pattern is read than before, and this file is older than what was said last:
 * it cannot tell apart who is to be on it.
 */
async function scopeAt(
  at: Temporal.Instant,
  { folder, pattern }: FilesOptions,
  position: Facts | null,
  { feed, deps }: PullContext,
): Promise<Scope | undefined> {
  const scope = enterScope(position, { folder, pattern }, at)
  if (!scope.changed) return scope
  const last = await lastSaid(deps.db, feed.id)
  return last === null || Temporal.Instant.compare(last, at) < 0 ? scope : undefined
}

/** What no row can tell by itself; adds faults. */
async function checkOverdue(read: ReadDrop, { feed, deps }: PullContext): Promise<void> {
  const known = await findSubjects(
    deps.db,
    feed.id,
    read.overdue.map(({ said }) => said.key),
  )
  const asked = await heldDepartures(
    deps.db,
    feed.id,
    read.overdue.map(({ said }) => said.key),
  )
  for (const { line, said, at } of read.overdue) {
    const before = known.get(said.key)?.terminated_at ?? asked.get(said.key) ?? null
    // Set in advance, and passed since: the file says the same as before.
    if (before !== null && Temporal.Instant.compare(before, at) === 0) read.said.push(said)
    else
      addFault(read, {
        line,
        field: 'status',
        message: 'is active while the termination has passed: say terminated, or leave the termination blank',
      })
  }
}

interface Absent {
  missing: Said[]
  /** Undefined: it cannot be told. */
  outOfSight: number | undefined
}

const NOBODY: Absent = { missing: [], outOfSight: undefined }

/** Who is missing from a list of everybody. */
async function absent(read: ReadDrop, scope: Scope | undefined, { feed, deps }: PullContext): Promise<Absent> {
  if (read.faultTotal > 0) return NOBODY
  if (read.said.length === 0) {
    addFault(read, { line: 0, message: 'it lists nobody, and complete is set: everybody would be gone' })
    return NOBODY
  }
  if (scope === undefined) return NOBODY
  const listed = new Set(read.said.map(({ key }) => key))
  const { missing, outOfSight } = absentFrom(listed, await presentKeys(deps.db, feed.id, scope.periods))
  const gone = missing.map(({ key, external_id }) => ({ key, externalId: external_id, standing: { is: 'deleted' as const } }))
  return { missing: askWhereNamed(gone, read.said), outOfSight: outOfSight.length }
}

function outcomesOf(results: readonly Taken[]): Record<string, number> {
  return Object.fromEntries(
    Map.groupBy(results, ({ outcome }) => outcome)
      .entries()
      .map(([outcome, of]) => [outcome, of.length]),
  )
}

/** What the intake itself refused of rows that are well-formed: an owner for a human, say. */
function faultsOf(results: readonly Taken[]): Pick<DropReport, 'faults' | 'faultTotal'> {
  const faults = results.flatMap(({ fault }) => (fault === undefined ? [] : [{ line: 0, message: fault }]))
  return { faults: faults.slice(0, 100), faultTotal: faults.length }
}

function told({ faults: [first], faultTotal }: ReadDrop): string {
  if (first === undefined) return ''
  const where = first.line === 0 ? '' : `line ${first.line}: ${first.field === undefined ? '' : `${first.field} `}`
  return `${where}${first.message}${faultTotal > 1 ? ` (and ${faultTotal - 1} more: its report has them)` : ''}`
}

function earlier(ms: number, now: Temporal.Instant): Temporal.Instant {
  return Temporal.Instant.fromEpochMilliseconds(Math.min(Math.floor(ms), now.epochMilliseconds))
}

function quoted(name: string): string {
  return JSON.stringify(name.slice(0, 100))
}

async function inFolder<Value>(folder: string, work: () => Promise<Value>): Promise<Value> {
  try {
    return await work()
  } catch (error) {
    throw diskFault(`the folder ${folder} cannot be used`, error)
  }
}
