import type { Dispatcher } from 'undici'
import { RevenantError } from '../domain/error.ts'
import { GRANTS_MOST, type ListingFault, type MissBounds, type PersonName } from '../domain/grant.ts'
import { compilePointer } from '../domain/pointer.ts'
import { exchange, type HttpRequest } from './exchange.ts'
import { judgeFailure } from './failure.ts'
import type { HttpAnswer } from './http-answer.ts'
import { type AdminScope, type Carried, type InventoryAuthenticator, TokenRefusedError } from './inventory-auth.ts'
import {
  compileGrant,
  compileOnly,
  compileOver,
  isKey,
  type ListedGrant,
  type PersonScope,
  pointersOf,
  wordOf,
} from './inventory-items.ts'
import { compileLog } from './inventory-log.ts'
import { type Ask, type Asking, compileReading, type Reading, type Refusal } from './inventory-reading.ts'
import { INVENTORY_TEMPLATES, type InventoryEntry, type InventoryList, type Lookup } from './inventory-schema.ts'
import { compileWhen } from './predicate.ts'
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
  /** Makes what is the same for everybody, by a signal of its own: no person's time runs meanwhile. */
  apart<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T>
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
  /** Whom the lists are of, for good: the `id` that lookups found, or all that they found. Undefined: nobody. */
  account: string | undefined
  grants: ListedGrant[]
  parts: Record<string, 'complete' | ListingFault>
  /** Of lists, what of them counts as missing where it is not shown. */
  bounds: Record<string, MissBounds>
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
  const told = [
    ...entry.limited.map((when) => ({ holds: compileWhen(when), fault: 'rate_limited' as const })),
    ...entry.unauthenticated.map((when) => ({ holds: compileWhen(when), fault: 'unauthenticated' as const })),
    ...entry.forbidden.map((when) => ({ holds: compileWhen(when), fault: 'forbidden' as const })),
  ]
  const prefix = base.pathname.replace(/\/$/, '')
  const lookups = entry.lookups.map((lookup) => ({ lookup, find: compileLookup(lookup, prefix) }))
  const lists = entry.lists.map((list) => ({ list, read: compileList(list, prefix), isWhole: compileOnly(list.granted) }))
  return (admin) => {
    const isQuote = quotesOf(admin.secret)
    const shared: Asking['shared'] = new Map()
    let bought: Promise<Carried> | undefined
    return {
      list: async ({ by, name }, context) => {
        const nothing = { known: undefined, account: undefined, fault: undefined, retryAfterMs: undefined }
        const listed: Listed = { ...nothing, grants: [], parts: {}, bounds: {} }
        const wanted = lists.filter(({ list: { id } }) => !context.without.has(id))
        const failed = (fault: ListingFault): Listed => {
          for (const { list } of wanted) listed.parts[list.id] ??= fault
          listed.fault ??= fault
          return listed
        }
        const carried = () => {
          bought ??= context.apart((signal) =>
            auth.carried(admin, (request) => sendOne(request, { ...context, signal }), context.attribution),
          )
          return bought.catch((error: unknown) => {
            // Asked for again with the next listing: a secret gets mended.
            bought = undefined
            throw error
          })
        }
        const askBy =
          (signal: AbortSignal): Ask =>
          async (path, of, scope) => {
            const { header } = await carried()
            return sendOne(requestOf(entry, base, path, of, scope, header, context.attribution), { ...context, signal })
          }
        const apart: Asking['apart'] = (reading) => context.apart((signal) => reading(askBy(signal)))
        const refusalOf = (answer: HttpAnswer): Refusal => {
          const fault = told.find(({ holds }) => holds(answer))?.fault ?? statusFault(answer.status)
          const mayWait = fault === 'rate_limited' || fault === 'server_error'
          return {
            fault,
            retryAfterMs: mayWait ? retryAfterMs(answer.headers, context.nowMs(), entry.resetHeader) : undefined,
          }
        }
        const asking: Asking = { ask: askBy(context.signal), apart, refusalOf, shared }
        const wait = (ms: number | undefined) => {
          if (ms !== undefined) listed.retryAfterMs = Math.max(ms, listed.retryAfterMs ?? 0)
        }
        const guarded = async <T>(work: () => Promise<T>): Promise<T | Refusal> => {
          try {
            return await work()
          } catch (error) {
            if (error instanceof TokenRefusedError) {
              const refusal = refusalOf(error.answer)
              const isOurs = refusal.fault === 'unexpected_answer' || refusal.fault === 'forbidden'
              return isOurs ? { ...refusal, fault: 'unauthenticated' } : refusal
            }
            return { fault: thrownFault(error, context.signal), retryAfterMs: undefined }
          }
        }
        const person: Record<string, string> = { name }
        const scope: PersonScope = { target: admin.target, person, item: {} }
        for (const { lookup, find } of lookups) {
          if (lookup.by !== undefined && !lookup.by.includes(by)) continue
          const found = await guarded(() => find(asking, scope))
          if ('fault' in found) {
            wait(found.retryAfterMs)
            return failed(found.fault)
          }
          if ('unknown' in found) {
            listed.known = false
            for (const { list } of wanted) listed.parts[list.id] = 'complete'
            return listed
          }
          Object.assign(person, found.found)
          listed.known = true
        }
        const account = accountOf(person)
        if (!isKey(account) || isQuote(account)) return failed('unexpected_answer')
        listed.account = account
        for (const { list, read, isWhole } of wanted) {
          const got = await guarded(async () => {
            // Whose time is over begins no list that is the same for everybody.
            context.signal.throwIfAborted()
            const { fault, ...rest } = await read(asking, scope, context.nowMs(), isQuote)
            const { granted } = await carried()
            return { ...rest, fault: fault ?? (isGranted(list, granted, isWhole) ? undefined : 'forbidden') }
          })
          wait(got.retryAfterMs)
          const { fault } = got
          if ('grants' in got) {
            listed.grants.push(...got.grants)
            listed.bounds[list.id] = got.bounds
          }
          listed.parts[list.id] = fault ?? 'complete'
          if (fault === undefined) continue
          listed.fault ??= fault
          if (STOPS.has(fault)) return failed(fault)
        }
        return listed
      },
    }
  }
}

