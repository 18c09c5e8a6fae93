import { useEffect, useState } from 'preact/hooks'

/** What is picked of a list, and where the keyboard is in it: never what is not shown. */
export interface Picks<Item> {
  cursor: string | undefined
  setCursor(id: string): void
  picked: ReadonlySet<string>
  /** What an action is done to: what is picked, or where the keyboard is. */
  chosen: readonly Item[]
  toggle(id: string): void
  clear(): void
}

/** @param isPickable something can be done to it */
export function usePicks<Item extends { id: string }>(
  items: readonly Item[] | undefined,
  isPickable: (item: Item) => boolean,
): Picks<Item> {
  const [cursor, setCursor] = useState<string>()
  const [marked, setMarked] = useState<ReadonlySet<string>>(new Set())
  const picked = stillPicked(marked, items ?? [], isPickable)
  const at = items?.find(({ id }) => id === cursor)
  useEffect(() => {
    // What went away does not come back picked.
    if (items !== undefined) setMarked(picked)
    if (items !== undefined && at === undefined) setCursor(undefined)
  }, [items])
  const toggle = (id: string) => {
    const next = new Set(picked)
    if (!next.delete(id)) next.add(id)
    setMarked(stillPicked(next, items ?? [], isPickable))
  }
  const chosen =
    picked.size > 0 ? (items ?? []).filter(({ id }) => picked.has(id)) : at !== undefined && isPickable(at) ? [at] : []
  return { cursor: at?.id, setCursor, picked, chosen, toggle, clear: () => setMarked(new Set()) }
}

/** Those of the marks that stand in the list and can be acted upon; the same set where all do. */
export function stillPicked<Item extends { id: string }>(
  marked: ReadonlySet<string>,
  items: readonly Item[],
  isPickable: (item: Item) => boolean,
): ReadonlySet<string> {
  const kept = items.flatMap((item) => (marked.has(item.id) && isPickable(item) ? [item.id] : []))
  return kept.length === marked.size ? marked : new Set(kept)
}
