import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { ApiError, addressOf, type Query, read } from './api.ts'
import { changes } from './live.ts'
import type { Topic } from './topic.ts'

export interface Reading<Body> {
  /** Undefined until the first answer; the last good one after that. */
  value: Body | undefined
  /** Of the last try. */
  error: ApiError | undefined
  reload(): void
}

export interface ReadOptions {
  query?: Query
  /** Read again when something of these happens. */
  topics?: readonly Topic[]
  /** The answer is cached so long where it is made: once more after that. */
  settleMs?: number
  /** What happens is waited for so long after the last time: for what is dear to count. */
  restMs?: number
}

/** The last answers, so that going back shows at once what was there; what is shown is read again all the same. */
const seen = new Map<string, unknown>()
const MOST_SEEN = 60

/** Forgets what was read: the next reader may be somebody else. */
export function forgetReads(): void {
  seen.clear()
  asking.clear()
}

/** What is being asked for, by address and by what had changed until then: whoever wants the same meanwhile waits for the same answer. */
const asking = new Map<string, Promise<unknown>>()

function shared<Body>(address: string): Promise<Body> {
  const since = Object.values(changes.peek()).reduce((sum, count) => sum + count, 0)
  const key = `${since} ${address}`
  const known = asking.get(key) as Promise<Body> | undefined
  if (known !== undefined) return known
  const asked = read<Body>(address).finally(() => {
    if (asking.get(key) === asked) asking.delete(key)
  })
  asking.set(key, asked)
  return asked
}

/** Asks for what is about to be shown, while that is being drawn. */
export function readAhead(path: string): void {
  // Whoever shows it tells what is wrong.
  shared(path).catch(() => {})
}

/** Reads an address and keeps it fresh; `undefined`: nothing to read yet. */
export function useRead<Body>(path: string | undefined, options: ReadOptions = {}): Reading<Body> {
  const address = path === undefined ? undefined : addressOf(path, options.query)
  const [state, setState] = useState<{ address: string | undefined; value?: Body; error?: ApiError }>({ address: undefined })
  const [turn, setTurn] = useState(0)
  const change = useRested(changeOf(options.topics), options.restMs ?? 0)
  const settleMs = change > 0 ? options.settleMs : undefined
  useEffect(() => {
    if (address === undefined) return
    const gone = new AbortController()
    const load = (reading: Promise<Body>) =>
      reading.then(
        (value) => {
          if (gone.signal.aborted) return
          remember(address, value)
          setState({ address, value })
        },
        (error: unknown) => {
          if (!gone.signal.aborted)
            setState((last) => ({ ...(last.address === address ? last : { address }), error: asApiError(error) }))
        },
      )
    // Whoever asks again because of what he did himself wants what is there after that.
    void load(turn > 0 ? read<Body>(address, gone.signal) : shared<Body>(address))
    const settle = () => void load(read<Body>(address, gone.signal))
    const again = settleMs === undefined ? undefined : setTimeout(settle, settleMs)
    return () => {
      clearTimeout(again)
      gone.abort()
    }
  }, [address, turn, change, settleMs])
  const reload = useCallback(() => setTurn((count) => count + 1), [])
  const fresh = state.address === address ? state : undefined
  return { value: fresh?.value ?? known<Body>(address), error: fresh?.error, reload }
}

interface Page<Item> {
  items: Item[]
  next: string | null
}

export interface ListReading<Item> {
  items: readonly Item[] | undefined
  error: ApiError | undefined
  /** There are more than are here. */
  more: boolean
  loadMore(): void
  loading: boolean
  reload(): void
}

/** The most that one page may hold. */
const MOST = 500
const FIRST = 50

/** Reads a list, page after page as it is asked for. What happens meanwhile is read again, as far as the list was opened. */
export function useList<Item>(path: string | undefined, options: ReadOptions = {}): ListReading<Item> {
  const address = path === undefined ? undefined : addressOf(path, options.query)
  const [state, setState] = useState<{ address: string | undefined; page?: Page<Item>; error?: ApiError }>({ address: undefined })
  const [turn, setTurn] = useState(0)
  const [loading, setLoading] = useState(false)
  const change = changeOf(options.topics)
  const shown = useRef(FIRST)
  useEffect(() => {
    if (address === undefined) return
    const gone = new AbortController()
    if (state.address !== address) shown.current = FIRST
    const whole = withMore(address, { limit: Math.min(MOST, Math.max(FIRST, shown.current)) })
    read<Page<Item>>(whole, gone.signal).then(
      (page) => {
        remember(address, page)
        if (!gone.signal.aborted) setState({ address, page })
      },
      (error: unknown) => {
        if (!gone.signal.aborted)
          setState((last) => ({ ...(last.address === address ? last : { address }), error: asApiError(error) }))
      },
    )
    return () => gone.abort()
  }, [address, turn, change])
  const fresh = state.address === address ? state : undefined
  const page = fresh?.page ?? known<Page<Item>>(address)
  const loadMore = useCallback(() => {
    if (address === undefined || page?.next === null || page === undefined) return
    setLoading(true)
    read<Page<Item>>(withMore(address, { limit: FIRST, cursor: page.next ?? undefined }))
      .then(
        (next) => {
          const items = [...page.items, ...next.items]
          shown.current = items.length
          setState((last) => (last.address === address ? { address, page: { items, next: next.next } } : last))
        },
        (error: unknown) => setState((last) => ({ ...last, error: asApiError(error) })),
      )
      .finally(() => setLoading(false))
  }, [address, page])
  const reload = useCallback(() => setTurn((count) => count + 1), [])
  return { items: page?.items, error: fresh?.error, more: typeof page?.next === 'string', loadMore, loading, reload }
}

/** The address with more in its query. */
function withMore(address: string, query: Query): string {
  const more = addressOf('', query).slice(1)
  return `${address}${address.includes('?') ? '&' : '?'}${more}`
}

function changeOf(topics: readonly Topic[] = []): number {
  return topics.reduce((sum, topic) => sum + changes.value[topic], 0)
}

/** A count that grows no more often than so. */
function useRested(count: number, restMs: number): number {
  const [shown, setShown] = useState(count)
  const since = useRef(performance.now())
  useEffect(() => {
    if (restMs === 0 || count === shown) return
    const grow = () => {
      since.current = performance.now()
      setShown(count)
    }
    const timer = setTimeout(grow, Math.max(0, since.current + restMs - performance.now()))
    return () => clearTimeout(timer)
  }, [count, shown, restMs])
  return restMs === 0 ? count : shown
}

function known<Body>(address: string | undefined): Body | undefined {
  return address === undefined ? undefined : (seen.get(address) as Body | undefined)
}

function remember(address: string, value: unknown): void {
  seen.delete(address)
  seen.set(address, value)
  const [oldest] = seen.keys()
  if (seen.size > MOST_SEEN && oldest !== undefined) seen.delete(oldest)
}

function asApiError(error: unknown): ApiError {
  return error instanceof ApiError ? error : new ApiError(0, error instanceof Error ? error.message : String(error))
}
