import { isLedgerKind } from '../../domain/ledger.ts'
import { GONE_HEADER, PATHS } from '../bundle/format.ts'
import { isPassing } from '../expiry.ts'
import { type EntryContext, isHeld } from './entry-context.ts'
import { readLines, stretchOf } from './read.ts'

/** Checks the entries whose facts are not there; answers how many there are. An altered or removed row is false by itself. */
export async function verifyGone(context: EntryContext): Promise<number> {
  const file = PATHS.gone
  if (!context.source.files.has(file)) return 0
  let [count, last] = [-1, -1]
  for await (const line of readLines(context.source, file, context.digests)) {
    count += 1
    const fault = (what: string) =>
      context.problems.add({ check: 'entries', file, line: line.number, stretch: stretchOf(line), what })
    const text = line.bytes.toString('latin1')
    if (count === 0) {
      if (text !== GONE_HEADER) fault('the first line is not the header')
      continue
    }
    const [, indexText = '', kind = '', id = '', digest = '', why] = GONE_ROW.exec(text) ?? []
    if (!line.ended || !isLedgerKind(kind)) {
      fault('the row is not index, kind, id, digest and why')
      continue
    }
    const index = Number(indexText)
    const held = await isHeld(context, index, { kind, id, digest })
    if (held !== undefined) fault(held)
    else if (index <= last) fault(`entry ${index} does not come after entry ${last}`)
    else context.seen(index)
    if (why === 'altered')
      fault(`the row of ${kind} ${id} was changed in the database after it was logged: what was logged is not there any more`)
    else if (why === 'removed' || !isPassing(kind))
      fault(`the row of ${kind} ${id} was removed from the database after it was logged, and by no retention`)
    last = index
  }
  return Math.max(0, count)
}

const GONE_ROW = /^([0-9]{1,15}),([a-z]+),([0-9a-f-]{36}),([0-9a-f]{64}),(gone|altered|removed)$/
