import { HOMES } from '../found/choose-system.ts'
import { isHost, placeOfHost, placeOfUrl } from '../found/place.ts'
import type { EnvLine } from './env-lines.ts'
import { LOOKS_LIKE, NO_SERVER, OWN_HOSTS, PLACE_NAME, plainName, RUN_BY_OTHERS, SERVERS } from './env-meaning.ts'

/** What a file says of servers that their makers do not run. */
export interface Strangers {
  /**
   * Whether a token of one of these kinds, which has no address of its own, may be for another server than its maker's: one that stands
   * under a name that is known for it, that bears the service's name, or that stands beside the token under its prefix.
   */
  mayBeFor(kinds: readonly string[], prefix: string): boolean
}

/** What one variable says of a place: a host, or that it names one which cannot be read. */
interface Named {
  name: string
  host: string | undefined
}

/** Finds the variables of a file that name a place, once for all of its secrets. */
export function openStrangers(lines: readonly EnvLine[]): Strangers {
  const named = lines.flatMap((line): Named[] => {
    const name = plainName(line.name)
    const host = NO_SERVER.test(name) ? 'none' : hostNamed(name, line)
    return host === 'none' ? [] : [{ name, host }]
  })
  const families = new Map(
    Object.keys(HOMES).map((kind) => {
      const strangers = named.filter(({ host }) => host === undefined || !isOwn(kind, host))
      const isTold = strangers.some(
        ({ name, host }) => SERVERS[kind]?.test(name) === true || (host !== undefined && LOOKS_LIKE[kind]?.test(host) === true),
      )
      const names = RUN_BY_OTHERS.has(kind) ? strangers.map(({ name }) => name).toSorted(byUnits) : []
      return [kind, { isTold, names, known: new Set(names) }] as const
    }),
  )
  return {
    mayBeFor: (kinds, given) =>
      kinds.some((kind) => {
        const family = families.get(kind)
        return family !== undefined && (family.isTold || hasBeside(family, plainName(given)))
      }),
  }
}

const byUnits = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

/** `CI_REGISTRY` is beside `CI_REGISTRY_PASSWORD`. A token without a prefix has beside it what has none either. */
function hasBeside({ names, known }: { names: readonly string[]; known: ReadonlySet<string> }, prefix: string): boolean {
  if (prefix === '') return names.some((name) => PLACE_NAME.test(name) && !name.includes('_'))
  if (known.has(prefix.slice(0, -1))) return true
  let [low, high] = [0, names.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (byUnits(names[middle] ?? '', prefix) < 0) low = middle + 1
    else high = middle
  }
  return names[low]?.startsWith(prefix) === true
}

/** The host that a variable names: by its name, or because its value is an address. Undefined for one that cannot be read. */
function hostNamed(name: string, { value, clear }: EnvLine): string | undefined | 'none' {
  const isPlace = PLACE_NAME.test(name) || Object.values(SERVERS).some((names) => names.test(name))
  if (value === '' || (isPlace && /^(?:true|false|yes|no|\d+|\/.*)$/i.test(value))) return 'none'
  // `git@host:path`, and the image of a registry: `host.example.com/app`.
  const scp = /^[\w.-]+@([\w.-]+):/.exec(value)?.[1]
  const image = /^([A-Za-z0-9.-]+\.[A-Za-z]{2,})(?::\d+)?\//.exec(value)?.[1]
  if (!isPlace && !value.includes('://') && scp === undefined && image === undefined) return 'none'
  if (!clear && isPlace) return undefined
  const host = value.includes('://') ? placeOfUrl(value)?.host : (scp ?? image ?? placeOfHost(value)?.host)
  return host !== undefined && isHost(host) ? host.toLowerCase() : undefined
}

function isOwn(kind: string, host: string): boolean {
  const own = OWN_HOSTS[kind] ?? [HOMES[kind] ?? '']
  return own.some((each) => host === each || host.endsWith(`.${each}`))
}
