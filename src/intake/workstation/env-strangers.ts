import { HOMES } from '../found/choose-system.ts'
import { isHost, placeOfHost, placeOfUrl } from '../found/place.ts'
import { mayBeServer, type NamedPlace } from './env-hints.ts'
import type { EnvLine } from './env-lines.ts'
import { LOOKS_LIKE, NO_SERVER, OWN_HOSTS, PLACE_NAME, plainName, RUN_BY_OTHERS, SERVERS } from './env-meaning.ts'

/** What a file says of servers that their makers do not run. */
export interface Strangers {
  /**
   * Whether a token of one of these kinds, which has no address of its own, may be for another server than its maker's: one that stands
   * under a name that is known for it, that hints at the service by name, host or form, or that stands beside the token under its prefix.
   */
  mayBeFor(kinds: readonly string[], prefix: string): boolean
}

/** Finds the variables of a file that name a place, once for all of its secrets. */
export function openStrangers(lines: readonly EnvLine[]): Strangers {
  const named = lines.flatMap((line): NamedPlace[] => {
    const name = plainName(line.name)
    return NO_SERVER.test(name) ? [] : placesNamed(name, line)
  })
  const families = new Map(
    Object.keys(HOMES).map((kind) => {
      const strangers = named.filter(({ host }) => host === undefined || !isOwn(kind, host))
      const isTold = strangers.some(
        (each) =>
          SERVERS[kind]?.test(each.name) === true ||
          (each.host !== undefined && LOOKS_LIKE[kind]?.test(each.host) === true) ||
          mayBeServer(kind, each),
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

/** No list of addresses that anybody writes is longer. */
const MAX_LIST = 4096
/** Names of places that hold a host without anything else, as `GIT_REMOTE=git.example.com`. */
const MAY_HOLD_HOST = /(?:REMOTE|UPSTREAM|MIRROR|PROVIDER|REPO|REPOSITORY|GIT|GITLAB|GITHUB|VCS|SCM|NEXUS|ARTIFACTORY|HARBOR)$/

/** The places that a variable names: one by its name, or whatever addresses its value holds. */
function placesNamed(name: string, { value, clear }: EnvLine): NamedPlace[] {
  const isPlace = PLACE_NAME.test(name) || Object.values(SERVERS).some((names) => names.test(name))
  if (value === '' || (isPlace && /^(?:true|false|yes|no|\d+|\/.*)$/i.test(value))) return []
  if (isPlace) {
    const place = clear ? (placeIn(value) ?? { host: placeOfHost(value)?.host }) : { host: undefined }
    return [{ name, ...place, host: plainHost(place.host) }]
  }
  const texts = value.length > MAX_LIST ? [value] : value.split(/[\s,;|"'`()<>=]+/).map(withoutLead)
  return texts.flatMap((text): NamedPlace[] => {
    const place = placeIn(text) ?? (MAY_HOLD_HOST.test(name) && DOTTED.test(text) ? { host: text } : undefined)
    return place === undefined ? [] : [{ name, ...place, host: plainHost(place.host) }]
  })
}

/** No scheme is longer. */
const MAX_SCHEME = 30

/** An address within braces or behind a colon. */
function withoutLead(text: string): string {
  const end = text.indexOf('://')
  const scheme = end === -1 ? undefined : /[a-z][a-z0-9+.-]*$/i.exec(text.slice(Math.max(0, end - MAX_SCHEME), end))?.[0]
  return scheme === undefined ? text : text.slice(end - scheme.length)
}

const DOTTED = /^[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}$/
const SCP = /^[\w.-]+@([\w.-]+):/
const GIT_ADDRESS = /^git(?:ea|lab)?@|^git(?:\+[a-z]+)?:\/\/|^ssh:\/\/git@|\.git(?:[/?#]|$)/i
/** Docker takes what comes before the first slash for a registry where it has a dot or a port, or is `localhost`. */
const IMAGE =
  /^(?:([A-Za-z0-9.-]+\.[A-Za-z]{2,}|localhost|(?:\d{1,3}\.){3}\d{1,3}(?=\/[a-z])|[A-Za-z0-9.-]+(?=:\d))(?::\d+)?)\/\S/
const TAGGED = /[\w/-](?::\w[\w.-]*|@sha256:[0-9a-f]+)$/
/** A variable in place of the host. */
const FILLED_IN = /^(?:[\w.-]+@)?\$\{?(\w+)[^/\s]*[/:]\S/

/** What a text by its form is an address of: a URL, `git@host:path`, an image of a registry. */
function placeIn(text: string): Omit<NamedPlace, 'name'> | undefined {
  const git = GIT_ADDRESS.test(text) ? ({ form: 'git' } as const) : {}
  if (text.includes('://')) return { host: placeOfUrl(text)?.host, ...git }
  const scp = SCP.exec(text)?.[1] ?? ('form' in git ? /^([\w.-]+):/.exec(text)?.[1] : undefined)
  if (scp !== undefined) return { host: scp, ...git }
  const image = IMAGE.exec(text)?.[1]
  if (image !== undefined)
    return { host: image, ...('form' in git ? git : TAGGED.test(text) ? ({ form: 'image' } as const) : {}) }
  const variable = FILLED_IN.exec(text)?.[1]
  return variable !== undefined && PLACE_NAME.test(plainName(variable)) ? { host: undefined, ...git } : undefined
}

function plainHost(host: string | undefined): string | undefined {
  return host !== undefined && isHost(host) ? host.toLowerCase() : undefined
}

function isOwn(kind: string, host: string): boolean {
  const own = OWN_HOSTS[kind] ?? [HOMES[kind] ?? '']
  return own.some((each) => host === each || host.endsWith(`.${each}`))
}
