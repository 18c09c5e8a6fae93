import { z } from 'zod'
import { count, findingKind, instant, pageOf, severity, text } from './common.ts'

/**
 * How a receiver stands, the first that applies. `removed`: no longer in the configuration. `broken`: it cannot be opened. `gone`: it said
 * so for good. `dead`: something was given up. `failing`: what waits was tried in vain. `waiting`: something waits. `idle`: nothing does.
 */
export const SINK_STATES = ['removed', 'broken', 'gone', 'dead', 'failing', 'waiting', 'idle'] as const

export const sink = z.strictObject({
  name: text().describe('As the configuration names it'),
  kind: text().nullable().describe('How alerts travel: webhook, syslog, …; null: no longer in the configuration'),
  format: text().nullable().describe("What alerts look like; null: the sink's own, or no longer in the configuration"),
  minSeverity: severity().nullable().describe('Findings under this severity are not sent there'),
  kinds: z.array(findingKind()).nullable().describe('Only these; null: all'),
  events: z.array(text()).nullable().describe('Only these; null: all'),
  state: z.enum(SINK_STATES).describe('How it stands'),
  fault: text().nullable().describe('Why it cannot be opened'),
  goneSince: instant()
    .nullable()
    .describe('When it said that it is gone for good; null: it did not, or this replica does not know'),
  pausedUntil: instant()
    .nullable()
    .describe('After failures all its deliveries wait together; null: they do not, or this replica does not know'),
  pending: count().describe('Deliveries that wait'),
  failing: count().describe('Of these, tried in vain'),
  dead: count().describe('Deliveries that were given up'),
  oldestPendingAt: instant().nullable().describe('Since when the oldest one waits'),
  lastDeliveredAt: instant().nullable().describe('When it last took something'),
  lastLagMs: z.number().nullable().describe('From the alert to its delivery, of the last one'),
  lastFailure: z
    .strictObject({
      at: instant().nullable().describe('When it was first tried in vain'),
      detail: text().nullable().describe('Why it failed'),
    })
    .nullable()
    .describe('Of the newest delivery that failed and is not over'),
  heartbeatMs: count().nullable().describe('How often a sign of life is sent; null: never'),
  lastBeatAt: instant().nullable().describe('When the last one was sent'),
})
export type Sink = z.infer<typeof sink>
export const sinkPage = pageOf(sink)
export type SinkPage = z.infer<typeof sinkPage>
