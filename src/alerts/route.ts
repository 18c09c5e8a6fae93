import type { Alert } from '../domain/alert.ts'
import { atLeast, type Severity } from '../domain/finding.ts'
import { type GroupBy, type QuietHours, type Route, WEEKDAYS } from '../domain/route.ts'

/** Whether a receiver wants an alert. A condition on what an alert does not have (a system's tier, an identity's kind) is not met. */
export function wants(route: Route, alert: Alert): boolean {
  const { finding, system, identity } = alert
  return (
    atLeast(finding.severity, route.minSeverity) &&
    isOneOf(route.kinds, finding.kind) &&
    isOneOf(route.events, alert.event) &&
    isOneOf(route.tiers, system?.tier) &&
    isOneOf(route.owners, system?.owner) &&
    isOneOf(route.identityKinds, identity?.kind) &&
    (route.afterMs === undefined || ageMs(alert) >= route.afterMs)
  )
}

/** How long a finding has been open. One that is back has not been open for long, whenever it opened first. */
function ageMs({ event, at, finding }: Alert): number {
  if (event === 'opened' || event === 'reopened') return 0
  return epochMs(at) - epochMs(finding.openedAt)
}

/** Under which key an alert is gathered with others for a receiver; undefined: it travels alone. */
export function groupKeyOf({ group }: Route, alert: Alert): string | undefined {
  if (group === undefined) return undefined
  const thing = THINGS[group.by](alert)
  // What lacks the thing is gathered by its finding, that is with nothing else.
  return `${group.by}:${thing ?? alert.finding.id}`
}

const THINGS: Record<GroupBy, (alert: Alert) => string | undefined> = {
  identity: ({ identity }) => identity?.id,
  system: ({ system }) => system?.id,
  owner: ({ system }) => system?.owner,
  sink: () => 'all',
}

/**
 * What alerts of one message are about, for people: the thing that they share, else whom or what they concern.
 *
 * @param by what all of them share; undefined: nothing but their receiver
 */
export function aboutOf(by: GroupBy | undefined, alerts: readonly [Alert, ...Alert[]]): string {
  const [first] = alerts
  const names: Record<GroupBy, string | undefined> = {
    identity: first.identity?.name,
    system: first.system?.name,
    owner: first.system?.owner === undefined ? undefined : `systems of ${first.system.owner}`,
    sink: undefined,
  }
  return (by === undefined ? undefined : names[by]) ?? concerned(alerts)
}

function concerned(alerts: readonly [Alert, ...Alert[]]): string {
  const things = new Set(alerts.map(({ identity, system, title }) => identity?.name ?? system?.name ?? title))
  const [first = alerts[0].title] = things
  return things.size === 1 ? first : `${first} and ${things.size - 1} more`
}

/** When the quiet hours that hold now end for an alert of this severity; undefined when it may be sent. */
export function quietUntil(
  quiet: QuietHours | undefined,
  severity: Severity,
  now: Temporal.Instant,
): Temporal.Instant | undefined {
  if (quiet === undefined || atLeast(severity, quiet.except)) return undefined
  const local = now.toZonedDateTimeISO(quiet.zone)
  const from = Temporal.PlainTime.from(quiet.from)
  const to = Temporal.PlainTime.from(quiet.to)
  const overnight = Temporal.PlainTime.compare(to, from) <= 0
  // Quiet hours that began yesterday may still hold.
  for (const days of [0, 1]) {
    const day = local.toPlainDate().subtract({ days })
    const weekday = WEEKDAYS[day.dayOfWeek - 1]
    if (weekday === undefined || !isOneOf(quiet.days, weekday)) continue
    const begin = day.toZonedDateTime({ timeZone: quiet.zone, plainTime: from }).toInstant()
    const end = day
      .add({ days: overnight ? 1 : 0 })
      .toZonedDateTime({ timeZone: quiet.zone, plainTime: to })
      .toInstant()
    if (Temporal.Instant.compare(begin, now) <= 0 && Temporal.Instant.compare(now, end) < 0) return end
  }
  return undefined
}

function isOneOf<Value>(allowed: readonly Value[] | undefined, value: Value | undefined): boolean {
  return allowed === undefined || (value !== undefined && allowed.includes(value))
}

function epochMs(instant: string): number {
  return Temporal.Instant.from(instant).epochMilliseconds
}
