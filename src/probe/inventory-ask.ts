import type { Dispatcher } from 'undici'
import { RevenantError } from '../domain/error.ts'
import { GRANTS_MOST, type ListingFault, type PersonName } from '../domain/grant.ts'
import { compilePointer } from '../domain/pointer.ts'
import { exchange, type HttpRequest } from './exchange.ts'
import { judgeFailure } from './failure.ts'
import type { HttpAnswer } from './http-answer.ts'
import { type AdminScope, type InventoryAuthenticator, TokenRefusedError } from './inventory-auth.ts'
import { compileGrant, compileMeant, type ListedGrant, type PersonScope, wordOf } from './inventory-items.ts'
import { compilePaging } from './inventory-paging.ts'
import { INVENTORY_TEMPLATES, type InventoryEntry, type InventoryList, type Lookup } from './inventory-schema.ts'
import { compileWhen, type Predicate } from './predicate.ts'
import { quotesOf } from './quotes.ts'
import { retryAfterMs } from './retry-after.ts'

/** Whom a listing is about: a name, and of which kind it is. */
export interface Person {
  by: PersonName
  name: string
}

/** What a listing is made with. */
export interface ListingContext {
  http: Dispatcher
  attribution: string
  signal: AbortSignal
  /** Of one request. */
  timeoutMs: number
  /** Waits for the next place on the system's time line. */
  pace(signal: AbortSignal): Promise<void> | undefined
  /** Lists that are left out. */
  without: ReadonlySet<string>
  nowMs(): number
}

/** What came of one listing. A list that has a fault shows what was read until then; what it does not show proves nothing. */
export interface Listed {
  /** Whether the system knows the person; undefined: it could not be told. */
  known: boolean | undefined
  grants: ListedGrant[]
  parts: Record<string, 'complete' | ListingFault>
  /** Of lists that hang on another one: what begins the keys of those that were read. Of the rest nobody has looked. */
  under: Record<string, string[]>
  /** The first fault; undefined: complete. */
  fault: ListingFault | undefined
  /** The system asks to be left alone for so long. */
  retryAfterMs: number | undefined
}

/** Asks for one person after another with one credential. Nothing is kept when it is forgotten. */
export interface Lister {
  /** Lists what stands for one person. Throws nothing: whatever the system does is in the answer. */
  list(person: Person, context: ListingContext): Promise<Listed>
}

type Reading = Pick<Lookup, 'request' | 'paging' | 'pages' | 'items' | 'when' | 'empty' | 'unknown' | 'match' | 'only'>

/** What a list came to: `unknown`: the system says that it does not know the person. */
type Read = { items: unknown[]; answer: HttpAnswer | undefined; fault?: ListingFault; unknown?: true }
type Ask = (path: string, of: Reading, scope: PersonScope) => Promise<HttpAnswer>

/** A fault of one listing after which no other list of it is asked: it would come to the same, and harm. */
const STOPS: ReadonlySet<ListingFault> = new Set<ListingFault>([
  'rate_limited',
  'unauthenticated',
  'credential_unavailable',
  'stopped',
])
/** How many lists may hang on another one: a request for each of them. */
const OUTER_MOST = 500

/** Compiles a file once; what is answered begins a turn with a credential. */
export function compileAsk(entry: InventoryEntry, auth: InventoryAuthenticator, base: URL): (admin: AdminScope) => Lister {
  const limited = entry.limited.map(compileWhen)
  const prefix = base.pathname.replace(/\/$/, '')
  const lookups = entry.lookups.map((lookup) => ({ lookup, find: compileLookup(lookup, prefix) }))
  const lists = entry.lists.map((list) => ({ list, read: compileList(list, prefix) }))
  return (admin) => {
    const isQuote = quotesOf(admin.secret)
    let header: Promise<readonly [string, string]> | undefined
    return {
      list: async ({ by, name }, context) => {
        const listed: Listed = { known: undefined, grants: [], parts: {}, under: {}, fault: undefined, retryAfterMs: undefined }
        const wanted = lists.filter(({ list: { id } }) => !context.without.has(id))
        const failed = (fault: ListingFault): Listed => {
          for (const { list } of wanted) listed.parts[list.id] ??= fault
          listed.fault ??= fault
          return listed
        }
        const send = (request: HttpRequest) => sendOne(request, context)
        const ask: Ask = async (path, of, scope) => {
          header ??= auth.header(admin, send, context.attribution)
          const carried = await header.catch((error: unknown) => {
            // Asked for again with the next listing: a secret gets mended.
            header = undefined
            throw error
          })
          return send(requestOf(entry, base, path, of, scope, carried, context.attribution))
        }
        const faultOf = (answer: HttpAnswer): ListingFault => {
          const fault = limited.some((holds) => holds(answer)) ? 'rate_limited' : statusFault(answer.status)
          if (fault === 'rate_limited' || fault === 'server_error') {
            const wait = retryAfterMs(answer.headers, context.nowMs(), entry.resetHeader)
            if (wait !== undefined) listed.retryAfterMs = Math.max(wait, listed.retryAfterMs ?? 0)
          }
          return fault
        }
        const guarded = async <T>(work: () => Promise<T>): Promise<T | { fault: ListingFault }> => {
          try {
            return await work()
          } catch (error) {
            if (error instanceof TokenRefusedError) {
              const fault = faultOf(error.answer)
              return { fault: fault === 'unexpected_answer' || fault === 'forbidden' ? 'unauthenticated' : fault }
            }
            return { fault: thrownFault(error, context.signal) }
          }
        }
        const person: Record<string, string> = { name }
        const scope: PersonScope = { target: admin.target, person, item: {} }
        for (const { lookup, find } of lookups) {
          if (lookup.by !== undefined && !lookup.by.includes(by)) continue
          const found = await guarded(() => find(ask, faultOf, scope))
          if ('fault' in found) return failed(found.fault)
          if ('unknown' in found) {
            listed.known = false
            for (const { list } of wanted) listed.parts[list.id] = 'complete'
            return listed
          }
          Object.assign(person, found.found)
          listed.known = true
        }
        for (const { list, read } of wanted) {
          const got = await guarded(() => read(ask, faultOf, scope, isQuote))
          const grants = 'grants' in got ? got.grants : []
          listed.grants.push(...grants)
          listed.parts[list.id] = got.fault ?? 'complete'
          if ('under' in got && got.under !== undefined) listed.under[list.id] = got.under
          if (got.fault === undefined) continue
          listed.fault ??= got.fault
          if (STOPS.has(got.fault)) return failed(got.fault)
        }
        return listed
      },
    }
  }
}

