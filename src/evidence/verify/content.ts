import { LEDGER_KINDS } from '../../domain/ledger.ts'
import { entriesPath, isUnfinished, type Manifest, PATHS } from '../bundle/format.ts'
import type { Checkpoint } from '../checkpoint.ts'
import { EMPTY_ROOT } from '../merkle.ts'
import { verifyEntries } from './entries.ts'
import type { EntryContext, Suspect } from './entry-context.ts'
import { verifyGone } from './gone.ts'
import { attempt, type CheckName, type Problems } from './problems.ts'
import type { Digests } from './read.ts'
import type { BundleSource } from './source.ts'
import { openTree, TileFalse, type Tree } from './tree.ts'

/** Entries of one bundle: one bit of memory each. */
const MOST_ENTRIES = 4_000_000_000

/** What every part of verifying works with. */
export interface VerifyContext {
  source: BundleSource
  digests: Digests
  problems: Problems
  details: Map<CheckName, string>
}

/** What was found of the entries, for whoever wants to know where they are false. */
export interface Content {
  tree: Tree
  /** The stretch of the log. */
  first: number
  end: number
  /** By kind, at most one each. */
  suspects: readonly Suspect[]
  /** True where every index of the stretch before this one was seen. */
  isWholeBefore(index: number): boolean
}

/** Checks entries, tables, proofs and that nothing was left out. Undefined where there is no tree to hold them against. */
export async function verifyContent(
  context: VerifyContext & { manifest: Manifest; checkpoint: Checkpoint; note: string },
): Promise<Content | undefined> {
  const { source, digests, problems, details, manifest, checkpoint, note } = context
  const { first, end } = manifest.log
  if (first > end || end > checkpoint.size || end - first > MOST_ENTRIES) {
    problems.add({
      check: 'completeness',
      file: PATHS.manifest,
      what: `the log has ${checkpoint.size} entries, and no stretch ${first} to ${end} that could be in one bundle`,
    })
    return undefined
  }
  const tree = await openTree(source, checkpoint.size, checkpoint.size === 0 ? EMPTY_ROOT : checkpoint.root, digests).catch(
    (error: unknown) => {
      if (!(error instanceof TileFalse)) throw error
      problems.add({ check: 'tree', file: error.file, what: error.message })
    },
  )
  if (tree === undefined) return undefined
  const present = new Uint8Array(Math.ceil((end - first) / 8))
  const isPresent = (index: number) => ((present[(index - first) >>> 3] ?? 0) & (1 << ((index - first) & 7))) !== 0
  const suspects: Suspect[] = []
  let distinct = 0
  const entryContext: EntryContext = {
    ...{ source, digests, problems, tree, root: checkpoint.root, checkpoint: note, first, end },
    seen: (index) => {
      if (isPresent(index)) return
      distinct += 1
      const byte = (index - first) >>> 3
      present[byte] = (present[byte] ?? 0) | (1 << ((index - first) & 7))
    },
    suspect: (suspect) => suspects.push(suspect),
  }
  let total = 0
  for (const kind of LEDGER_KINDS) {
    const file = entriesPath(kind, 'jsonl')
    if (!source.files.has(file)) continue
    const at = { check: 'entries', file } as const
    const count = await attempt(problems, at, () => verifyEntries(kind, entryContext))
    const listed = manifest.entries.find((each) => each.kind === kind)?.count ?? 0
    if (count !== undefined && count !== listed)
      problems.add({ ...at, what: `it has ${count} lines, and the list of files says ${listed}` })
    total += count ?? 0
  }
  const gone = (await attempt(problems, { check: 'entries', file: PATHS.gone }, () => verifyGone(entryContext))) ?? 0
  const without = manifest.gone + manifest.altered + manifest.removed
  if (gone !== without)
    problems.add({ check: 'entries', file: PATHS.gone, what: `it has ${gone} rows, and the list of files says ${without}` })
  if (manifest.contradicted > 0)
    problems.add({
      check: 'entries',
      file: PATHS.contradicted,
      what: `${manifest.contradicted} rows of the database that the statements are made from are not borne out by the log: they were changed`,
    })
  for (const path of source.files.keys())
    if (path.startsWith('proofs/') && !digests.has(path))
      problems.add({ check: 'proofs', file: path, what: 'no finding of this bundle stands behind it' })
  details.set('tree', `the hashes of ${digestedTiles(digests)} tiles lead to the root of the checkpoint`)
  details.set(
    'entries',
    `${total} entries stand in the log as they are here${gone === 0 ? '' : `, and ${gone} whose facts are past their retention`}`,
  )
  details.set('tables', 'every CSV of entries says what the entries say')
  details.set(
    'proofs',
    `${[...digests.keys()].filter((path) => path.startsWith('proofs/')).length} single proofs lead to the checkpoint`,
  )
  tellCompleteness(manifest, distinct, problems, details)
  const isWholeBefore = (index: number) => {
    for (let at = first; at < index; at++) if (!isPresent(at)) return false
    return true
  }
  return { tree, first, end, suspects, isWholeBefore }
}

function tellCompleteness(manifest: Manifest, distinct: number, problems: Problems, details: Map<CheckName, string>): void {
  const { log, filters } = manifest
  const all = log.end - log.first
  const later = isUnfinished(manifest) ? '; the period had not ended when this was made, and what came later is not here' : ''
  const named = Object.entries(filters).map(([name, value]) => `${name} ${value}`)
  if (named.length > 0)
    details.set(
      'completeness',
      `${distinct} of the ${all} entries of the period, chosen by ${named.join(', ')}: what was left out cannot be told from here${later}`,
    )
  else if (distinct === all)
    details.set(
      'completeness',
      `all ${all} entries of the log from index ${log.first} to before ${log.end} are here: nothing was left out${later}`,
    )
  else
    problems.add({
      check: 'completeness',
      file: PATHS.manifest,
      what: `${all - distinct} entries of the log from index ${log.first} to before ${log.end} are missing`,
    })
}

function digestedTiles(digests: Digests): number {
  return [...digests.keys()].filter((path) => path.startsWith('log/tile/')).length
}
