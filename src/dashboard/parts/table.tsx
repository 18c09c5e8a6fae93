import type { ComponentChildren, JSX } from 'preact'
import type { ListReading } from '../read.ts'
import { Icon } from './icon.tsx'
import { Scroll } from './scroll.tsx'
import { Empty, Ghosts, Problem } from './states.tsx'

export interface Column<Row> {
  head: string
  cell(row: Row): ComponentChildren
  number?: true
  /** Names of the sort that the list takes: `openedAt` stands for rising, `-openedAt` for falling. */
  sort?: string
  /** Nothing to show for this row: its line is left out where rows are cards. */
  isVoid?(row: Row): boolean
}

export interface TableProps<Row> {
  /** What it lists, for those who do not see it. */
  label: string
  columns: readonly Column<Row>[]
  rows: readonly Row[]
  rowKey(row: Row): string
  /** The sort in force. */
  sort?: string
  onSort?(sort: string): void
  /** The row that the keyboard is at. */
  cursor?: string | undefined
  /** Makes the rows a place for the keyboard: the table is one stop of the Tab key, arrows move within. Told where it comes to. */
  onCursor?(key: string): void
  /** Enter, at a row. */
  onOpen?(key: string): void
  picked?: ReadonlySet<string>
}

/** A table that turns into cards where the screen is narrow. Roles are told twice: browsers drop them with `display`. */
export function Table<Row>(props: TableProps<Row>): JSX.Element {
  const { label, columns, rows, rowKey, cursor, picked, onCursor } = props
  const keys = rows.map(rowKey)
  const stop = cursor !== undefined && keys.includes(cursor) ? cursor : keys[0]
  // A box to tick has no name: the card is named by what follows.
  const first = columns.findIndex(({ head }) => head !== '')
  return (
    <Scroll label={label}>
      <table class="cards" role="table" aria-label={label}>
        <thead role="rowgroup">
          <tr role="row">
            {columns.map((column) => (
              <HeadCell key={column.head} column={column} {...props} />
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map((row) => {
            const key = rowKey(row)
            return (
              <tr
                key={key}
                role="row"
                data-cursor={key === cursor ? '' : undefined}
                {...(onCursor === undefined ? undefined : rowFocus(key, key === stop, keys, props))}
                data-picked={picked?.has(key) ? '' : undefined}
              >
                {columns.map((column, at) => (
                  <td
                    key={column.head}
                    role="cell"
                    class={column.number === undefined ? undefined : 'number'}
                    data-label={column.head}
                    data-first={at === first ? '' : undefined}
                    data-void={column.isVoid?.(row) === true ? '' : undefined}
                  >
                    <span>{column.cell(row)}</span>
                  </td>
                ))}
              </tr>
            )
          })}
        </tbody>
      </table>
    </Scroll>
  )
}

/** Puts the keyboard at a row: whoever does not see the mark is told what stands there. */
export function focusRow(key: string): void {
  document.querySelector<HTMLElement>(`[data-row="${CSS.escape(key)}"]`)?.focus()
}

function rowFocus<Row>(key: string, isStop: boolean, keys: readonly string[], { onCursor, onOpen }: TableProps<Row>) {
  const hear = (event: KeyboardEvent) => {
    if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return
    const at = keys.indexOf(key)
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: keys.length - 1 }[event.key]
    const next = to === undefined ? undefined : keys[to]
    if (event.key === 'Enter') onOpen?.(key)
    else if (next !== undefined) focusRow(next)
    if (event.key === 'Enter' || to !== undefined) event.preventDefault()
  }
  return { 'data-row': key, tabIndex: isStop ? 0 : -1, onFocusIn: () => onCursor?.(key), onKeyDown: hear }
}

function HeadCell<Row>({ column, sort, onSort }: TableProps<Row> & { column: Column<Row> }): JSX.Element {
  const { sort: name, head } = column
  const by =
    name === undefined || sort === undefined
      ? undefined
      : sort === name
        ? 'ascending'
        : sort === `-${name}`
          ? 'descending'
          : 'none'
  const kind = column.number === undefined ? undefined : 'number'
  if (by === undefined || onSort === undefined)
    return (
      <th role="columnheader" scope="col" class={kind}>
        {head === '' ? <span class="unseen">Actions</span> : head}
      </th>
    )
  return (
    <th role="columnheader" scope="col" class={kind} aria-sort={by}>
      <button type="button" onClick={() => onSort(by === 'descending' ? `${name}` : `-${name}`)}>
        {head}
        {by === 'none' ? undefined : <Icon name={by === 'ascending' ? 'up' : 'down'} />}
      </button>
    </th>
  )
}

export interface ListProps<Row> extends Omit<TableProps<Row>, 'rows'> {
  list: ListReading<Row>
  /** Said when there is nothing. */
  empty: ComponentChildren
}

/** A list as it is read: its ghosts, its problem, nothing, or its rows and the way to more. */
export function List<Row>({ list, empty, ...table }: ListProps<Row>): JSX.Element {
  const { items, error } = list
  return (
    <>
      {error === undefined ? undefined : <Problem error={error} retry={list.reload} />}
      {items === undefined ? (
        error === undefined ? (
          <Ghosts rows={8} />
        ) : undefined
      ) : items.length === 0 ? (
        <Empty>{empty}</Empty>
      ) : (
        <>
          <Table {...table} rows={items} />
          <More list={list} />
        </>
      )}
    </>
  )
}

/** How many are here, and the way to more of them. */
export function More<Row>({ list }: { list: ListReading<Row> }): JSX.Element {
  const { items = [], more, loading } = list
  return (
    <div class="row body edge more">
      <span class="soft small" role="status">
        {items.length} shown{more ? ', there are more' : ''}
      </span>
      {more ? (
        <button type="button" class="button" onClick={list.loadMore} disabled={loading}>
          {loading ? 'Loading …' : 'Show more'}
        </button>
      ) : undefined}
    </div>
  )
}