type FaultOf = (answer: HttpAnswer) => ListingFault

function compileLookup(lookup: Lookup, prefix: string) {
  const read = compileReading(lookup, lookup.list, prefix)
  const finds = Object.entries(lookup.find).map(([name, pointer]) => ({ name, find: compilePointer(pointer) }))
  return async (
    ask: Ask,
    faultOf: FaultOf,
    scope: PersonScope,
  ): Promise<{ fault: ListingFault } | { unknown: true } | { found: Record<string, string> }> => {
    const got = await read(ask, faultOf, scope)
    if (got.fault !== undefined) return { fault: got.fault }
    if (got.unknown === true) return { unknown: true }
    // Two accounts, and nobody says which is meant.
    if (got.items.length > 1) return { fault: 'several_accounts' }
    const [item] = got.items
    if (item === undefined) return { unknown: true }
    const found = finds.map(({ name, find }) => [name, wordOf(find(item))] as const)
    if (found.some(([, word]) => word === undefined || word === '')) return { fault: 'unexpected_answer' }
    return { found: Object.fromEntries(found.map(([name, word]) => [name, word ?? ''])) }
  }
}

function compileList(list: InventoryList, prefix: string) {
  const read = compileReading(list, true, prefix)
  const outer = list.over === undefined ? undefined : compileReading(list.over, true, prefix)
  const outerFinds = Object.entries(list.over?.find ?? {}).map(([name, pointer]) => ({ name, find: compilePointer(pointer) }))
  const make = compileGrant(list)
  return async (ask: Ask, faultOf: FaultOf, scope: PersonScope, isQuote: (text: string) => boolean) => {
    const grants = new Map<string, ListedGrant>()
    const under: string[] = []
    let fault: ListingFault | undefined
    const readOne = async (item: Record<string, string>) => {
      const got = await read(ask, faultOf, { ...scope, item })
      const apart = Object.values(item).join(' ')
      under.push(apart)
      for (const each of got.items) {
        const grant = make(each, apart, isQuote)
        if (grant === undefined) fault ??= 'unexpected_answer'
        else grants.set(grant.key, grant)
      }
      fault ??= got.fault
    }
    if (outer === undefined) await readOne({})
    else {
      const got = await outer(ask, faultOf, scope)
      fault = got.fault
      if (got.items.length > OUTER_MOST) fault ??= 'paging_cut'
      for (const each of got.items.slice(0, OUTER_MOST)) {
        if (fault !== undefined && STOPS.has(fault)) break
        const words = outerFinds.map(({ name, find }) => [name, wordOf(find(each))] as const)
        if (words.some(([, word]) => word === undefined || word === '')) fault ??= 'unexpected_answer'
        else await readOne(Object.fromEntries(words.map(([name, word]) => [name, word ?? ''])))
      }
    }
    return { grants: [...grants.values()], fault, under: outer === undefined ? undefined : under }
  }
}

