import type { Filter } from 'ldapts'
import { RevenantError } from '../../domain/error.ts'
import { FLAVOURS } from './flavour.ts'
import { toGeneralizedTime } from './instants.ts'
import type { Position } from './position.ts'
import type { Reading } from './reading.ts'

/** What has changed: entries in which this attribute is at least so much. */
export interface Changes {
  attribute: 'uSNChanged' | 'modifyTimestamp'
  value: string
}

/** What to ask for to hear what has changed; undefined where everybody is to be asked for. */
export function changesSince(
  { fullAt, server, usn, since }: Position,
  { options, domain, now }: Pick<Reading, 'options' | 'domain' | 'now'>,
): Changes | undefined {
  if (Temporal.Instant.compare(fullAt.add({ milliseconds: options.full }), now) <= 0) return undefined
  if (domain === undefined) {
    if (since === undefined) return undefined
    return { attribute: 'modifyTimestamp', value: toGeneralizedTime(since.subtract({ milliseconds: options.overlap })) }
  }
  // A number that is smaller than before is that of a copy which was put back without a word.
  if (server !== domain.server || usn === undefined || BigInt(usn) > BigInt(domain.usn)) return undefined
  return { attribute: 'uSNChanged', value: String(BigInt(usn) + 1n) }
}

/** The filters of one directory. Throws `INPUT_INVALID` for a configured one that cannot be read. */
export function filtersOf({ options, directory: { ldapts } }: Pick<Reading, 'options' | 'directory'>) {
  const all = parseFilter(options.filter ?? FLAVOURS[options.flavour].filter)
  const and = (...filters: Filter[]) => new ldapts.AndFilter({ filters })
  const atLeast = ({ attribute, value }: Changes) => new ldapts.GreaterThanEqualsFilter({ attribute, value })
  return {
    all,
    changed: (changes: Changes) => and(all, atLeast(changes)),
    and,
    atLeast,
    is: (attribute: string, value: string | Buffer) => new ldapts.EqualityFilter({ attribute, value }),
    anyOf: (filters: Filter[]) => new ldapts.OrFilter({ filters }),
  }

  function parseFilter(text: string): Filter {
    try {
      return ldapts.FilterParser.parseString(text)
    } catch {
      throw new RevenantError('INPUT_INVALID', 'filter is none that can be read (RFC 4515)')
    }
  }
}
