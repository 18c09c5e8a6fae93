import type { JSX } from 'preact'
import type { FindingDetail } from '../../api/schemas/finding.ts'
import { hrefOf } from '../place.ts'
import { may } from '../session.ts'
import { humane, KIND_LABELS } from '../words.ts'
import { Ago, At } from './moment.tsx'
import { Panel } from './panel.tsx'

export function About({ finding }: { finding: FindingDetail }): JSX.Element {
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

export function Proof({ finding: { proof, dedupKey } }: { finding: FindingDetail }): JSX.Element {
  return (
    <Panel title="Proof">
      <dl class="facts">
        <dt>Event</dt>
        <dd>
          {proof.event === null ? (
            <span class="soft">not in the log yet</span>
          ) : (
            <Entry place={proof.event} under={proof.checkpoint} />
          )}
        </dd>
        <dt>Observation</dt>
        <dd>
          {proof.observation === null ? (
            <span class="soft">–</span>
          ) : (
            <Entry place={proof.observation} under={proof.checkpoint} />
          )}
        </dd>
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

type ProofOf = FindingDetail['proof']

/** An entry of the log, and the file that proves it to whoever holds our key, once a checkpoint has it. */
function Entry({ place: { index }, under }: { place: NonNullable<ProofOf['event']>; under: ProofOf['checkpoint'] }): JSX.Element {
  const isProven = under !== null && index < under.size
  return (
    <span class="row">
      entry {index}
      {!may('evidence') ? undefined : isProven ? (
        <a href={`/v1/ledger/entries/${index}/proof`} download={`${index}.tlog-proof`}>
          Download its proof
        </a>
      ) : (
        <span class="soft">under no checkpoint yet</span>
      )}
    </span>
  )
}

export function Frameworks({ frameworks }: Pick<FindingDetail, 'frameworks'>): JSX.Element | null {
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
