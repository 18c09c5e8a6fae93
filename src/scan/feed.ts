/** Hands out the rows of pages one by one, reading the next page while the current one is being worked on. */
export interface Feed<Row> {
  /** The next row; undefined at the end. A promise only while a page is being waited for. */
  take(): Row | undefined | Promise<Row | undefined>
}

/**
 * @param read the page after a row (undefined: the first page); an empty page ends the feed
 */
export function openFeed<Row>(read: (after: Row | undefined) => Promise<Row[]>): Feed<Row> {
  let page: Row[] = []
  let index = 0
  let ended = false
  let ahead: Promise<Row[]> | undefined
  let refill: Promise<void> | undefined

  const readAhead = (last: Row | undefined): void => {
    ahead = read(last)
    // It is awaited later; until then a failure must not count as unhandled.
    ahead.catch(() => {})
  }
  const fill = async (): Promise<void> => {
    const next = await (ahead ?? read(undefined))
    page = next
    index = 0
    ended = next.length === 0
    if (!ended) readAhead(next.at(-1))
  }
  const take = (): Row | undefined | Promise<Row | undefined> => {
    if (index < page.length) return page[index++]
    if (ended) return undefined
    refill ??= fill().finally(() => {
      refill = undefined
    })
    return refill.then(take)
  }
  return { take }
}

/** The same feed with a row before all others. */
export function unshift<Row>(feed: Feed<Row>, first: Row): Feed<Row> {
  let pending: Row | undefined = first
  return {
    take: () => {
      if (pending === undefined) return feed.take()
      const row = pending
      pending = undefined
      return row
    },
  }
}

/** The same feed without the rows that are not to be taken. */
export function onlyThose<Row>(feed: Feed<Row>, keeps: (row: Row) => boolean): Feed<Row> {
  const take = (): Row | undefined | Promise<Row | undefined> => {
    for (;;) {
      const row = feed.take()
      if (row instanceof Promise) return row.then((came) => (came === undefined || keeps(came) ? came : take()))
      if (row === undefined || keeps(row)) return row
    }
  }
  return { take }
}
