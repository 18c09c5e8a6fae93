import type { Said } from '../feed/said.ts'
import { isWithin, parseDn, type Rdns } from './dn.ts'
import { type DirectoryEntry, firstBytes, firstText, texts } from './entry.ts'
import { FLAVOURS, standingOf } from './flavour.ts'
import { guidText } from './guid.ts'
import { attributesOf, type DirectoryOptions } from './options.ts'

/** Longer external ids are nobody's. */
const MOST_ID = 256
const MOST = 512

/** Reads entries of one directory. */
export interface EntryReader {
  /** What is to be asked for. */
  attributes: readonly string[]
  /** Undefined for an entry without it. */
  keyOf(entry: DirectoryEntry): string | undefined
  /** `externalId`: undefined for an entry without a usable one. */
  saidOf(entry: DirectoryEntry, key: string, now: Temporal.Instant): SaidOfEntry
  /** When it was changed, as far as the directory tells. */
  changed(entry: DirectoryEntry): string | undefined
}

/** What an entry says, whether or not anything names it here. */
export type SaidOfEntry = Omit<Said, 'externalId'> & { externalId: string | undefined }

/** How entries are read, by the configuration. */
export function openReader(options: DirectoryOptions): EntryReader {
  const names = attributesOf(options)
  const { states, state, services } = FLAVOURS[options.flavour]
  const [leavers, under] = [places(options.leavers), places(options.services.under)]
  const keyOf = keyReader(names.key)
  const isService = (entry: DirectoryEntry, dn: Rdns | undefined) =>
    isBelow(dn, under) || has(entry, 'objectClass', services) || has(entry, options.services.attribute, options.services.values)
  const own = [options.services.attribute, options.inactive?.attribute].filter((name) => name !== undefined)
  return {
    attributes: [...new Set([...Object.values(names), ...states, 'objectClass', 'modifyTimestamp', ...own])],
    keyOf,
    changed: (entry) => firstText(entry, 'modifyTimestamp'),
    saidOf: (entry, key, now) => {
      const externalId = firstText(entry, names.externalId)
      const dn = parseDn(entry.dn)
      const inactive = has(entry, options.inactive?.attribute, options.inactive?.values)
      return {
        key,
        externalId: (externalId?.length ?? 0) > MOST_ID ? undefined : externalId,
        // What a directory does not tell is left as it is: addresses are often removed from whoever leaves, and by them he is found.
        name: firstText(entry, names.name)?.slice(0, MOST).toWellFormed(),
        email: mailOf(entry, names.email),
        kind: isService(entry, dn) ? 'service' : undefined,
        standing: standingOf(state(entry), { moved: isBelow(dn, leavers), inactive }, now),
      }
    },
  }
}

/** A GUID as its text; any other key as it is. */
function keyReader(attribute: string): EntryReader['keyOf'] {
  if (attribute.toLowerCase() === 'objectguid') return (entry) => guidText(firstBytes(entry, attribute) ?? Buffer.alloc(0))
  return (entry) => {
    const text = firstText(entry, attribute)
    return text === undefined || text.length > MOST ? undefined : text
  }
}

function mailOf(entry: DirectoryEntry, attribute: string): string | undefined {
  const mail = firstText(entry, attribute)
  return mail === undefined || mail.length > MOST ? undefined : mail
}

function places(dns: readonly string[]): Rdns[] {
  return dns.map(parseDn).filter((dn) => dn !== undefined)
}

function isBelow(dn: Rdns | undefined, of: readonly Rdns[]): boolean {
  return dn !== undefined && of.some((place) => isWithin(dn, place))
}

function has(entry: DirectoryEntry, attribute: string | undefined, values: readonly string[] | undefined): boolean {
  if (attribute === undefined || values === undefined || values.length === 0) return false
  const wanted = new Set(values.map((value) => value.toLowerCase()))
  return texts(entry, attribute).some((value) => wanted.has(value.toLowerCase()))
}
