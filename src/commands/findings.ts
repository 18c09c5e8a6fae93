import type { Runtime } from '../daemon/runtime.ts'
import { RevenantError } from '../domain/error.ts'
import { FINDING_KINDS, SEVERITIES, type Severity } from '../domain/finding.ts'
import { acknowledgeFindings } from '../findings/acknowledge.ts'
import type { ActDeps } from '../findings/act.ts'
import { exemptFindings } from '../findings/exempt.ts'
import { resolveFinding } from '../findings/resolve.ts'
import { findingContext } from '../store/alert.ts'
import { type FindingFilter, findFindingsByEnd, findingEvents, listFindings } from '../store/finding.ts'
import { type CommandContext, operator, withRuntime } from './context.ts'
import { done, EXIT, json, line, style } from './io.ts'
import { ago, span, table } from './table.ts'
import { recordView } from './view.ts'

export interface ListOptions {
  json: boolean
  all: boolean
  kind?: string
  minSeverity?: string
  system?: string
  identity?: string
  limit: number
}

/** `revenant findings list` */
export async function list(context: CommandContext, options: ListOptions): Promise<number> {
  const filter: FindingFilter = {
    limit: options.limit,
    ...(options.all ? {} : { state: 'unresolved' as const }),
    ...(options.kind === undefined ? {} : { kind: oneOf('--kind', options.kind, FINDING_KINDS) }),
    ...(options.minSeverity === undefined
      ? {}
      : { minSeverity: atLeastSeverity(oneOf('--min-severity', options.minSeverity, SEVERITIES)) }),
    ...(options.system === undefined ? {} : { system: options.system }),
    ...(options.identity === undefined ? {} : { identity: options.identity }),
  }
  return withRuntime(context, async (runtime) => {
    const rows = await listFindings(runtime.store.db, filter)
    const { limit: _, ...detail } = filter
    await recordView(runtime, { action: 'findings.view', subject: filter.identity ?? filter.system ?? 'all', detail })
    const { io } = context
    if (options.json) {
      for (const row of rows) json(io, row)
      return EXIT.ok
    }
    if (rows.length === 0) {
      line(
        io,
        options.all
          ? 'There are no findings.'
          : 'There are no open findings. `revenant findings list --all` shows the resolved ones.',
      )
      return EXIT.ok
    }
    const now = runtime.now()
    io.out(
      table(
        io,
        ['ID', 'SEVERITY', 'STATE', 'FINDING', 'WHO', 'WHERE', 'CREDENTIAL', 'OPENED', 'SEEN'],
        rows.map((row) => [
          row.id.slice(-8),
          row.severity,
          row.state,
          row.kind,
          row.identity ?? '-',
          row.system ?? (row.source === null ? '-' : `source ${row.source}`),
          row.credential ?? '-',
          ago(now, row.opened_at),
          ago(now, row.last_seen_at),
        ]),
      ),
    )
    return EXIT.ok
  })
}

/** `revenant findings show ID` */
export async function show(context: CommandContext, id: string, options: { json: boolean }): Promise<number> {
  return withRuntime(context, async (runtime) => {
    const finding = await findOne(runtime, id)
    const details = await findingContext(runtime.store.db, finding.id)
    const events = await findingEvents(runtime.store.db, finding.id)
    await recordView(runtime, { action: 'finding.view', subject: finding.id })
    const { io } = context
    if (options.json) {
      json(io, { ...details, events })
      return EXIT.ok
    }
    const now = runtime.now()
    const { identity, system, feed, credential, observation, controls = [] } = details ?? {}
    line(io, style(io, 'bold', `${finding.kind}  ${finding.severity}  ${finding.state}`))
    const rows: [string, string | undefined][] = [
      ['id', finding.id],
      [
        'who',
        identity === undefined
          ? undefined
          : `${identity.name} (${identity.external_id}, ${identity.kind}), left ${ago(now, identity.terminated_at)}`,
      ],
      ['where', system === undefined ? undefined : `${system.name} (${system.origin}), tier ${system.tier}`],
      [
        'source',
        feed === undefined
          ? undefined
          : `${feed.name} (${feed.kind}), ${feed.heard_at === null ? 'never heard' : `last heard ${feed.heard_at.toString()} (${ago(now, feed.heard_at)})`}`,
      ],
      ['credential', credential === undefined ? undefined : `${credential.label}, ${credential.kind}, ${credential.fingerprint}`],
      ['owner', system?.owner ?? undefined],
      ['opened', `${finding.opened_at.toString()} (${ago(now, finding.opened_at)}), episode ${finding.episode}`],
      ['last seen', `${finding.last_seen_at.toString()} (${ago(now, finding.last_seen_at)})`],
      ['resolved', finding.resolved_at?.toString()],
      [
        'acknowledged',
        finding.acknowledged_by === null ? undefined : `by ${finding.acknowledged_by}, ${ago(now, finding.acknowledged_at)}`,
      ],
      [
        'answer',
        observation === undefined
          ? undefined
          : `${observation.verdict} / ${observation.reason} (${observation.strength}, ${observation.assurance}${observation.confirmed ? ', confirmed' : ''}), ${JSON.stringify(observation.wire)}`,
      ],
      ['signed in as', observation?.principal ?? undefined],
      ['controls', controls.length === 0 ? undefined : controls.map((each) => `${each.control} ${each.verdict}`).join(', ')],
      ['trace', finding.trace_id ?? undefined],
    ]
    for (const [name, value] of rows) if (value !== undefined) line(io, `  ${name.padEnd(13)}${value}`)
    line(io)
    for (const event of events)
      line(
        io,
        `  ${event.at.toString()}  ${event.event.padEnd(13)}${event.severity}${event.actor === null ? '' : `  ${event.actor}: ${event.note ?? ''}`}`,
      )
    return EXIT.ok
  })
}

