import type { Facts } from '../../domain/leaf.ts'
import type { LedgerKind } from '../../domain/ledger.ts'
import { entriesPath, proofPath } from '../bundle/format.ts'
import { verifyInclusion } from '../merkle.ts'
import { parseTlogProof } from '../tlog-proof.ts'
import { type EntryContext, isHeld } from './entry-context.ts'
import { type ReadLine, readLine } from './entry-line.ts'
import { attempt } from './problems.ts'
import { type Line, readLines, readText, stretchOf } from './read.ts'
import { openTwin } from './twin.ts'

/** Checks the entries of one kind, their table and the proofs that they have of their own; answers how many lines there are. */
export async function verifyEntries(kind: LedgerKind, context: EntryContext): Promise<number> {
  const { source, digests, problems } = context
  const file = entriesPath(kind, 'jsonl')
  const twin = openTwin(entriesPath(kind, 'csv'), context)
  let [count, last, size, isSuspected] = [0, -1, 0, false]
  let before: Facts | undefined
  const suspect = (offset: number, line: Line | undefined, row: Line | undefined) => {
    if (isSuspected) return
    isSuspected = true
    const found = line === undefined ? undefined : { bytes: Buffer.from(line.bytes), ended: line.ended }
    const number = line?.number ?? count + 1
    context.suspect({ ...{ kind, number, offset, before, line: found }, row, header: twin.header() })
  }
  for await (const line of readLines(source, file, digests)) {
    count += 1
    size = line.offset + line.bytes.length + (line.ended ? 1 : 0)
    const fault = (what: string) => problems.add({ check: 'entries', file, line: line.number, stretch: stretchOf(line), what })
    const read = readLine(line)
    if (typeof read === 'string') {
      fault(read)
      suspect(line.offset, line, await twin.skip())
      continue
    }
    const { row, same } = await twin.compare(read)
    const isInOrder = read.index > last
    if (!isInOrder) fault(`entry ${read.index} does not come after entry ${last}: lines were moved or repeated`)
    last = read.index
    const held = await isHeld(context, read.index, { kind, id: read.id, digest: read.digest })
    if (held !== undefined) fault(held)
    if (held !== undefined || !same || !isInOrder) suspect(line.offset, line, row)
    before = read.facts
    if (held !== undefined) continue
    context.seen(read.index)
    await verifyProof(kind, read, context)
  }
  const extra = await twin.finish()
  if (extra !== undefined) suspect(size, undefined, extra)
  return count
}

async function verifyProof(kind: LedgerKind, { id, index }: ReadLine, context: EntryContext): Promise<void> {
  const file = proofPath(id)
  if (kind !== 'finding' || !context.source.files.has(file)) return
  const at = { check: 'proofs', file } as const
  await attempt(context.problems, at, async () => {
    const proof = parseTlogProof(await readText(context.source, file, 1_000_000, context.digests))
    const { tree, root } = context
    const fault =
      proof.index !== index
        ? `it is of index ${proof.index}, and the entry stands at ${index}`
        : proof.checkpoint !== context.checkpoint
          ? 'it ends in another checkpoint'
          : verifyInclusion({ index, size: tree.size, leaf: await tree.leaf(index), root, proof: proof.proof })
            ? undefined
            : 'its hashes do not lead to the root of the checkpoint'
    if (fault !== undefined) context.problems.add({ ...at, what: fault })
  })
}
