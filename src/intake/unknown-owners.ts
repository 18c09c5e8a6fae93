import type { Queryable } from '../store/db.ts'
import { identitiesOf } from '../store/feed-subject.ts'
import type { IdentityEntry } from './identity-row.ts'
import type { RowFault } from './report.ts'

/** Owners whom the rows of a file name, to be looked up once the whole file is in: an owner may come after what it answers for. */
export interface OwnersNamed {
  /** Remembers whom a row names. */
  add(entry: Pick<IdentityEntry, 'line' | 'owner'>): void
  /**
   * One warning for each owner whom nobody knows, on the first line that names it.
   *
   * @param comes whether an owner would be known by this very file
   */
  unknown(db: Queryable, comes: (owner: string) => boolean): Promise<RowFault[]>
}

/** Beyond so many owners nobody is told of further ones: the memory of an import does not grow with its file. */
const MOST = 50_000
const CHUNK = 1_000

export function openOwnersNamed(): OwnersNamed {
  const rows = new Map<string, { line: number; count: number }>()
  return {
    add: ({ line, owner }) => {
      if (typeof owner !== 'string') return
      const before = rows.get(owner)
      if (before !== undefined) before.count++
      else if (rows.size < MOST) rows.set(owner, { line, count: 1 })
    },
    unknown: async (db, comes) => {
      const faults: RowFault[] = []
      const asked = [...rows.keys()].filter((owner) => !comes(owner))
      for (let from = 0; from < asked.length; from += CHUNK) {
        const owners = asked.slice(from, from + CHUNK)
        const alike = await identitiesOf(db, [], owners, 'look')
        const known = new Set(alike.map(({ external_id }) => external_id))
        const inAnyCase = new Set(alike.map(({ external_id }) => external_id.toLowerCase()))
        for (const owner of owners) {
          const row = rows.get(owner)
          if (row === undefined || known.has(owner)) continue
          faults.push({ line: row.line, field: 'owner', message: said(row.count, inAnyCase.has(owner.toLowerCase())) })
        }
      }
      return faults.sort((a, b) => a.line - b.line)
    },
  }
}

function said(count: number, differsInCase: boolean): string {
  const others = count === 1 ? '' : `, and so ${count === 2 ? 'does one row more' : `do ${count - 1} rows more`}`
  const why = differsInCase
    ? 'one is known whose external id differs in upper and lower case'
    : 'nobody is told when such an owner leaves'
  return `names an owner whom nobody knows${others}: ${why}`
}
