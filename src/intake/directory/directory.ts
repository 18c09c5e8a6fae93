import { EventEmitter } from 'node:events'
import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import type { Client, Control, Entry, Filter, SearchResponse } from 'ldapts'
import { errorCode, RevenantError } from '../../domain/error.ts'
import type { PullContext } from '../sources/source.ts'
import type { DirectoryEntry } from './entry.ts'
import { type DirectoryOptions, hostOf } from './options.ts'
import { directoryFault, refusal } from './result-code.ts'

export type Ldapts = typeof import('ldapts')

/** A directory that has let us in. */
export interface Directory {
  /** What filters are made of. */
  ldapts: Ldapts
  /**
   * The entries that a search finds, a page at a time, to the last one. Throws where the answer is not whole: an error, a page that is
   * none, a part that another server keeps.
   */
  pages(base: string, query: Query): AsyncGenerator<DirectoryEntry[]>
  /** One entry. Throws `SOURCE_REFUSED` where it is not shown. */
  one(dn: string, attributes: readonly string[]): Promise<DirectoryEntry>
  close(): void
}

export interface Query {
  filter: Filter
  attributes: readonly string[]
  /** Deleted entries of Active Directory too. */
  deleted?: boolean
}

const SHOW_DELETED = '1.2.840.113556.1.4.417'
/** Active Directory then names no other partition of the forest ([MS-ADTS] §3.1.1.3.4.1.8). */
const DOMAIN_SCOPE = '1.2.840.113556.1.4.1339'
/** A server that has nothing to give, and always more to come. */
const MOST_EMPTY_PAGES = 1_000

/** Connects, encrypts and signs in. Throws `SOURCE_UNREACHABLE`, `SOURCE_REFUSED`, and what a reference throws. */
export async function openDirectory(
  options: DirectoryOptions,
  { readReference }: Pick<PullContext, 'readReference'>,
  signal: AbortSignal,
): Promise<Directory> {
  const [ldapts, password, tls] = await Promise.all([import('ldapts'), readReference(options.password), tlsOptions(options)])
  // Without a password the bind would be an anonymous one that looks like a success (RFC 4513 §5.1.2).
  if (password === '') throw new RevenantError('SECRET_EMPTY', `${options.password} is empty`)
  const secure = hostOf(options.url)?.scheme === 'ldaps'
  const client = new ldapts.Client({
    ...{ url: options.url, timeout: options.timeout, connectTimeout: options.timeout },
    ...(secure ? { tlsOptions: tls } : {}),
  })
  const guarded = guard(client, signal, options.timeout)
  const last = lastAnswers(ldapts, client)
  try {
    if (options.startTls) await guarded(() => client.startTLS(tls))
    await guarded(() => client.bind(options.bindDn, password))
  } catch (error) {
    close(client)
    throw error
  }
  const search = async (base: string, scope: 'base' | 'sub', { filter, attributes, deleted }: Query, page: Control[]) => {
    // The client would connect anew by itself: without a name, and in clear where StartTLS was asked for.
    if (!client.isBound) throw new RevenantError('SOURCE_UNREACHABLE', 'the directory closed the connection')
    const control = (type: string, critical: boolean) => new ldapts.Control(type, { critical })
    const controls = [
      ...page,
      ...(options.flavour === 'ad' ? [control(DOMAIN_SCOPE, false)] : []),
      ...(deleted === true ? [control(SHOW_DELETED, true)] : []),
    ]
    const asked = { scope, filter, attributes: [...attributes], explicitBufferAttributes: ['objectGUID'] }
    const { searchEntries, searchReferences } = await guarded(() => client.search(base, asked, controls))
    if (searchReferences.length > 0)
      throw new RevenantError(
        'SOURCE_REFUSED',
        `the directory refers to another server for a part below ${base}: name bases that it keeps itself`,
      )
    return searchEntries.map(entryOf)
  }
  return {
    ldapts,
    async *pages(base, query) {
      let cookie: Buffer | undefined
      let empty = 0
      do {
        const entries = await search(base, 'sub', query, [pageControl(ldapts, options.pageSize, cookie)])
        cookie = nextCookie(ldapts, last())
        empty = entries.length === 0 ? empty + 1 : 0
        if (empty > MOST_EMPTY_PAGES) throw new RevenantError('SOURCE_REFUSED', 'the directory gives empty pages without an end')
        yield entries
      } while (cookie.length > 0)
    },
    one: async (dn, attributes) => {
      const filter = new ldapts.PresenceFilter({ attribute: 'objectClass' })
      const [entry] = await search(dn, 'base', { filter, attributes }, [])
      if (entry === undefined)
        throw new RevenantError(
          'SOURCE_REFUSED',
          `the directory does not show ${dn === '' ? 'its root' : dn}: may ${options.bindDn} read it?`,
        )
      return entry
    },
    close: () => close(client),
  }
}

