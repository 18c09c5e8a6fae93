import { z } from 'zod'

/** Filters of lists, as they come in a query. */

/** One value of a closed list, or several with commas between them. */
export function someOf<const Name extends string>(names: readonly Name[]) {
  const error = `must be one of ${names.join(', ')}, or several with commas between them`
  const name = `(?:${names.join('|')})`
  return z
    .string({ error: 'must be given once' })
    .regex(new RegExp(`^${name}(?:,${name})*$`), { error, abort: true })
    .transform((text) => [...new Set(text.split(','))])
    .pipe(z.array(z.enum(names, { error })))
}

export function yesOrNo() {
  return z.enum(['true', 'false'], { error: 'must be true or false' }).transform((text) => text === 'true')
}

/** Text that the database takes. */
export function words(max = 500) {
  return z
    .string({ error: 'must be given once' })
    .min(1, { error: 'must not be empty' })
    .max(max, { error: `must have at most ${max} characters` })
    .refine((text) => text.isWellFormed() && !text.includes('\0'), { error: 'must be text' })
}

export function idFilter(of: string) {
  return z.guid({ error: `must be the id of ${of}` })
}

const INSTANT = 'must be an instant with a time zone, such as 2027-01-31T18:00:00Z (a + is written %2B)'
/** What the database can count with, whatever the zone. */
const [EARLIEST, LATEST] = [Temporal.Instant.from('0002-01-01T00:00Z'), Temporal.Instant.from('9999-01-01T00:00Z')]

export function instantFilter() {
  return z.iso.datetime({ offset: true, error: INSTANT, abort: true }).transform((text, ctx) => {
    const instant = instantIn(text)
    if (instant !== undefined) return instant
    ctx.addIssue({ code: 'custom', message: INSTANT })
    return z.NEVER
  })
}

function instantIn(text: string): Temporal.Instant | undefined {
  try {
    const instant = Temporal.Instant.from(text)
    return Temporal.Instant.compare(instant, EARLIEST) >= 0 && Temporal.Instant.compare(instant, LATEST) < 0 ? instant : undefined
  } catch {
    return undefined
  }
}

/** Of an address that names one thing. */
export function idIn(of: string) {
  return z.strictObject({ id: z.guid({ error: `must be the id of ${of}` }).describe(`Id of ${of}`) })
}
