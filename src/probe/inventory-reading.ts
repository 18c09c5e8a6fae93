import { RevenantError } from '../domain/error.ts'
import { type ListingFault, TRANSIENT_FAULTS } from '../domain/grant.ts'
import { compilePointer } from '../domain/pointer.ts'
import type { HttpAnswer } from './http-answer.ts'
import { compileOnly, compileWhose, isNothing, type PersonScope } from './inventory-items.ts'
import { compilePaging } from './inventory-paging.ts'
import { compilePick } from './inventory-pick.ts'
import { INVENTORY_TEMPLATES, type Lookup } from './inventory-schema.ts'
import { compileWhen } from './predicate.ts'

export type Reading = Pick<
  Lookup,
  'request' | 'paging' | 'pages' | 'items' | 'when' | 'omitsEmpty' | 'empty' | 'unknown' | 'match' | 'only' | 'sees'
>

/** What a reading came to. Where there is a fault, what was read until then. `unknown`: the system says that it does not know the person. */
export interface Read {
  items: unknown[]
  /** Items that stand, and are nobody's as far as they say. */
  unowned?: unknown[]
  fault?: ListingFault
  retryAfterMs?: number | undefined
  unknown?: true
}

/** What an answer that is not the list says of itself. */
export interface Refusal {
  fault: ListingFault
  retryAfterMs: number | undefined
}

export type Ask = (path: string, of: Reading, scope: PersonScope) => Promise<HttpAnswer>

/** What a reading is made with. */
export interface Asking {
  ask: Ask
  /** Makes a reading that is the same for everybody: no person's time runs meanwhile. */
  apart(reading: (ask: Ask) => Promise<Read>): Promise<Read>
  refusalOf(answer: HttpAnswer): Refusal
  /** Of one turn: readings that are the same for everybody. */
  shared: Map<string, Promise<Read>>
}

export type ReadList = (asking: Asking, scope: PersonScope) => Promise<Read>

/** Items of one reading, meant or not, and of those for one person: more, and it counts as cut. */
const READ_MOST = 100_000
const ITEMS_MOST = 5_000

/**
 * What reads a list, or one document, to its end. A reading whose request names no person is the same for everybody: it is made once a
 * turn, and kept, without what nobody looks at, until the turn is over. One with a fault that may pass is made again for the next person.
 *
 * @param name of no other reading of the file
 * @param uses pointers that whoever takes the items looks at
 */
export function compileReading(name: string, of: Reading, isList: boolean, prefix: string, uses: readonly string[]): ReadList {
  const path = INVENTORY_TEMPLATES.compile(of.request.path)
  const query = Object.entries(of.request.query ?? {}).map(([key, text]) => ({
    key,
    template: INVENTORY_TEMPLATES.compile(text),
  }))
  const isShared = isList && !namesPerson([of.request.path, of.request.query, of.request.json])
  const whose = compileWhose(of)
  const stands = compileOnly(of.only)
  const pick = compilePick([...uses, ...Object.keys(of.match ?? {}), ...Object.keys(of.only ?? {})])
  const gather = compileGather(of, isList)
  const own = async (asking: Asking, scope: PersonScope, at: string) =>
    gather(asking, scope, at, ITEMS_MOST, (item) => {
      if (!stands(item)) return []
      const is = whose(item, scope)
      return is === undefined ? undefined : is === 'other' ? [] : [item]
    })
  const common = (asking: Asking, scope: PersonScope, at: string): Promise<Read> => {
    const key = JSON.stringify([name, at, scope.item])
    const known = asking.shared.get(key)
    if (known !== undefined) return known
    const reading = asking.apart((ask) =>
      gather({ ...asking, ask }, scope, at, READ_MOST, (item) => (stands(item) ? [pick(item)] : [])),
    )
    asking.shared.set(key, reading)
    const forget = () => asking.shared.delete(key)
    reading.then(({ fault }) => fault !== undefined && TRANSIENT_FAULTS.has(fault) && forget(), forget)
    return reading
  }
  return async (asking, scope) => {
    const parts = query.flatMap(({ key, template }) => {
      const value = template.render(scope)
      return value === undefined ? [] : [`${encodeURIComponent(key)}=${encodeURIComponent(value)}`]
    })
    const bare = path.render(scope, segment)
    if (bare === undefined) return { items: [], fault: 'unexpected_answer' }
    const at = prefix + (parts.length === 0 ? bare : `${bare}?${parts.join('&')}`)
    const read = await (isShared ? common : own)(asking, scope, at)
    if (!isList) return read
    const told = read.items.map((item) => ({ item, is: whose(item, scope) }))
    const [items, unowned] = (['person', 'nobody'] as const).map((wanted) =>
      told.flatMap(({ item, is }) => (is === wanted ? [item] : [])),
    )
    const whole = { ...read, items: items ?? [], unowned: unowned ?? [] }
    return told.some(({ is }) => is === undefined) ? { ...whole, fault: read.fault ?? 'unexpected_answer' } : whole
  }
}

