/** A connection to a broker, or a client that holds some. */
export interface Links<Link> {
  /** The link that stands, or a new one: who asks at the same time shares it. Rejects with what `open` rejects with. */
  get(): Promise<Link>
  /** Nobody is handed this link again; it is shut behind the caller's back. */
  drop(link: Link): void
  close(): Promise<void>
}

interface Ways<Link> {
  open(): Promise<Link>
  shut(link: Link): Promise<unknown>
  /** False: the other side has ended it. */
  alive(link: Link): boolean
}

interface Current<Link> {
  opening: Promise<Link>
  /** Once it is open. */
  link?: Link
}

/** How long a goodbye may take. */
const SHUT_MS = 2_000

/** Opens a link when one is first asked for, keeps it while it lives, and opens the next one after that. */
export function openLinks<Link>({ open, shut, alive }: Ways<Link>): Links<Link> {
  let current: Current<Link> | undefined
  const ending = new Set<Promise<unknown>>()

  const end = (link: Link) => {
    const ended = briefly(shut(link)).finally(() => ending.delete(ended))
    ending.add(ended)
  }
  const forget = () => {
    if (current?.link !== undefined) end(current.link)
    current = undefined
  }

  return {
    get() {
      if (current?.link !== undefined && !alive(current.link)) forget()
      if (current !== undefined) return current.opening
      const mine: Current<Link> = { opening: open() }
      current = mine
      mine.opening.then(
        (link) => {
          mine.link = link
          // Closed while it was being opened.
          if (current !== mine) end(link)
        },
        () => {
          if (current === mine) current = undefined
        },
      )
      return mine.opening
    },
    drop(link) {
      if (current?.link === link) forget()
    },
    async close() {
      const opening = current?.opening
      forget()
      // What is being opened cannot be called off; it is shut as soon as it stands, or fails by its own time limit.
      if (opening !== undefined) await briefly(opening)
      await Promise.all(ending)
    },
  }
}

/** Waits for it, but not for long, and not for how it ends. */
async function briefly(promise: Promise<unknown>): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, SHUT_MS)
  await Promise.race([promise.catch(() => undefined), late])
  clearTimeout(timer)
}
