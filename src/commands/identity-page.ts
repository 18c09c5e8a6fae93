import { RevenantError } from '../domain/error.ts'
import { type FindingListing, listFindings } from '../store/finding.ts'
import { handoverPage, type ToldHandover } from '../store/handover.ts'
import {
  holdings,
  identitiesCalled,
  identityPage,
  type ToldHolding,
  type ToldIdentity,
  toldIdentity,
} from '../store/identity-page.ts'
import { type ToldSubject, toldSubjects } from '../store/subject-page.ts'
import { type CommandContext, withRuntime } from './context.ts'
import { EXIT, type Io, json, line, style } from './io.ts'
import { ago, span, table } from './table.ts'
import { recordView } from './view.ts'

/** Rows of each part: more than a person has. */
const MOST = 500

interface Page {
  identity: ToldIdentity
  sources: ToldSubject[]
  paths: ToldHolding[]
  findings: FindingListing[]
  owned: ToldIdentity[]
  handovers: ToldHandover[]
}

/** `revenant identities show NAME`: everything about one identity. By external id or id, else by its e-mail address or its name. */
export async function show(context: CommandContext, name: string, options: { json: boolean }): Promise<number> {
  return withRuntime(context, async (runtime) => {
    const { db } = runtime.store
    const now = runtime.now()
    const [id, other] = await identitiesCalled(db, name)
    if (id === undefined) throw new RevenantError('NOT_FOUND', `nobody is called ${JSON.stringify(name)}`)
    if (other !== undefined) throw new RevenantError('INPUT_INVALID', 'several go by that name: give the external id')
    const identity = await toldIdentity(db, id, now)
    if (identity === undefined) throw new RevenantError('NOT_FOUND', `nobody is called ${JSON.stringify(name)}`)
    await recordView(runtime, { action: 'identities.view', subject: identity.externalId })
    const { externalId } = identity
    const page: Page = {
      identity,
      sources: await toldSubjects(db, id, now, MOST),
      paths: await holdings(db, id, runtime.config.policy.revokeWithinMs, now, MOST),
      findings: await listFindings(db, { identity: externalId, state: 'unresolved', limit: MOST }),
      owned: withoutKeys(await identityPage(db, { owner: externalId }, { sort: 'name', after: undefined, limit: MOST }, now)),
      handovers: withoutKeys(
        await handoverPage(db, { identityId: id }, { sort: '-createdAt', after: undefined, limit: MOST }, now),
      ),
    }
    if (options.json) json(context.io, page)
    else print(context.io, page, now)
    return EXIT.ok
  })
}

function withoutKeys<Row extends { keys: string[] }>(rows: readonly Row[]): Omit<Row, 'keys'>[] {
  return rows.map(({ keys: _, ...row }) => row)
}

function print(io: Io, { identity, sources, paths, findings, owned, handovers }: Page, now: Temporal.Instant): void {
  const since = (instant: string | null) => ago(now, instant === null ? null : Temporal.Instant.from(instant))
  const { externalId, kind, email, owner, ownerExternalId, terminatedAt, state } = identity
  line(io, style(io, 'bold', identity.name))
  line(io, [externalId, kind, email, `from ${identity.source}`].filter((part) => part !== null).join(' · '))
  line(
    io,
    terminatedAt === null ? 'is here' : `${state === 'terminated' ? 'left' : 'leaves'} ${since(terminatedAt)} (${terminatedAt})`,
  )
  if (kind !== 'human') line(io, ownerLine(owner, ownerExternalId))
  section(io, 'What sources say', ['SOURCE', 'SAYS', 'LEFT', 'SAID', 'WAITING'], sources, (row) => [
    `${row.source.name}${row.source.retired ? ' (removed)' : row.source.silent ? ' (silent)' : ''}`,
    ...[row.standing, since(row.terminatedAt), since(row.saidAt), row.held === 0 ? '' : String(row.held)],
  ])
  section(
    io,
    'Paths',
    ['SYSTEM', 'CREDENTIAL', 'PRIVILEGE', 'STANDS', 'ANSWER', 'SEEN', 'CLOCK', 'NEXT'],
    paths,
    (row) => [
      ...[row.system.name, row.credential.label, `${row.privilege}${row.shared ? ', shared' : ''}`, row.standing],
      ...[row.reason ?? '-', since(row.observedAt), clock(row, now), since(row.dueAt)],
    ],
    'It holds nothing that is known.',
  )
  section(io, 'Open findings', ['ID', 'SEVERITY', 'STATE', 'FINDING', 'WHERE', 'OPENED'], findings, (row) => [
    ...[row.id.slice(-8), row.severity, row.state, row.kind],
    ...[row.system ?? row.identity ?? '-', ago(now, row.opened_at)],
  ])
  section(io, 'Answers for', ['EXTERNAL ID', 'KIND', 'NAME', 'LEFT', 'OPEN'], owned, (row) => [
    ...[row.externalId, row.kind, row.name, since(row.terminatedAt), String(row.credentials.open)],
  ])
  section(io, 'Handovers', ['FROM', 'TO', 'STATE', 'BY', 'REFUSED', 'OPEN'], handovers, (row) => [
    ...[row.leaver.externalId, row.receiver.externalId, row.state, since(row.by)],
    ...[`${row.credentials.refused} of ${row.credentials.total}`, String(row.credentials.open)],
  ])
}

function ownerLine(owner: ToldIdentity['owner'], externalId: string | null): string {
  if (owner === null) return externalId === null ? 'nobody answers for it' : `${externalId} answers for it, who is not known here`
  return `${owner.name} (${owner.externalId}) answers for it${owner.terminatedAt === null ? '' : `; left or leaves ${owner.terminatedAt}`}`
}

function section<Row>(
  io: Io,
  title: string,
  headers: readonly string[],
  rows: readonly Row[],
  cells: (row: Row) => string[],
  empty?: string,
): void {
  if (rows.length === 0 && empty === undefined) return
  line(io)
  line(io, style(io, 'bold', title))
  if (rows.length === 0) line(io, empty ?? '')
  else io.out(table(io, headers, rows.map(cells)))
}

/** How long there is to the deadline, or how late it is. */
function clock({ deadline }: ToldHolding, now: Temporal.Instant): string {
  if (deadline === null) return '-'
  const by = Temporal.Instant.from(deadline.revokeBy).epochMilliseconds
  if (deadline.closedAt !== null) {
    const lateMs = Temporal.Instant.from(deadline.closedAt).epochMilliseconds - by
    return deadline.state === 'late' ? `closed ${span(lateMs)} late` : 'closed in time'
  }
  const leftMs = by - now.epochMilliseconds
  return leftMs < 0 ? `${span(-leftMs)} overdue` : `${span(leftMs)} left`
}