/** Whether what the token's issuer says of it lets it see all of a list. Of a token of which nobody says anything that is not known. */
function isGranted({ granted: wanted }: InventoryList, granted: unknown, isWhole: (granted: unknown) => boolean): boolean {
  return wanted === undefined || (granted !== undefined && isWhole(granted))
}

/** A name may be given to somebody else, or change: what tells accounts apart is what was found by it, its id before all. */
function accountOf({ name = '', id, ...found }: Record<string, string>): string {
  if (id !== undefined) return id
  const words = Object.values(found)
  return words.length === 0 ? name : words.join(' ')
}

function compileLookup(lookup: Lookup, prefix: string) {
  const read = compileReading(`lookup ${lookup.id}`, lookup, lookup.list, prefix, Object.values(lookup.find))
  const finds = Object.entries(lookup.find).map(([name, pointer]) => ({ name, find: compilePointer(pointer) }))
  return async (asking: Asking, scope: PersonScope): Promise<Refusal | { unknown: true } | { found: Record<string, string> }> => {
    const { items, fault, retryAfterMs, unknown } = await read(asking, scope)
    if (fault !== undefined) return { fault, retryAfterMs }
    if (unknown === true) return { unknown: true }
    // Two accounts, and nobody says which is meant.
    if (items.length > 1) return { fault: 'several_accounts', retryAfterMs: undefined }
    const [item] = items
    if (item === undefined) return { unknown: true }
    const found = finds.map(({ name, find }) => [name, wordOf(find(item))] as const)
    if (found.some(([, word]) => word === undefined || word === ''))
      return { fault: 'unexpected_answer', retryAfterMs: undefined }
    return { found: Object.fromEntries(found.map(([name, word]) => [name, word ?? ''])) }
  }
}