async function tlsOptions({ url, caFile }: DirectoryOptions): Promise<ConnectionOptions> {
  const host = hostOf(url)?.hostname ?? ''
  const ca = caFile === undefined ? undefined : await readFile(caFile, 'utf8').catch(unreadable)
  // A name in SNI is never an address (RFC 6066 §3); `host` is what the certificate must be for.
  return { host, ...(isIP(host) === 0 ? { servername: host } : {}), ...(ca === undefined ? {} : { ca }) }
}

function unreadable(error: unknown): never {
  throw new RevenantError('INPUT_INVALID', `caFile cannot be read (${errorCode(error) ?? 'unknown error'})`)
}

/** Runs one exchange, for so long at most: the client itself sets no time to a TLS handshake after StartTLS. */
function guard(client: Client, stop: AbortSignal, timeoutMs: number) {
  return async <Value>(work: () => Promise<Value>): Promise<Value> => {
    const signal = AbortSignal.any([stop, AbortSignal.timeout(timeoutMs + 1_000)])
    const aborted = Promise.withResolvers<never>()
    const abort = () => aborted.reject(new RevenantError('SOURCE_UNREACHABLE', 'the directory took too long, or was called off'))
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    try {
      return await Promise.race([aborted.promise, work()])
    } catch (error) {
      close(client)
      throw directoryFault(error)
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }
}

/** Says good-bye, where the connection still stands, and cuts it. */
function close(client: Client): void {
  client.unbind().catch(() => {})
}

/**
 * The last answer to a search. The client hands out entries alone, and takes an empty page for the last one, whatever its cookie says:
 * Active Directory sends empty pages where its time for a page has passed. So the cookie is read where the client's parser tells of it.
 */
function lastAnswers({ SearchResponse }: Ldapts, client: Client): () => SearchResponse | undefined {
  const parser: unknown = Reflect.get(client, 'messageParser')
  if (!(parser instanceof EventEmitter)) throw new RevenantError('INTERNAL', 'the LDAP client has no parser to listen to')
  let last: SearchResponse | undefined
  parser.on('message', (message: unknown) => {
    if (message instanceof SearchResponse) last = message
  })
  return () => last
}

/** The client's own control would be taken over by it. */
function pageControl({ Control, PagedResultsControl }: Ldapts, size: number, cookie: Buffer | undefined): Control {
  const paged = new PagedResultsControl({ critical: true, value: { size, ...(cookie === undefined ? {} : { cookie }) } })
  const control = new Control(PagedResultsControl.type, { critical: true })
  control.write = (writer) => paged.write(writer)
  return control
}

/** Empty after the last page. Throws where the answer was none to a search for pages: it may be cut short. */
function nextCookie({ PagedResultsControl }: Ldapts, answer: SearchResponse | undefined): Buffer {
  if (answer !== undefined && answer.status !== 0) throw refusal(answer.status)
  const control = answer?.controls?.find((each) => each instanceof PagedResultsControl)
  const value = control instanceof PagedResultsControl ? control.value : undefined
  if (value === undefined)
    throw new RevenantError('SOURCE_REFUSED', 'the directory gives no pages: nobody can tell whether it gave all')
  return value.cookie ?? Buffer.alloc(0)
}

function entryOf({ dn, ...attributes }: Entry): DirectoryEntry {
  const values = Object.entries(attributes).map(([name, value]) => {
    return [name.toLowerCase(), Array.isArray(value) ? value : [value]] as const
  })
  return { dn, values: new Map(values.filter(([, all]) => all.length > 0)) }
}
