import { randomUUID } from 'node:crypto'
import type { Client } from 'pg'
import type { QueueConnection } from './db.ts'

/** A key that this process works on. */
export interface Claim {
  /** The database's clock when the claim was taken. */
  at: Temporal.Instant
  /** Aborts when the claim is lost: its connection ended, so that another process may take the key. */
  lost: AbortSignal
  release(): Promise<void>
}

/**
 * Who works on what, told by the database itself: a claim ends with the connection that holds it, so that a process that was
 * killed holds nothing a moment later, and one that hangs still holds what it works on. A job's heartbeat says neither.
 */
export interface Claims {
  /** Takes a key; undefined while a living process works on it. */
  take(key: string): Promise<Claim | undefined>
  /** False where the database does not keep such claims: then nothing can be told of a job whose worker is silent. */
  tellsTheDead(): Promise<boolean>
  close(): Promise<void>
}

/** Apart from whatever else takes advisory locks in this database. */
const SEED = 0x7265766e

/** Claims of one process. The embedded database has one process at all: its claims are kept in memory. */
export function openClaims(connection: QueueConnection): Claims {
  return connection.kind === 'embedded' ? openLocal() : openShared(connection)
}

function openLocal(): Claims {
  const held = new Set<string>()
  const { signal } = new AbortController()
  return {
    take: async (key) => {
      if (held.has(key)) return undefined
      held.add(key)
      return { at: Temporal.Now.instant(), lost: signal, release: async () => void held.delete(key) }
    },
    tellsTheDead: async () => true,
    close: async () => {},
  }
}

interface Session {
  client: Client
  trusted: boolean
  lost: AbortController
  held: Set<string>
}

function openShared(connection: { url: string; applicationName: string }): Claims {
  let session: Session | undefined
  let tail: Promise<unknown> = Promise.resolve()
  let closed = false

  // A client takes one query at a time.
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = tail.then(work)
    tail = done.catch(() => {})
    return done
  }
  const drop = (gone: Session) => {
    if (session === gone) session = undefined
    gone.lost.abort(new Error('the connection that holds the claims has ended'))
    gone.client.end().catch(() => {})
  }
  const connected = async (): Promise<Session> => {
    if (session !== undefined) return session
    if (closed) throw new Error('the claims are closed')
    const client = await connect(connection)
    const next: Session = { client, trusted: false, lost: new AbortController(), held: new Set() }
    client.on('error', () => drop(next))
    client.on('end', () => drop(next))
    next.trusted = await keepsLocks(client, connection).catch((error: unknown) => {
      drop(next)
      throw error
    })
    session = next
    return next
  }
  const release = (from: Session, key: string) =>
    inTurn(async () => {
      from.held.delete(key)
      // A session that has ended has released everything.
      if (session !== from) return
      await from.client.query('select pg_advisory_unlock(hashtextextended($1, $2))', [key, SEED]).catch(() => drop(from))
    })
  return {
    take: (key) =>
      inTurn(async () => {
        const from = await connected()
        // The lock would be granted to its own session again.
        if (from.held.has(key)) return undefined
        const answer = await tryLock(from.client, key).catch((error: unknown) => {
          drop(from)
          throw error
        })
        if (!answer.got && from.trusted) return undefined
        from.held.add(key)
        return { at: answer.at, lost: from.lost.signal, release: () => release(from, key) }
      }),
    tellsTheDead: () => inTurn(async () => (await connected()).trusted),
    close: () =>
      inTurn(async () => {
        closed = true
        const open = session
        session = undefined
        await open?.client.end().catch(() => {})
      }),
  }
}

async function connect({ url, applicationName }: { url: string; applicationName: string }): Promise<Client> {
  const { default: pg } = await import('pg')
  const client = new pg.Client({
    connectionString: url,
    application_name: `${applicationName} claims`.slice(0, 63),
    keepAlive: true,
    connectionTimeoutMillis: 10_000,
    // A connection whose other end is gone without a word would hold everybody up.
    query_timeout: 5_000,
  })
  client.on('error', () => {})
  await client.connect()
  return client
}

async function tryLock(client: Client, key: string): Promise<{ got: boolean; at: Temporal.Instant }> {
  const { rows } = await client.query<{ got: boolean; ms: string }>(
    'select pg_try_advisory_lock(hashtextextended($1, $2)) as got, floor(extract(epoch from clock_timestamp()) * 1000)::text as ms',
    [key, SEED],
  )
  const [row] = rows
  return { got: row?.got === true, at: Temporal.Instant.fromEpochMilliseconds(Number(row?.ms ?? 0)) }
}

/**
 * Whether a second session is refused what the first one holds. Some databases that speak Postgres's protocol grant every lock to
 * everybody, and a pooler may give both sessions one connection.
 */
async function keepsLocks(client: Client, connection: { url: string; applicationName: string }): Promise<boolean> {
  const probe = `probe ${randomUUID()}`
  if (!(await tryLock(client, probe)).got) return false
  const other = await connect(connection)
  try {
    return !(await tryLock(other, probe)).got
  } finally {
    await other.end().catch(() => {})
    await client.query('select pg_advisory_unlock(hashtextextended($1, $2))', [probe, SEED])
  }
}