function compileList(list: InventoryList, prefix: string) {
  const read = compileReading(`list ${list.id}`, list, true, prefix, pointersOf(list))
  const finds = list.over?.find ?? {}
  const outer =
    list.over === undefined ? undefined : compileReading(`over ${list.id}`, list.over, true, prefix, Object.values(finds))
  const outerFinds = Object.entries(finds).map(([name, pointer]) => ({ name, find: compilePointer(pointer) }))
  const make = compileGrant(list)
  const isOver = compileOver(list)
  const log = list.log === undefined ? undefined : compileLog(list.log)
  return async (asking: Asking, scope: PersonScope, nowMs: number, isQuote: (text: string) => boolean) => {
    const grants = new Map<string, ListedGrant>()
    const bounds: MissBounds = { ...(outer === undefined ? {} : { under: [] }), ...(log === undefined ? {} : { ended: [] }) }
    let fault: ListingFault | undefined
    let retryAfterMs: number | undefined
    const add = (item: unknown, apart: string) => {
      if (isOver(item, nowMs)) {
        bounds.ended?.push(apart)
        return
      }
      const grant = make(item, apart, isQuote)
      if (grant === undefined) fault ??= 'unexpected_answer'
      else if (grants.size >= GRANTS_MOST) fault ??= 'paging_cut'
      else grants.set(grant.key, grant)
    }
    /** It is in the list, and may be anybody's. */
    const leave = (item: unknown, apart: string) => {
      if (isOver(item, nowMs)) return
      const grant = make(item, apart, isQuote)
      if (grant === undefined) fault ??= 'unexpected_answer'
      else {
        bounds.unowned ??= []
        bounds.unowned.push(grant.key)
      }
    }
    const readOne = async (item: Record<string, string>) => {
      const got = await read(asking, { ...scope, item })
      const apart = Object.values(item).join(' ')
      bounds.under?.push(apart)
      if (log === undefined) {
        for (const each of got.items) add(each, apart)
        for (const each of got.unowned ?? []) leave(each, apart)
      }
      // What began may have ended further on: of a part of a log nothing is known.
      else if (got.fault === undefined) {
        const told = log(got.items, scope)
        for (const each of told.standing) add(each.item, each.thing)
        bounds.ended?.push(...told.ended)
        if (told.fault) fault ??= 'unexpected_answer'
      }
      fault ??= got.fault
      retryAfterMs ??= got.retryAfterMs
    }
    if (outer === undefined) await readOne({})
    else {
      const got = await outer(asking, scope)
      fault = got.fault
      retryAfterMs = got.retryAfterMs
      if (got.items.length > OUTER_MOST) fault ??= 'paging_cut'
      for (const each of got.items.slice(0, OUTER_MOST)) {
        if (fault !== undefined && STOPS.has(fault)) break
        const words = outerFinds.map(({ name, find }) => [name, wordOf(find(each))] as const)
        if (words.some(([, word]) => word === undefined || word === '')) fault ??= 'unexpected_answer'
        else await readOne(Object.fromEntries(words.map(([name, word]) => [name, word ?? ''])))
      }
    }
    return { grants: [...grants.values()], fault, retryAfterMs, bounds }
  }
}

/** @param path with the query, from the root of the origin */
function requestOf(
  entry: InventoryEntry,
  base: URL,
  path: string,
  { request }: Reading,
  scope: PersonScope,
  header: readonly [string, string],
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
      ...['user-agent', attribution, ...accept, ...constant, ...header],
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

function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'TimeoutError'
}

function statusFault(status: number): ListingFault {
  if (status === 401) return 'unauthenticated'
  if (status === 403 || status === 407) return 'forbidden'
  if (status === 429) return 'rate_limited'
  if (status >= 500) return 'server_error'
  return status >= 300 && status < 400 ? 'redirected' : 'unexpected_answer'
}

function thrownFault(error: unknown, signal: AbortSignal): ListingFault {
  // A person's time that is over is no stop: what was read until then counts.
  if (signal.aborted) return isTimeout(signal.reason) ? 'timeout' : 'stopped'
  if (error instanceof RevenantError) {
    if (error.code === 'INPUT_INVALID') return 'no_name'
    return error.code === 'ORIGIN_FORBIDDEN' ? 'paging_origin' : 'credential_unavailable'
  }
  const { reason } = judgeFailure(error, isTimeout(error))
  if (reason === 'timeout' || reason === 'unreachable' || reason === 'tls_error') return reason
  return 'unexpected_answer'
}
