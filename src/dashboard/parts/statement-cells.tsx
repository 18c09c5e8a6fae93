import type { JSX } from 'preact'
import { FINDING_KINDS, SEVERITIES } from '../../domain/finding.ts'
import { IDENTITY_KINDS } from '../../domain/identity.ts'
import { STANDINGS as STANDING_NAMES } from '../../domain/standing.ts'
import { ASSURANCES, VERDICTS as VERDICT_NAMES } from '../../domain/verdict.ts'
import { hrefOf } from '../place.ts'
import { numberAt, type StatementRow, textAt } from '../statement.ts'
import { coarse } from '../time.ts'
import { ASSURANCE_LABELS, figure, humane, IDENTITY_KIND_LABELS, KIND_LABELS } from '../words.ts'
import { Badge, SeverityMark, StandingBadge, VerdictBadge } from './badge.tsx'
import { At } from './moment.tsx'

/** A cell of a statement holds what an auditor's file holds: codes and numbers. Here they become what the rest of the page shows. */
interface Cell {
  row: StatementRow
}

const NOTHING = <span class="soft">–</span>

export function When({ row, at }: Cell & { at: string }): JSX.Element {
  const text = textAt(row, at)
  return text === undefined ? NOTHING : <At at={text} />
}

export function Words({ row, at }: Cell & { at: string }): JSX.Element {
  const text = textAt(row, at)
  return text === undefined ? NOTHING : <span class="wrap">{text}</span>
}

/** A code as words: `no_worker` as `no worker`. */
export function Code({ row, at }: Cell & { at: string }): JSX.Element {
  const text = textAt(row, at)
  return text === undefined ? NOTHING : <span>{humane(text)}</span>
}

export function Count({ row, at }: Cell & { at: string }): JSX.Element {
  const count = numberAt(row, at)
  return count === undefined ? NOTHING : <span>{figure(count)}</span>
}

export function Span({ row, at }: Cell & { at: string }): JSX.Element {
  const ms = numberAt(row, at)
  return ms === undefined ? NOTHING : <span class="nowrap">{coarse(ms)}</span>
}

/** Who left and when, and the way to the statement about him alone. */
export function Who({ row }: Cell): JSX.Element {
  const [id, name, left] = [textAt(row, 'external_id'), textAt(row, 'name'), textAt(row, 'left_at')]
  const kind = IDENTITY_KINDS.find((each) => each === row.kind)
  if (id === undefined) return NOTHING
  return (
    <span class="cell-wide">
      <a class="primary" href={hrefOf('evidence', 'leaver', { identity: id })}>
        {name ?? id}
      </a>
      <span class="under">
        {id}
        {kind === undefined || kind === 'human' ? undefined : `, ${IDENTITY_KIND_LABELS[kind]}`}
      </span>
      {left === undefined ? undefined : (
        <span class="under">
          left <At at={left} />
        </span>
      )}
    </span>
  )
}

export function System({ row }: Cell): JSX.Element {
  const name = textAt(row, 'system')
  if (name === undefined) return NOTHING
  return (
    <span class="cell-wide">
      <b class="wrap">{name}</b> {row.tier === 'critical' ? <span class="tag critical">critical</span> : undefined}
    </span>
  )
}

export function Held({ row }: Cell): JSX.Element {
  const [label, principal, privilege] = [textAt(row, 'credential'), textAt(row, 'principal'), textAt(row, 'privilege')]
  if (label === undefined) return NOTHING
  return (
    <>
      <span class="wrap">{label}</span>{' '}
      {privilege === undefined || privilege === 'standard' ? undefined : <span class="tag">{privilege}</span>}
      {principal === undefined ? undefined : <span class="under">{principal}</span>}
    </>
  )
}

/** How a path stands. Somebody of whom no path is known has none that stands anyhow. */
export function Stand({ row }: Cell): JSX.Element {
  const standing = STANDING_NAMES.find((each) => each === row.state)
  if (row.state === 'expired')
    return <span title="Past its own date, and not proven closed: its secret is destroyed.">Expired, not proven</span>
  if (standing === undefined || textAt(row, 'system') === undefined) return <span class="soft">no credential of it is known</span>
  return <StandingBadge standing={standing} />
}