/** What reads a list to its end. What was read before a fault is in the answer. */
function compileReading(
  of: Reading,
  isList: boolean,
  prefix: string,
): (ask: Ask, faultOf: FaultOf, scope: PersonScope) => Promise<Read> {
  const path = INVENTORY_TEMPLATES.compile(of.request.path)
  const query = Object.entries(of.request.query ?? {}).map(([name, text]) => ({
    name,
    template: INVENTORY_TEMPLATES.compile(text),
  }))
  const itemsOf = compilePointer(of.items)
  const holds: Predicate | undefined = of.when === undefined ? undefined : compileWhen(of.when)
  const [empty, unknown] = [of.empty.map(compileWhen), of.unknown.map(compileWhen)]
  const meant = compileMeant(of)
  const next = compilePaging(of.paging)
  return async (ask, faultOf, scope) => {
    const items: unknown[] = []
    const seen = new Set<string>()
    const parts = query.flatMap(({ name, template }) => {
      const value = template.render(scope)
      return value === undefined ? [] : [`${encodeURIComponent(name)}=${encodeURIComponent(value)}`]
    })
    const bare = path.render(scope, segment)
    if (bare === undefined) return { items, answer: undefined, fault: 'unexpected_answer' }
    let at = prefix + (parts.length === 0 ? bare : `${bare}?${parts.join('&')}`)
    let first: URL | undefined
    let soFar = 0
    for (let page = 0; ; page++) {
      if (seen.has(at)) return { items, answer: undefined, fault: 'paging_loop' }
      seen.add(at)
      const answer = await ask(at, of, scope)
      if (empty.some((each) => each(answer))) return { items, answer }
      if (page === 0 && unknown.some((each) => each(answer))) return { items: [], answer, unknown: true }
      const document = answer.json()
      const found = document === undefined ? undefined : itemsOf(document)
      const isIt = holds === undefined ? answer.status === 200 && document !== undefined : holds(answer)
      if (!isIt) return { items, answer, fault: faultOf(answer) }
      if (!isList) return found === undefined ? { items, answer, fault: 'unexpected_answer' } : { items: [found], answer }
      // A list that a rule has recognised may leave its items out where there are none.
      if (!Array.isArray(found) && !(found === undefined && holds !== undefined))
        return { items, answer, fault: 'unexpected_answer' }
      const listed: unknown[] = Array.isArray(found) ? found : []
      soFar += listed.length
      const told = listed.map((item) => ({ item, meant: meant(item, scope) }))
      if (told.some((each) => each.meant === undefined)) return { items, answer, fault: 'unexpected_answer' }
      items.push(...told.flatMap(({ item, meant: is }) => (is === true ? [item] : [])))
      const asked = new URL(at, answer.asked.origin)
      first ??= asked
      const goesOn = next({ first, asked, answer, items: listed.length, soFar })
      if (goesOn === undefined) return { items, answer }
      if ('fault' in goesOn) return { items, answer, fault: goesOn.fault }
      if (page + 1 >= of.pages || soFar > GRANTS_MOST) return { items, answer, fault: 'paging_cut' }
      at = goesOn.path
    }
  }
}

/** @param path with the query, from the root of the origin */
function requestOf(
  entry: InventoryEntry,
  base: URL,
  path: string,
  { request }: Reading,
  scope: PersonScope,
  carried: readonly [string, string],
  attribution: string,
): HttpRequest {
  const constant = Object.entries(entry.headers ?? {}).flat()
  const accept = constant.some((name) => name.toLowerCase() === 'accept') ? [] : ['accept', 'application/json']
  const body = request.json === undefined ? undefined : JSON.stringify(filled(request.json, scope))
  return {
    origin: base.origin,
    path,
    bare: path.split('?')[0] ?? path,
    method: request.method,
    headers: [
      ...['user-agent', attribution, ...accept, ...constant, ...carried],
      ...(body === undefined ? [] : ['content-type', 'application/json']),
    ],
    ...(body === undefined ? {} : { body }),
  }
}

function filled(value: unknown, scope: PersonScope): unknown {
  if (typeof value === 'string') return INVENTORY_TEMPLATES.compile(value).render(scope)
  if (Array.isArray(value)) return value.map((each) => filled(each, scope))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, filled(inner, scope)]))
}

async function sendOne(request: HttpRequest, context: ListingContext): Promise<HttpAnswer> {
  context.signal.throwIfAborted()
  await context.pace(context.signal)
  const timeout = AbortSignal.timeout(context.timeoutMs)
  return exchange(context.http, request, AbortSignal.any([context.signal, timeout]))
}

function statusFault(status: number): ListingFault {
  if (status === 401) return 'unauthenticated'
  if (status === 403 || status === 407) return 'forbidden'
  if (status === 429) return 'rate_limited'
  if (status >= 500) return 'server_error'
  return status >= 300 && status < 400 ? 'redirected' : 'unexpected_answer'
}

function thrownFault(error: unknown, signal: AbortSignal): ListingFault {
  if (signal.aborted) return 'stopped'
  if (error instanceof RevenantError) {
    if (error.code === 'INPUT_INVALID') return 'no_name'
    return error.code === 'ORIGIN_FORBIDDEN' ? 'paging_origin' : 'credential_unavailable'
  }
  const timedOut = error instanceof DOMException && error.name === 'TimeoutError'
  const { reason } = judgeFailure(error, timedOut)
  if (reason === 'timeout' || reason === 'unreachable' || reason === 'tls_error') return reason
  return 'unexpected_answer'
}

/** A path segment: `.` and `..` would climb even when percent-encoded by some servers. */
function segment(value: string): string {
  if (value === '.' || value === '..') throw new RevenantError('INPUT_INVALID', 'a name that goes into the path is "." or ".."')
  return encodeURIComponent(value)
}
