import { z } from 'zod'
import { LOG_LEVELS } from './config.ts'

/** Where a trace's id goes in an address. */
const PLACE = '{traceId}'

/** What the daemon says about itself, and where that is looked at. */
export const telemetrySchema = z.strictObject({
  logLevel: z
    .enum(LOG_LEVELS)
    .default('info')
    .describe('What is logged to standard output, as JSON lines. Traces and metrics follow the OTEL_* variables.'),
  traceUrl: z
    .string()
    .max(2_000, { error: 'must have at most 2000 characters' })
    .refine(isTraceUrl, {
      error: `must be an https:// or http:// URL without a user, with ${PLACE} once in its path, query or fragment`,
    })
    .exactOptional()
    .describe(
      `Where people look at a trace: an address with ${PLACE} in it, such as https://traces.example.com/trace/${PLACE}. The page links to it.`,
    ),
})

/** An id must change what is asked for, never who is asked. */
function isTraceUrl(text: string): boolean {
  const parts = text.split(PLACE)
  if (parts.length !== 2 || /[\s\p{C}]/u.test(text)) return false
  const [one, other] = ['1', '2'].map((id) => URL.parse(parts.join(id.repeat(32))))
  if (one == null || other == null || one.href === other.href || one.origin !== other.origin) return false
  return /^https?:$/.test(one.protocol) && one.username === '' && one.password === ''
}