/** When a path was proven closed, and how long that took of what policy allows. */
export function Closed({ row }: Cell): JSX.Element {
  const [at, took, allowed] = [textAt(row, 'closed_at'), numberAt(row, 'took_ms'), numberAt(row, 'allowed_ms')]
  const { in_time: inTime, state } = row
  if (textAt(row, 'system') === undefined || state === 'retired') return NOTHING
  return (
    <span class="cell-wide">
      {at === undefined || state !== 'closed' ? <span class="soft">not proven</span> : <At at={at} />}
      <span class="under">
        {state !== 'closed' || took === undefined ? undefined : `took ${coarse(took)}, `}
        {allowed === undefined ? undefined : `${coarse(allowed)} allowed: `}
        {inTime === false ? <b>late</b> : inTime === true ? 'in time' : 'still in time'}
      </span>
    </span>
  )
}

export function LastAnswer({ row }: Cell): JSX.Element {
  const verdict = VERDICT_NAMES.find((each) => each === row.last_verdict)
  const assurance = ASSURANCES.find((each) => each === row.assurance)
  const [reason, at] = [textAt(row, 'last_reason'), textAt(row, 'last_checked_at')]
  if (verdict === undefined) return <span class="soft">none</span>
  return (
    <>
      {/* A row does not say how strong the answer was: it proves what its path stands for. */}
      <VerdictBadge answer={{ verdict, assurance: assurance ?? 'none', strength: row.state === 'closed' ? 'strong' : 'weak' }} />{' '}
      {reason === undefined ? undefined : humane(reason)}
      <span class="under">
        {at === undefined ? undefined : <At at={at} />}
        {assurance === undefined ? undefined : `, ${ASSURANCE_LABELS[assurance]}`}
      </span>
    </>
  )
}

/** A kind of finding, and the finding where the row is one. */
export function FindingKind({ row, at, id }: Cell & { at: string; id?: string | undefined }): JSX.Element {
  const kind = FINDING_KINDS.find((each) => each === row[at])
  const words = kind === undefined ? 'Any finding' : KIND_LABELS[kind]
  return id === undefined ? (
    <span>{words}</span>
  ) : (
    <a class="primary" href={hrefOf('findings', id)}>
      {words}
    </a>
  )
}

export function Severe({ row }: Cell): JSX.Element {
  const severity = SEVERITIES.find((each) => each === row.severity)
  return severity === undefined ? NOTHING : <SeverityMark severity={severity} />
}

/** What an exemption names. */
export function Covers({ row }: Cell): JSX.Element {
  const things = [textAt(row, 'credential'), textAt(row, 'name'), textAt(row, 'system')].filter((each) => each !== undefined)
  return (
    <>
      <span class="strong">
        <FindingKind row={row} at="finding_kind" /> about {things.join(' at ') || 'anything'}
      </span>
      <span class="under">{textAt(row, 'reason')}</span>
    </>
  )
}

/** Until when something holds, and whether it was taken back before. */
export function Until({ row }: Cell): JSX.Element {
  const [from, to, revoked] = [textAt(row, 'starts_at'), textAt(row, 'ends_at'), textAt(row, 'revoked_at')]
  return (
    <>
      {from === undefined ? undefined : <At at={from} />}
      <span class="under">
        {revoked !== undefined ? (
          <>
            taken back <At at={revoked} />
          </>
        ) : to === undefined ? undefined : (
          <>
            until <At at={to} />
          </>
        )}
      </span>
    </>
  )
}

export function Facts({ row }: Cell): JSX.Element {
  const { detail } = row
  if (typeof detail !== 'object' || detail === null) return NOTHING
  const facts = Object.entries(detail).map(
    ([name, value]) => `${humane(name)}: ${typeof value === 'string' ? value : JSON.stringify(value)}`,
  )
  return facts.length === 0 ? NOTHING : <span class="small wrap">{facts.join('; ')}</span>
}

/** Whether somebody took note of a finding, and whether it is exempted. */
export function Noted({ row }: Cell): JSX.Element {
  const by = textAt(row, 'acknowledged_by')
  if (row.exempted === true) return <Badge look="plain" label="Exempted" icon="mute" />
  return by === undefined ? <span class="soft">nobody</span> : <span class="wrap">{by}</span>
}
