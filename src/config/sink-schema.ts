import { z } from 'zod'
import { FINDING_EVENTS, FINDING_KINDS, SEVERITIES } from '../domain/finding.ts'
import { IDENTITY_KINDS } from '../domain/identity.ts'
import { GROUP_BYS, WEEKDAYS } from '../domain/route.ts'
import { TIERS } from '../domain/system.ts'
import { duration } from './duration.ts'
import { rate } from './rate.ts'
import { line, name, reference, timeZone } from './scalar.ts'

/** One receiver of alerts. Further keys are the sink's own. */
export const sinkSchema = z
  .looseObject({
    name: name().describe('Unique. What commands and delivery lists call the receiver.'),
    sink: line().describe('How alerts travel: a sink of docs/alerts.md.'),
    format: line()
      .exactOptional()
      .describe('What alerts look like: a format of docs/alerts.md. Left out: the first that the sink takes.'),
    to: line().exactOptional().describe('Where to: a URL, whose form the sink decides; or a reference to one.'),
    secret: reference().exactOptional().describe('What signs or authenticates the delivery: a reference.'),
    minSeverity: z.enum(SEVERITIES).default('low').describe('Findings under this severity are not sent here.'),
    kinds: z
      .array(z.enum(FINDING_KINDS))
      .min(1, { error: 'must name at least one kind, or be left out for all' })
      .exactOptional()
      .describe('Only findings of these kinds; left out: all.'),
    events: some(FINDING_EVENTS).exactOptional().describe('Only these events; left out: all.'),
    tiers: some(TIERS).exactOptional().describe('Only findings at systems of these tiers; left out: all.'),
    owners: z
      .array(line())
      .min(1, { error: 'must name at least one owner, or be left out for all' })
      .exactOptional()
      .describe('Only findings at systems of these owners, spelled as there; left out: all.'),
    identityKinds: some(IDENTITY_KINDS).exactOptional().describe('Only findings of such identities; left out: all.'),
    after: duration('1m', '365d')
      .exactOptional()
      .describe('Only findings that have been open for so long: a second line that is told when the first has not acted.'),
    quietHours: z
      .strictObject({
        zone: timeZone().describe('In whose hours.'),
        from: clock().describe('When they begin.'),
        to: clock().describe('When they end; at or before the beginning: on the next day.'),
        days: some(WEEKDAYS).exactOptional().describe('On which they begin; left out: every day.'),
        except: z.enum(SEVERITIES).default('critical').describe('From this severity on alerts are sent all the same.'),
      })
      .refine(({ from, to, days }) => from !== to || (days !== undefined && new Set(days).size < WEEKDAYS.length), {
        error: 'would never end: name the days, or use minSeverity to be told of less',
      })
      .exactOptional()
      .describe('Hours in which alerts wait until they end. Nothing is dropped.'),
    group: z
      .strictObject({
        by: z.enum(GROUP_BYS).default('identity').describe('What alerts of one message have in common.'),
        wait: duration('1s', '1h').prefault('30s').describe('How long the first waits for others.'),
      })
      .exactOptional()
      .describe('Gathers alerts into one message, for receivers that are people.'),
    storm: rate()
      .exactOptional()
      .describe(
        'More messages than this are not sent: what comes on top is gathered into one when the window ends. Nothing is dropped.',
      ),
    heartbeat: duration('1m', '7d')
      .exactOptional()
      .describe('How often a sign of life is sent, so that a receiver can tell silence from health.'),
  })
  .transform(({ name, sink, format, to, secret, minSeverity, ...rest }) => {
    const { kinds, events, tiers, owners, identityKinds, after, quietHours, group, storm, heartbeat, ...options } = rest
    return {
      name,
      sink,
      ...(format === undefined ? {} : { format }),
      ...(to === undefined ? {} : { to }),
      ...(secret === undefined ? {} : { secret }),
      minSeverity,
      ...(kinds === undefined ? {} : { kinds }),
      ...(events === undefined ? {} : { events }),
      ...(tiers === undefined ? {} : { tiers }),
      ...(owners === undefined ? {} : { owners }),
      ...(identityKinds === undefined ? {} : { identityKinds }),
      ...(after === undefined ? {} : { afterMs: after }),
      ...(quietHours === undefined ? {} : { quietHours }),
      ...(group === undefined ? {} : { group: { by: group.by, waitMs: group.wait } }),
      ...(storm === undefined ? {} : { storm }),
      ...(heartbeat === undefined ? {} : { heartbeatMs: heartbeat }),
      options,
    }
  })

function some<const Names extends readonly [string, ...string[]]>(names: Names) {
  return z.array(z.enum(names)).min(1, { error: 'must name at least one, or be left out for all' })
}

function clock() {
  return z.string().regex(/^(?:[01][0-9]|2[0-3]):[0-5][0-9]$/, { error: 'must be a time of day such as 07:30' })
}
