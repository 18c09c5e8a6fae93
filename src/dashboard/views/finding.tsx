import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { FindingDetail } from '../../api/schemas/finding.ts'
import { useKeys } from '../keys.ts'
import { ControlBadge, SeverityMark, StateBadge, VerdictBadge } from '../parts/badge.tsx'
import { Deliveries } from '../parts/deliveries.tsx'
import { ExemptionLine } from '../parts/exemption-line.tsx'
import { AskAcknowledge, AskExempt } from '../parts/finding-actions.tsx'
import { Head } from '../parts/head.tsx'
import { Ago, At, Clock } from '../parts/moment.tsx'
import { Panel } from '../parts/panel.tsx'
import { Shown } from '../parts/states.tsx'
import { Timeline } from '../parts/timeline.tsx'
import { hrefOf } from '../place.ts'
import { useRead } from '../read.ts'
import { may } from '../session.ts'
import { ASSURANCE_LABELS, CONTROL_LABELS, humane, KIND_LABELS } from '../words.ts'

/** One finding: what was seen, how far it is proven, what to do. */
export function FindingView({ id }: { id: string }): JSX.Element {
  const reading = useRead<FindingDetail>(`/v1/findings/${id}`, { topics: ['finding', 'delivery'] })
  const finding = reading.value
  const [asking, setAsking] = useState<'acknowledge' | 'exempt'>()
  const open = finding !== undefined && finding.state !== 'resolved' && may('operate')
  useKeys({ a: () => open && setAsking('acknowledge'), e: () => open && setAsking('exempt') })
  const close = () => setAsking(undefined)
  return (
    <>
      <Head
        title={finding?.title ?? 'Finding'}
        up={{ href: hrefOf('findings'), label: 'Findings' }}
        lead={finding === undefined ? undefined : <Marks finding={finding} />}
      >
        {open ? (
          <>
            <button
              type="button"
              class="button first"
              disabled={finding.state === 'acknowledged'}
              onClick={() => setAsking('acknowledge')}
            >
              {finding.state === 'acknowledged' ? 'Acknowledged' : 'Acknowledge'}
            </button>
            <button type="button" class="button" onClick={() => setAsking('exempt')}>
              Exempt
            </button>
          </>
        ) : undefined}
      </Head>
      <Shown reading={reading} rows={12}>
        {(value) => (
          <div class="columns">
            <div class="stack">
              <Todo finding={value} />
              <Evidence finding={value} />
              <Timeline id={id} />
            </div>
            <div class="stack">
              <About finding={value} />
              <Proof finding={value} />
              <Panel
                title="Told to"
                note={value.deliveries.length === 0 ? 'nobody' : undefined}
                flush={value.deliveries.length > 0}
              >
                {value.deliveries.length === 0 ? (
                  <p class="soft">
                    No receiver takes it: none is configured for its severity or kind, or an exemption silences it.
                  </p>
                ) : (
                  <Deliveries deliveries={value.deliveries} />
                )}
              </Panel>
              <Frameworks frameworks={value.frameworks} />
            </div>
          </div>
        )}
      </Shown>
      {asking === 'acknowledge' ? <AskAcknowledge ids={[id]} onClose={close} onDone={reading.reload} /> : undefined}
      {asking === 'exempt' ? <AskExempt ids={[id]} onClose={close} onDone={reading.reload} /> : undefined}
    </>
  )
}

function Marks({ finding }: { finding: FindingDetail }): JSX.Element {
  return (
    <div class="row">
      <SeverityMark severity={finding.severity} />
      <StateBadge state={finding.state} exempted={finding.exempted} />
      <span>
        opened <Ago at={finding.openedAt} />
      </span>
      {finding.deadline === null ? undefined : <Clock deadline={finding.deadline} />}
    </div>
  )
}

function Todo({ finding }: { finding: FindingDetail }): JSX.Element {
  return (
    <Panel title={finding.remediation.length === 0 ? 'What it was' : 'What to do'}>
      <div class="stack">
        <p>{finding.summary}</p>
        {finding.remediation.length === 0 ? undefined : (
          <ol class="steps">
            {finding.remediation.map((step) => (
              <li key={step}>{step}</li>
            ))}
          </ol>
        )}
        {finding.runbook === null ? undefined : (
          <p>
            <a href={finding.runbook} rel="noopener noreferrer" target="_blank">
              Runbook of {finding.system?.name ?? 'the system'}
            </a>
          </p>
        )}
        {finding.exemptions.map((exemption) => (
          <ExemptionLine key={exemption.id} exemption={exemption} />
        ))}
      </div>
    </Panel>
  )
}

