import { parseConsistency } from '../bundle/consistency.ts'
import { PATHS } from '../bundle/format.ts'
import { type Checkpoint, openCheckpoint } from '../checkpoint.ts'
import { isSame, verifyConsistency } from '../merkle.ts'
import type { NoteKey } from '../note-key.ts'
import type { VerifyContext } from './content.ts'
import { attempt } from './problems.ts'
import { readText } from './read.ts'
import { TEXT_LIMIT } from './seal.ts'

/** The older checkpoint in the bundle, and the one that the caller holds. */
export async function verifyOlder(
  checkpoint: Checkpoint,
  keys: readonly NoteKey[],
  held: string | undefined,
  context: VerifyContext,
): Promise<void> {
  const { source, digests, problems, details } = context
  const at = { check: 'consistency', file: PATHS.consistency } as const
  const own = source.files.has(PATHS.consistency)
    ? await attempt(problems, at, async () => parseConsistency(await readText(source, PATHS.consistency, TEXT_LIMIT, digests)))
    : undefined
  const continues = (old: Checkpoint): boolean =>
    old.size === checkpoint.size
      ? isSame(old.root, checkpoint.root)
      : own !== undefined &&
        own.from === old.size &&
        own.to === checkpoint.size &&
        verifyConsistency({ from: old.size, to: checkpoint.size, fromRoot: old.root, toRoot: checkpoint.root, proof: own.proof })
  const judge = (old: Checkpoint, whose: string) => {
    if (continues(old)) details.set('consistency', `the log continues ${whose} of ${old.size} entries`)
    else if (old.size > checkpoint.size)
      problems.add({
        ...at,
        file: PATHS.checkpoint,
        what: `the log has ${checkpoint.size} entries here, and ${whose} says ${old.size}: it was cut off, or restored from a backup, or this bundle is older`,
      })
    else problems.add({ ...at, what: `nothing here proves that the log continues ${whose} of ${old.size} entries` })
  }
  if (own !== undefined) {
    const opened = await attempt(problems, at, () => openCheckpoint(own.checkpoint, keys, { origin: checkpoint.origin }))
    if (opened !== undefined) judge(opened.checkpoint, 'the older checkpoint in the bundle')
  }
  if (held === undefined) return
  const opened = await attempt(problems, { check: 'consistency', file: 'the checkpoint that was given' }, () =>
    openCheckpoint(held, keys, { origin: checkpoint.origin }),
  )
  if (opened !== undefined) judge(opened.checkpoint, 'the checkpoint that was given,')
}