/** `revenant findings acknowledge ID --note TEXT` */
export async function acknowledge(
  context: CommandContext,
  id: string,
  options: { note: string; json: boolean },
): Promise<number> {
  return withRuntime(context, async (runtime) => {
    const finding = await findOne(runtime, id)
    const [acted] = await acknowledgeFindings([finding.id], options.note, actDeps(runtime))
    if (acted === undefined || 'refused' in acted || !acted.changed)
      throw new RevenantError('CONFLICT', `the finding is ${finding.state}: only an open one can be acknowledged`)
    return done(
      context.io,
      options.json,
      { finding: finding.id, state: 'acknowledged' },
      'Acknowledged: no more reminders. It is still tried, and closes by itself when access is gone.',
    )
  })
}

export interface ExemptOptions {
  owner: string
  reason: string
  until: string
  json: boolean
}

/** `revenant findings exempt ID --owner WHO --reason TEXT --until INSTANT` */
export async function exempt(context: CommandContext, id: string, options: ExemptOptions): Promise<number> {
  const until = instantOf('--until', options.until)
  return withRuntime(context, async (runtime) => {
    const finding = await findOne(runtime, id)
    const now = runtime.now()
    if (Temporal.Instant.compare(until, now) <= 0)
      throw new RevenantError('INPUT_INVALID', '--until must lie in the future: an exemption has an end')
    await exemptFindings([finding.id], { owner: options.owner, reason: options.reason, until }, actDeps(runtime))
    return done(
      context.io,
      options.json,
      { finding: finding.id, owner: options.owner, reason: options.reason, until: until.toString() },
      `Exempt until ${until.toString()} (${span(until.epochMilliseconds - now.epochMilliseconds)}), owner ${options.owner}. It is still tried and recorded; after that it alerts again.`,
    )
  })
}

/** `revenant findings resolve ID --note TEXT`: for what is no longer tried and so cannot close by itself. */
export async function resolve(context: CommandContext, id: string, options: { note: string; json: boolean }): Promise<number> {
  return withRuntime(context, async (runtime) => {
    const finding = await findOne(runtime, id)
    await resolveFinding(finding.id, options.note, {
      ...actDeps(runtime),
      policy: runtime.config.policy,
      raise: runtime.raise,
    })
    const sentence = 'Resolved by hand: nothing tries it any more, and the record says that you closed it.'
    return done(context.io, options.json, { finding: finding.id, state: 'resolved' }, sentence)
  })
}

/** A finding by its id or the end of it, as lists show it. */
async function findOne(runtime: Runtime, id: string) {
  if (!/^[0-9a-f-]{4,36}$/i.test(id))
    throw new RevenantError('INPUT_INVALID', `"${id}" is no id of a finding: take one from \`revenant findings list\``)
  const found = await findFindingsByEnd(runtime.store.db, id.toLowerCase())
  const [first, second] = found
  if (first === undefined) throw new RevenantError('NOT_FOUND', `there is no finding ${id}`)
  if (second !== undefined) throw new RevenantError('INPUT_INVALID', `${id} fits more than one finding: give more of it`)
  return first
}

function actDeps({ store: { db }, now }: Runtime): ActDeps {
  return { db, actor: operator(), now }
}

function atLeastSeverity(severity: Severity): Severity[] {
  return SEVERITIES.slice(SEVERITIES.indexOf(severity))
}

export function oneOf<const T extends string>(option: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((each) => each === value)
  if (found === undefined) throw new RevenantError('INPUT_INVALID', `${option} ${value}: choose one of ${allowed.join(', ')}`)
  return found
}

export function instantOf(option: string, text: string): Temporal.Instant {
  try {
    return Temporal.Instant.from(text)
  } catch {
    const day = /^\d{4}-\d{2}-\d{2}$/.test(text)
      ? `: a day alone does not say in which time zone; for UTC give ${text}T00:00:00Z`
      : ' such as 2027-01-31T18:00:00Z or 2027-01-31T18:00:00+01:00'
    throw new RevenantError('INPUT_INVALID', `${option} must be an instant${day}`)
  }
}