function Evidence({ finding }: { finding: FindingDetail }): JSX.Element {
  const { observation, controls, confirmation, traceId } = finding.evidence
  return (
    <Panel title="What it rests on" note={finding.stillTried ? 'tried again and again; it closes by itself' : undefined}>
      <dl class="facts">
        {observation === null ? (
          <>
            <dt>Answer</dt>
            <dd class="soft">
              A clock or a control speaks here, no answer about a credential; or the answer is past its retention.
            </dd>
          </>
        ) : (
          <>
            <dt>Answer</dt>
            <dd>
              <VerdictBadge verdict={observation.verdict} /> {humane(observation.reason)}, <At at={observation.observedAt} />
            </dd>
            <dt>Says it is</dt>
            <dd>{observation.principal ?? <span class="soft">it does not say</span>}</dd>
            <dt>On the wire</dt>
            <dd class="mono">
              {Object.entries(observation.wire)
                .map(([name, value]) => `${name} ${value}`)
                .join(', ') || '–'}{' '}
              <span class="soft">in {Math.round(observation.latencyMs)} ms</span>
            </dd>
            <dt>Assurance</dt>
            <dd>{ASSURANCE_LABELS[observation.assurance]}</dd>
          </>
        )}
        <dt>Confirmation</dt>
        <dd>
          {confirmation === null ? (
            <span class="soft">none</span>
          ) : (
            <>
              <ControlBadge control="same-principal" verdict={confirmation.verdict} />{' '}
              {confirmation.verdict === 'rejected'
                ? 'A made-up secret for the same account: it is this secret that opens the door.'
                : 'A made-up secret for the same account.'}{' '}
              <span class="soft">
                <Ago at={confirmation.at} />
              </span>
            </>
          )}
        </dd>
        {controls
          .filter(({ control }) => control !== 'same-principal')
          .map((control) => (
            <ControlFacts key={control.control} {...control} />
          ))}
        <dt>Trace</dt>
        <dd class="mono wrap">{traceId ?? '–'}</dd>
      </dl>
    </Panel>
  )
}

function ControlFacts({ control, verdict, reason, at }: FindingDetail['evidence']['controls'][number]): JSX.Element {
  return (
    <>
      <dt>{CONTROL_LABELS[control]}</dt>
      <dd>
        <ControlBadge control={control} verdict={verdict} /> {humane(reason)},{' '}
        <span class="soft">
          <Ago at={at} />
        </span>
      </dd>
    </>
  )
}

function About({ finding }: { finding: FindingDetail }): JSX.Element {
  const { identity, system, credential, kind, episode, lastSeenAt, acknowledgedAt, acknowledgedBy, resolvedAt, deadline } =
    finding
  return (
    <Panel title="About">
      <dl class="facts">
        <dt>Kind</dt>
        <dd>{KIND_LABELS[kind]}</dd>
        {identity === null ? undefined : (
          <>
            <dt>Identity</dt>
            <dd>
              <a href={hrefOf('identities', identity.id)}>{identity.name}</a>
            </dd>
            <dt>Left</dt>
            <dd>{identity.terminatedAt === null ? 'it is here' : <At at={identity.terminatedAt} />}</dd>
          </>
        )}
        {system === null ? undefined : (
          <>
            <dt>System</dt>
            <dd>
              <a href={hrefOf('systems', system.id)}>{system.name}</a>
              {system.owner === null ? undefined : <span class="soft"> · {system.owner}</span>}
            </dd>
          </>
        )}
        {credential === null ? undefined : (
          <>
            <dt>Credential</dt>
            <dd>
              <a href={hrefOf('credentials', credential.id)}>{credential.label}</a>{' '}
              <span class="soft">{humane(credential.kind)}</span>
            </dd>
            <dt>Fingerprint</dt>
            <dd class="mono">{credential.fingerprint}</dd>
          </>
        )}
        {deadline === null ? undefined : (
          <>
            <dt>Due closed</dt>
            <dd>
              <At at={deadline.revokeBy} />
            </dd>
          </>
        )}
        <dt>Opened</dt>
        <dd>
          <At at={finding.openedAt} />
          {episode > 1 ? `, episode ${episode}` : ''}
        </dd>
        <dt>Last seen</dt>
        <dd>
          <At at={lastSeenAt} />
        </dd>
        {acknowledgedAt === null ? undefined : (
          <>
            <dt>Acknowledged</dt>
            <dd>
              <At at={acknowledgedAt} /> by {acknowledgedBy}
            </dd>
          </>
        )}
        {resolvedAt === null ? undefined : (
          <>
            <dt>Resolved</dt>
            <dd>
              <At at={resolvedAt} />
            </dd>
          </>
        )}
      </dl>
    </Panel>
  )
}

function Proof({ finding: { proof, dedupKey } }: { finding: FindingDetail }): JSX.Element {
  return (
    <Panel title="Proof">
      <dl class="facts">
        <dt>Event</dt>
        <dd>{proof.event === null ? <span class="soft">not in the log yet</span> : `entry ${proof.event.index}`}</dd>
        <dt>Observation</dt>
        <dd>{proof.observation === null ? <span class="soft">–</span> : `entry ${proof.observation.index}`}</dd>
        <dt>Checkpoint</dt>
        <dd>
          {proof.checkpoint === null ? (
            <span class="soft">none yet</span>
          ) : (
            <a href={hrefOf('evidence')}>
              {proof.checkpoint.size} entries, <Ago at={proof.checkpoint.at} />
            </a>
          )}
        </dd>
        <dt>Alert key</dt>
        <dd class="mono">{dedupKey}</dd>
      </dl>
    </Panel>
  )
}

function Frameworks({ frameworks }: Pick<FindingDetail, 'frameworks'>): JSX.Element | null {
  const named = Object.entries(frameworks)
  if (named.length === 0) return null
  return (
    <Panel title="Requirements">
      <dl class="facts">
        {named.map(([framework, controls]) => (
          <>
            <dt key={framework}>{humane(framework)}</dt>
            <dd>{controls.join(', ')}</dd>
          </>
        ))}
      </dl>
    </Panel>
  )
}
