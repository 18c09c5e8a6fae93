import { hash } from 'node:crypto'
import { canonicalJson } from '../../domain/canonical-json.ts'
import type { Facts } from '../../domain/leaf.ts'
import { LEDGER_KINDS, type LedgerKind } from '../../domain/ledger.ts'
import { retentionHorizon } from '../../store/audit.ts'
import type { Db } from '../../store/db.ts'
import { type EvidenceFilter, type LoggedEntry, type LogStretch, loggedEntries } from '../../store/evidence.ts'
import { isPast } from '../expiry.ts'
import { columnsOf, csvRow, twinHeader, twinRow } from './csv.ts'
import type { BundleFolder, FileWriter } from './folder.ts'
import { entriesPath, GONE_HEADER, PATHS } from './format.ts'
import { READERS } from './rows.ts'

export interface WrittenEntries {
  counts: Map<LedgerKind, number>
  /** Entries without facts. Their rows are past their retention, */
  gone: number
  /** or say something else than was logged, */
  altered: number
  /** or are missing, though no retention removed them. */
  removed: number
}

export interface EntriesRequest {
  db: Db
  folder: BundleFolder
  stretch: LogStretch
  filter: EvidenceFilter
  /** Undefined: every kind. */
  kinds: ReadonlySet<LedgerKind> | undefined
  /** True when the filter can leave anything out. */
  filtered: boolean
  /** Answers a promise only where there is something to wait for: it is called for every entry. */
  onEntry(entry: LoggedEntry): Promise<void> | undefined
  onProgress(done: number): void
}

/** Entries read at a time: their rows are all that is ever held, and few enough that they die young. */
const PAGE = 500

/** Writes the entries of a stretch of the log, in its order, one pair of files for each kind. */
export async function writeEntries(request: EntriesRequest): Promise<WrittenEntries> {
  const { db, folder, stretch, kinds } = request
  const files = new Map<LedgerKind, KindFiles>()
  const result: WrittenEntries = { counts: new Map(), gone: 0, altered: 0, removed: 0 }
  const horizon = await retentionHorizon(db)
  let goneFile: FileWriter | undefined
  for (let from = stretch.first; from < stretch.end; ) {
    const page = await loggedEntries(db, from, stretch.end, PAGE)
    const last = page.at(-1)
    if (last === undefined) break
    from = last.index + 1
    const wanted = kinds === undefined ? page : page.filter(({ kind }) => kinds.has(kind))
    const stored = await readStored(request, wanted)
    const others = request.filtered ? await readOthers(db, wanted, stored) : undefined
    for (const entry of wanted) {
      const candidates = stored.get(entry.kind)?.get(entry.ref)
      const facts = factsOf(entry, candidates)
      if (facts !== undefined) {
        const of = files.get(entry.kind) ?? (await openKind(folder, entry.kind, facts))
        files.set(entry.kind, of)
        of.add(entry, facts)
        result.counts.set(entry.kind, (result.counts.get(entry.kind) ?? 0) + 1)
      } else {
        const other = others?.get(entry.kind)?.get(entry.ref)
        if (factsOf(entry, other) !== undefined) continue
        const why = (candidates ?? other) !== undefined ? 'altered' : isPast(entry, horizon) ? 'gone' : 'removed'
        // Of whom a row was that its retention removed nobody can tell.
        if (why === 'gone' && request.filtered) continue
        result[why] += 1
        goneFile ??= await startGone(folder)
        await goneFile.write(csvRow([entry.index, entry.kind, entry.ref, entry.digest, why]))
      }
      const more = request.onEntry(entry)
      if (more !== undefined) await more
    }
    for (const of of files.values()) await of.flush()
    request.onProgress(from - stretch.first)
  }
  for (const kind of LEDGER_KINDS) await files.get(kind)?.close()
  await goneFile?.close()
  return result
}

/** Facts, and their canonical JSON: what was hashed. */
interface Candidate {
  facts: Facts
  text: string
}

async function readStored(
  { db, filter }: Pick<EntriesRequest, 'db' | 'filter'>,
  page: readonly LoggedEntry[],
): Promise<Map<LedgerKind, Map<string, Candidate[]>>> {
  const byKind = new Map<LedgerKind, Map<string, Candidate[]>>()
  for (const kind of new Set(page.map((entry) => entry.kind))) {
    const ids = [...new Set(page.filter((entry) => entry.kind === kind).map(({ ref }) => ref))]
    const rows = await READERS[kind](db, ids, filter)
    const candidates = (all: readonly Facts[]) => all.map((facts) => ({ facts, text: canonicalJson(facts) }))
    byKind.set(kind, new Map(rows.map(({ id, facts }) => [id, candidates(facts)])))
  }
  return byKind
}

function factsOf({ digest }: LoggedEntry, candidates: readonly Candidate[] | undefined): Candidate | undefined {
  return candidates?.find(({ text }) => hash('sha256', text) === digest)
}

/**
 * The rows that a filter passed over, as they stand in the database. Whoever removes a row, or changes it so that the filter passes it
 * over, must not be helped by the filter: such an entry is told of in every bundle of its time.
 */
async function readOthers(
  db: Db,
  wanted: readonly LoggedEntry[],
  stored: ReadonlyMap<LedgerKind, ReadonlyMap<string, Candidate[]>>,
): Promise<Map<LedgerKind, Map<string, Candidate[]>>> {
  return readStored(
    { db, filter: {} },
    wanted.filter(({ kind, ref }) => stored.get(kind)?.has(ref) !== true),
  )
}

interface KindFiles {
  add(entry: LoggedEntry, candidate: Candidate): void
  /** Writes what was added. */
  flush(): Promise<void>
  close(): Promise<void>
}

async function openKind(folder: BundleFolder, kind: LedgerKind, first: Candidate): Promise<KindFiles> {
  const lines = await folder.create(entriesPath(kind, 'jsonl'))
  const twin = await folder.create(entriesPath(kind, 'csv'))
  const columns = columnsOf(first.facts)
  await twin.write(twinHeader(columns))
  const [lineTexts, twinTexts]: [string[], string[]] = [[], []]
  const flush = async () => {
    if (lineTexts.length === 0) return
    await lines.write(lineTexts.join(''))
    await twin.write(twinTexts.join(''))
    lineTexts.length = 0
    twinTexts.length = 0
  }
  return {
    add: ({ index }, { facts, text }) => {
      lineTexts.push(`{"facts":${text},"index":${index}}\n`)
      twinTexts.push(twinRow(index, facts, columns))
    },
    flush,
    close: async () => {
      await flush()
      await lines.close()
      await twin.close()
    },
  }
}

async function startGone(folder: BundleFolder): Promise<FileWriter> {
  const file = await folder.create(PATHS.gone)
  await file.write(`${GONE_HEADER}\n`)
  return file
}
