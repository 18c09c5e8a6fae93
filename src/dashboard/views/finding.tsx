import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { FindingDetail } from '../../api/schemas/finding.ts'
import { useKeys } from '../keys.ts'
import { Badge, ControlBadge, SeverityMark, StateBadge, VerdictBadge } from '../parts/badge.tsx'
import { Deliveries } from '../parts/deliveries.tsx'
import { ExemptionLine } from '../parts/exemption-line.tsx'
import { AskAcknowledge, AskExempt, AskResolve } from '../parts/finding-actions.tsx'
import { About, Frameworks, Proof } from '../parts/finding-facts.tsx'
import { Head } from '../parts/head.tsx'
import { Ago, At, Clock } from '../parts/moment.tsx'
import { Panel } from '../parts/panel.tsx'
import { Shown } from '../parts/states.tsx'
import { Timeline } from '../parts/timeline.tsx'
import { Trace } from '../parts/trace.tsx'
import { hrefOf } from '../place.ts'
import { useRead } from '../read.ts'
import { may } from '../session.ts'
import { ASSURANCE_LABELS, CONTROL_LABELS, humane } from '../words.ts'

/** One finding: what was seen, how far it is proven, what to do. */
export function FindingView({ id }: { id: string }): JSX.Element {
  const reading = useRead<FindingDetail>(`/v1/findings/${id}`, { topics: ['finding', 'delivery'] })
  const finding = reading.value
  const [asking, setAsking] = useState<'acknowledge' | 'exempt' | 'resolve'>()
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
            {finding.stillTried ? undefined : (
              <button type="button" class="button" onClick={() => setAsking('resolve')}>
                Resolve
              </button>
            )}
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
      {finding === undefined || asking === undefined ? undefined : asking === 'acknowledge' ? (
        <AskAcknowledge findings={[finding]} onClose={close} onDone={reading.reload} />
      ) : asking === 'exempt' ? (
        <AskExempt findings={[finding]} onClose={close} onDone={reading.reload} />
      ) : (
        <AskResolve finding={finding} onClose={close} onDone={reading.reload} />
      )}
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
      {isHandedOver(finding) ? <Badge look="plain" icon="pass" label="Handed over" title={HANDED_OVER} /> : undefined}
      {finding.deadline === null ? undefined : <Clock deadline={finding.deadline} />}
    </div>
  )
}

const HANDED_OVER = 'Until the date of the handover it may still work; from then on it must be refused'

/** An agreed handover runs: its date is to come. */
function isHandedOver({ kind, deadline }: FindingDetail): boolean {
  return kind === 'handover_overdue' && deadline?.state === 'running'
}

function Todo({ finding }: { finding: FindingDetail }): JSX.Element {
  return (
    <Panel title={finding.remediation.length === 0 ? 'What it was' : 'What to do'}>
      <div class="stack">
        <p>{finding.summary}</p>
        {finding.state === 'resolved' || finding.stillTried ? undefined : (
          <p class="said">
            Nothing tries any more what this is about: who it is about came back, or what it is about was taken off the list. No
            answer will close it; whoever knows that it is over resolves it by hand.
          </p>
        )}
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
  const { observation, controls, confirmation, traceId, traceUrl } = finding.evidence
  return (
    <Panel title="What it rests on" note={noteOf(finding)}>
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
              <VerdictBadge answer={observation} /> {humane(observation.reason)}, <At at={observation.observedAt} />
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
        <dd>{traceId === null ? '–' : <Trace id={traceId} url={traceUrl} />}</dd>
      </dl>
    </Panel>
  )
}

function noteOf({ state, stillTried }: FindingDetail): string | undefined {
  if (stillTried) return 'tried again and again; it closes by itself'
  return state === 'resolved' ? undefined : 'nothing is tried any more: it closes by hand'
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