/** Which items of a page are kept; undefined: one of them does not say whose it is. */
type Keep = (item: unknown) => unknown[] | undefined

function compileGather(of: Reading, isList: boolean) {
  const itemsOf = compilePointer(of.items)
  const holds = of.when === undefined ? undefined : compileWhen(of.when)
  const [empty, unknown] = [of.empty.map(compileWhen), of.unknown.map(compileWhen)]
  const next = compilePaging(of.paging)
  const sees = [of.sees ?? []].flat().map(compilePointer)
  return async ({ ask, refusalOf }: Asking, scope: PersonScope, path: string, most: number, keep: Keep): Promise<Read> => {
    const items: unknown[] = []
    const seen = new Set<string>()
    let at = path
    let first: URL | undefined
    let soFar = 0
    let unseen = sees
    // Where nobody's is shown, nothing is not what somebody has.
    const done = (): Read => (soFar > 0 && unseen.length > 0 ? { items, fault: 'forbidden' } : { items })
    for (let page = 0; ; page++) {
      if (seen.has(at)) return { items, fault: 'paging_loop' }
      seen.add(at)
      const answer = await ask(at, of, scope)
      if (empty.some((each) => each(answer))) return done()
      if (page === 0 && unknown.some((each) => each(answer))) return { items: [], unknown: true }
      const document = answer.json()
      const found = document === undefined ? undefined : itemsOf(document)
      const isIt = holds === undefined ? answer.status === 200 && document !== undefined : holds(answer)
      if (!isIt) return { items, ...refusalOf(answer) }
      if (!isList) return found === undefined ? { items, ...refusalOf(answer) } : { items: [found] }
      // Some leave the items out where there are none: only what says so of itself is such a list.
      if (!Array.isArray(found) && !(found === undefined && of.omitsEmpty === true)) return { items, ...refusalOf(answer) }
      const listed: unknown[] = Array.isArray(found) ? found : []
      soFar += listed.length
      unseen = unseen.filter((find) => listed.every((item) => isNothing(find(item))))
      const kept = listed.map(keep)
      if (kept.some((each) => each === undefined)) return { items, fault: 'unexpected_answer' }
      for (const each of kept) items.push(...(each ?? []))
      const asked = new URL(at, answer.asked.origin)
      first ??= asked
      const goesOn = next({ first, asked, answer, items: listed.length, soFar })
      if (goesOn === undefined) return done()
      if ('fault' in goesOn) return { items, fault: goesOn.fault }
      if (page + 1 >= of.pages || items.length > most || soFar > READ_MOST) return { items, fault: 'paging_cut' }
      at = goesOn.path
    }
  }
}

function namesPerson(value: unknown): boolean {
  if (typeof value === 'string') return INVENTORY_TEMPLATES.compile(value).references.some(({ section }) => section === 'person')
  return typeof value === 'object' && value !== null && Object.values(value).some(namesPerson)
}

/** A path segment: `.` and `..` would climb even when percent-encoded by some servers. */
function segment(value: string): string {
  if (value === '.' || value === '..') throw new RevenantError('INPUT_INVALID', 'a name that goes into the path is "." or ".."')
  return encodeURIComponent(value)
}
