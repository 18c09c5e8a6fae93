import type { JSX } from 'preact'
import type { ScanAnswer } from '../../api/schemas/actions.ts'
import type { CredentialDetail } from '../../api/schemas/credential.ts'
import type { Observation } from '../../api/schemas/observation.ts'
import { act } from '../act.ts'
import { SeverityMark, StandingBadge, StateBadge, VerdictBadge } from '../parts/badge.tsx'
import { Head } from '../parts/head.tsx'
import { Life, LifeMarks } from '../parts/life.tsx'
import { At, Clock, MaybeAgo } from '../parts/moment.tsx'
import { Panel } from '../parts/panel.tsx'
import { SharedHolders } from '../parts/shared-holders.tsx'
import { Empty, Shown } from '../parts/states.tsx'
import { List } from '../parts/table.tsx'
import { hrefOf } from '../place.ts'
import { useList, useRead } from '../read.ts'
import { scanned } from '../scanned.ts'
import { may } from '../session.ts'
import { coarse } from '../time.ts'
import { figure, humane, KIND_LABELS, STANDINGS } from '../words.ts'

/** One credential: all but its secret. */
export function CredentialView({ id }: { id: string }): JSX.Element {
  const reading = useRead<CredentialDetail>(`/v1/credentials/${id}`, { topics: ['finding', 'trial', 'operator'] })
  const credential = reading.value
  return (
    <>
      <Head
        title={credential === undefined ? 'Credential' : `${credential.label} at ${credential.system.name}`}
        up={
          credential === undefined
            ? { href: hrefOf('identities'), label: 'Identities' }
            : { href: hrefOf('identities', credential.identity.id), label: credential.identity.name }
        }
        lead={
          credential === undefined ? undefined : (
            <div class="row">
              <StandingBadge standing={credential.standing} />
              <LifeMarks credential={credential} />
              <span>{STANDINGS[credential.standing].means}</span>
            </div>
          )
        }
      >
        {credential !== undefined && may('operate') && credential.dueAt !== null ? (
          <button type="button" class="button first" onClick={() => act<ScanAnswer>(`/v1/credentials/${id}/scan`, scanned)}>
            Scan now
          </button>
        ) : undefined}
      </Head>
      <Shown reading={reading} rows={10}>
        {(value) => (
          <div class="columns">
            <div class="stack">
              {value.shared ? <SharedHolders id={id} /> : undefined}
              <Observations id={id} />
            </div>
            <div class="stack">
              <Life credential={value} />
              <About credential={value} />
              <Findings findings={value.findings} />
            </div>
          </div>
        )}
      </Shown>
    </>
  )
}

function Observations({ id }: { id: string }): JSX.Element {
  const list = useList<Observation>(`/v1/credentials/${id}/observations`, { topics: ['trial'] })
  return (
    <Panel title="Every answer" note="the newest first" flush>
      <List
        label="Observations"
        list={list}
        rowKey={(observation) => observation.id}
        columns={[
          { head: 'When', cell: ({ observedAt }) => <At at={observedAt} /> },
          {
            head: 'Verdict',
            cell: (observation) => (
              <>
                <VerdictBadge answer={observation} />
                <span class="under">{humane(observation.reason)}</span>
              </>
            ),
          },
          {
            head: 'How sure',
            cell: ({ strength, assurance, confirmed }) => (
              <>
                {strength}, {assurance}
                {confirmed ? <span class="under">confirmed by a decoy</span> : undefined}
              </>
            ),
          },
          { head: 'Says it is', cell: ({ principal }) => principal ?? <span class="soft">–</span> },
          {
            head: 'On the wire',
            cell: ({ wire, latencyMs }) => (
              <>
                <span class="mono">
                  {Object.entries(wire)
                    .map(([name, value]) => `${name} ${value}`)
                    .join(', ') || '–'}
                </span>
                <span class="under">{Math.round(latencyMs)} ms</span>
              </>
            ),
          },
        ]}
        empty={<p>It has not been tried yet, or what was observed is past its retention.</p>}
      />
    </Panel>
  )
}

const SECRETS: Record<CredentialDetail['secret']['kept'], string> = {
  sealed: 'sealed here',
  reference: 'read from elsewhere when it is tried',
  none: 'shredded',
}

function About({ credential }: { credential: CredentialDetail }): JSX.Element {
  const { secret } = credential
  return (
    <Panel title="About">
      <dl class="facts">
        <dt>Identity</dt>
        <dd>
          <a href={hrefOf('identities', credential.identity.id)}>{credential.identity.name}</a>
        </dd>
        <dt>System</dt>
        <dd>
          <a href={hrefOf('systems', credential.system.id)}>{credential.system.name}</a>
        </dd>
        <dt>Kind</dt>
        <dd>
          {humane(credential.kind)} <span class="tag">{credential.privilege}</span>{' '}
          {credential.shared ? <span class="tag">shared</span> : undefined}
        </dd>
        <dt>Principal</dt>
        <dd>{credential.principal ?? '–'}</dd>
        <dt>Fingerprint</dt>
        <dd class="mono">{credential.fingerprint}</dd>
        <dt>Secret</dt>
        <dd>
          {SECRETS[secret.kept]}
          {secret.scheme === null ? '' : ` (${secret.scheme}:)`}, opens only for <span class="mono">{secret.origin}</span>
        </dd>
        <dt>Clock</dt>
        <dd>
          <Clock deadline={credential.deadline} />
        </dd>
        <dt>Revoked after</dt>
        <dd>{credential.revokedAfterMs === null ? '–' : coarse(credential.revokedAfterMs)}</dd>
        <dt>Next try</dt>
        <dd>
          <MaybeAgo at={credential.dueAt} otherwise="it is not tried" />
        </dd>
        <dt>Last accepted</dt>
        <dd>
          <MaybeAgo at={credential.acceptedAt} otherwise="never" />
        </dd>
        <dt>Proven refusals</dt>
        <dd>{figure(credential.rejections)} in a row</dd>
        <dt>Unproven answers</dt>
        <dd>{figure(credential.failures)} in a row</dd>
        <dt>Tries</dt>
        <dd>{figure(credential.attempts)}</dd>
      </dl>
    </Panel>
  )
}

function Findings({ findings }: Pick<CredentialDetail, 'findings'>): JSX.Element {
  return (
    <Panel title="Findings" flush>
      {findings.length === 0 ? (
        <Empty>
          <p>None.</p>
        </Empty>
      ) : (
        <ul class="events">
          {findings.map((finding) => (
            <li key={finding.id}>
              <span />
              <span class="what row">
                <a href={hrefOf('findings', finding.id)}>{KIND_LABELS[finding.kind]}</a>{' '}
                <SeverityMark severity={finding.severity} />
              </span>
              <StateBadge state={finding.state} exempted={finding.exempted} />
            </li>
          ))}
        </ul>
      )}
    </Panel>
  )
}
