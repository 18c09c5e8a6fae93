import type { JSX } from 'preact'
import type { Inventory, InventoryList, Listing } from '../../api/schemas/grant.ts'
import { lookMark, noLookMark } from '../listing-words.ts'
import type { Mark } from '../mark.ts'
import { hrefOf } from '../place.ts'
import { useList, useRead } from '../read.ts'
import { humane } from '../words.ts'
import { MarkLine } from './mark-line.tsx'
import { MaybeAgo } from './moment.tsx'
import { Panel } from './panel.tsx'
import { Empty, Ghosts, Problem } from './states.tsx'
import { More, Table } from './table.tsx'

interface Row {
  systemId: string
  system: string
  mark: Mark
  at: string | null
  /** Lists that were not read to their end. */
  missing: string
}

/**
 * The last look of each inventory at one identity: whether nothing is left there, or nobody could look.
 *
 * @param left false: it is here, so that nobody looks
 */
export function LastLooks({ id, left }: { id: string; left: boolean }): JSX.Element {
  const list = useList<Listing>('/v1/listings', { query: { identity: id, last: true }, topics: ['listing'] })
  const inventories = useRead<InventoryList>('/v1/inventories', { topics: ['listing'], settleMs: 6_000 })
  const error = list.error ?? inventories.error
  const reload = () => {
    list.reload()
    inventories.reload()
  }
  const { items } = list
  const known = inventories.value?.items
  const rows = items === undefined || known === undefined ? undefined : rowsOf(items, known, left && !list.more)
  return (
    <Panel title="Last looks" note="whether nothing is left, or nobody could look" flush>
      {error === undefined ? undefined : <Problem error={error} retry={reload} />}
      {rows === undefined ? (
        error === undefined ? (
          <Ghosts rows={3} />
        ) : undefined
      ) : rows.length === 0 ? (
        <Empty>
          <p>
            {left
              ? 'No system has an inventory: what it still has beside its known credentials, nobody lists.'
              : 'It is here: nobody looks what it has.'}
          </p>
        </Empty>
      ) : (
        <>
          <Table
            label="By system"
            rows={rows}
            rowKey={({ systemId }) => systemId}
            columns={[
              { head: 'Where', cell: ({ systemId, system }) => <a href={hrefOf('systems', systemId)}>{system}</a> },
              {
                head: 'Look',
                cell: ({ mark, missing }) => (
                  <>
                    <MarkLine mark={mark} told />
                    {missing === '' ? undefined : <span class="under">Not read: {missing}</span>}
                  </>
                ),
              },
              { head: 'When', cell: ({ at }) => <MaybeAgo at={at} otherwise="never" /> },
            ]}
          />
          {list.more ? <More list={list} /> : undefined}
        </>
      )}
    </Panel>
  )
}

/** @param whole the listings are all that there are: who is in none was not looked at */
function rowsOf(listings: readonly Listing[], inventories: readonly Inventory[], whole: boolean): Row[] {
  const without = new Map(inventories.map(({ systemId, inventory }) => [systemId, inventory?.without ?? []]))
  const seen = listings.map((listing) => {
    const { system, at, parts } = listing
    const missing = Object.entries(parts).flatMap(([list, part]) => (part === 'complete' ? [] : [humane(list)]))
    return {
      systemId: system.id,
      system: system.name,
      mark: lookMark(listing, without.get(system.id) ?? []),
      at,
      missing: missing.join(', '),
    }
  })
  const unseen = (whole ? inventories : [])
    .filter(({ systemId, inventory }) => inventory !== null && !seen.some((row) => row.systemId === systemId))
    .map((inventory) => ({
      ...{ systemId: inventory.systemId, system: inventory.system },
      mark: noLookMark(inventory),
      at: null,
      missing: '',
    }))
  return [...seen, ...unseen].toSorted((a, b) => (a.system < b.system ? -1 : 1))
}
