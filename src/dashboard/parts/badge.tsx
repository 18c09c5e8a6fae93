import type { JSX } from 'preact'
import type { Control } from '../../domain/control.ts'
import type { FindingKind, FindingState, Severity } from '../../domain/finding.ts'
import { SEVERITIES } from '../../domain/finding.ts'
import type { IdentityKind } from '../../domain/identity.ts'
import type { Standing } from '../../domain/standing.ts'
import type { Verdict } from '../../domain/verdict.ts'
import {
  type Answer,
  answerLook,
  IDENTITY_KIND_LABELS,
  KIND_LABELS,
  type Look,
  SEVERITY_LABELS,
  STANDINGS,
  STATE_LABELS,
  VERDICTS,
} from '../words.ts'
import { Icon, type IconName } from './icon.tsx'

const ICONS: Record<Look, IconName> = {
  open: 'door',
  closed: 'shut',
  doubt: 'question',
  none: 'dash',
  plain: 'dash',
}

/** Icon, word and colour: none of them alone tells what it is. */
export function Badge({ look, label, title, icon }: { look: Look; label: string; title?: string; icon?: IconName }): JSX.Element {
  return (
    <span class={`badge ${look}`} title={title}>
      <Icon name={icon ?? ICONS[look]} />
      {label}
    </span>
  )
}

export function StandingBadge({ standing }: { standing: Standing }): JSX.Element {
  const { label, look, means } = STANDINGS[standing]
  return <Badge look={look} label={label} title={means} />
}

export function VerdictBadge({ answer }: { answer: Answer }): JSX.Element {
  return <Badge {...answerLook(answer)} />
}

/** The icon that goes with a look. */
export function lookIcon(look: Look): IconName {
  return ICONS[look]
}

/** A control passed where it was refused or accepted as it must be; otherwise nothing beside it proves anything. */
export function ControlBadge({ control, verdict }: { control: Control; verdict: Verdict }): JSX.Element {
  const must: Verdict = control === 'canary' ? 'accepted' : 'rejected'
  const { label } = VERDICTS[verdict]
  if (verdict === must)
    return (
      <>
        <Badge look="plain" icon="check" label={label} /> <span class="soft">as it must be:</span>
      </>
    )
  return <Badge look={verdict === 'accepted' ? 'open' : 'doubt'} label={label} />
}

/** Bars that rise with the severity, and its word. */
export function SeverityMark({ severity }: { severity: Severity }): JSX.Element {
  const rank = SEVERITIES.indexOf(severity)
  return (
    <span class={`severity ${severity}`}>
      <svg viewBox="0 0 20 14" aria-hidden="true">
        {SEVERITIES.map((each, at) => (
          <rect
            key={each}
            x={at * 4}
            y={10 - at * 2.4}
            width="3"
            height={4 + at * 2.4}
            rx="0.8"
            fill="currentColor"
            opacity={at <= rank ? 1 : 0.22}
          />
        ))}
      </svg>
      {SEVERITY_LABELS[severity]}
    </span>
  )
}

export function StateBadge({ state, exempted }: { state: FindingState; exempted: boolean }): JSX.Element {
  if (state === 'resolved') return <Badge look="closed" label={STATE_LABELS.resolved} icon="check" />
  if (exempted) return <Badge look="plain" label="Exempted" icon="mute" title="It is tried and recorded, and not alerted" />
  if (state === 'acknowledged') return <Badge look="plain" label={STATE_LABELS.acknowledged} icon="check" />
  return <Badge look="open" label={STATE_LABELS.open} icon="bolt" />
}

const KIND_ICONS: Record<IdentityKind, IconName> = { human: 'person', service: 'service', agent: 'agent' }

export function IdentityKindMark({ kind }: { kind: IdentityKind }): JSX.Element {
  return (
    <span class="kind">
      <Icon name={KIND_ICONS[kind]} />
      {IDENTITY_KIND_LABELS[kind]}
    </span>
  )
}

export function kindLabel(kind: FindingKind): string {
  return KIND_LABELS[kind]
}
