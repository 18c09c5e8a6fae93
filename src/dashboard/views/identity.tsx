import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { ScanAnswer } from '../../api/schemas/actions.ts'
import type { HistoryItem, Identity } from '../../api/schemas/identity.ts'
import { act } from '../act.ts'
import { IdentityKindMark } from '../parts/badge.tsx'
import { eventLook } from '../parts/events.tsx'
import { Handovers } from '../parts/handovers.tsx'
import { Head } from '../parts/head.tsx'
import { Icon } from '../parts/icon.tsx'
import { LastLooks } from '../parts/last-looks.tsx'
import { Matrix } from '../parts/matrix.tsx'
import { Ago, At } from '../parts/moment.tsx'
import { OwnedTree } from '../parts/owned-tree.tsx'
import { AskHandOver, AskTransfer } from '../parts/ownership-actions.tsx'
import { Panel } from '../parts/panel.tsx'
import { SourceWords } from '../parts/source-words.tsx'
import { AskStanding } from '../parts/standing-actions.tsx'
import { StandingGrants } from '../parts/standing-grants.tsx'
import { Stands } from '../parts/stands.tsx'
import { Empty, Ghosts, Problem, Shown } from '../parts/states.tsx'
import { More } from '../parts/table.tsx'
import { hrefOf } from '../place.ts'
import { useList, useRead } from '../read.ts'
import { scanned } from '../scanned.ts'
import { may } from '../session.ts'
import { eventLabel, humane, KIND_LABELS } from '../words.ts'

/** One person, service account or agent. */
export function IdentityView({ id }: { id: string }): JSX.Element {
  const reading = useRead<Identity>(`/v1/identities/${id}`, { topics: ['finding', 'operator', 'trial'] })
  const [asking, setAsking] = useState<'terminate' | 'reinstate' | 'transfer' | 'hand-over'>()
  const identity = reading.value
  const scan = () => act<ScanAnswer>(`/v1/identities/${id}/scan`, scanned)
  return (
    <>
      <Head
        title={identity?.name ?? 'Identity'}
        up={{ href: hrefOf('identities'), label: 'Identities' }}
        lead={identity === undefined ? undefined : <Lead identity={identity} />}
      >
        {identity?.state === 'terminated' && may('evidence') ? (
          <a class="button" href={hrefOf('evidence', 'leaver', { identity: identity.externalId })}>
            Statement
          </a>
        ) : undefined}
        {identity === undefined || !may('operate') || identity.kind === 'human' ? undefined : (
          <button type="button" class="button" onClick={() => setAsking('transfer')}>
            Transfer
          </button>
        )}
        {identity === undefined || !may('operate') || identity.terminatedAt === null ? undefined : (
          <button type="button" class="button" onClick={() => setAsking('hand-over')}>
            Hand over
          </button>
        )}
        {identity === undefined || !may('operate') ? undefined : identity.state === 'terminated' ? (
          <>
            <button type="button" class="button first" onClick={scan}>
              Scan now
            </button>
            <button type="button" class="button" onClick={() => setAsking('reinstate')}>
              Reinstate
            </button>
          </>
        ) : (
          <>
            <button type="button" class="button harm" onClick={() => setAsking('terminate')}>
              Terminate
            </button>
            {identity.terminatedAt === null ? undefined : (
              <button type="button" class="button" onClick={() => setAsking('reinstate')}>
                Reinstate
              </button>
            )}
          </>
        )}
      </Head>
      <Shown reading={reading} rows={10}>
        {(value) => (
          <div class="stack">
            <Matrix id={id} identity={value} />
            <div class="columns">
              <div class="stack">
                <Handovers id={id} />
                <StandingGrants id={id} left={value.state === 'terminated'} />
                <LastLooks id={id} left={value.state === 'terminated'} />
                <History id={id} />
              </div>
              <div class="stack">
                <About identity={value} />
                <SourceWords identity={value} />
                <OwnedTree id={id} />
              </div>
            </div>
          </div>
        )}
      </Shown>
      {asking === undefined || identity === undefined ? undefined : (
        <Asking what={asking} identity={identity} onClose={() => setAsking(undefined)} onDone={reading.reload} />
      )}
    </>
  )
}

interface AskingProps {
  what: 'terminate' | 'reinstate' | 'transfer' | 'hand-over'
  identity: Identity
  onClose(): void
  onDone(): void
}

function Asking({ what, ...props }: AskingProps): JSX.Element {
  if (what === 'transfer') return <AskTransfer {...props} />
  return what === 'hand-over' ? <AskHandOver {...props} /> : <AskStanding what={what} {...props} />
}

function Lead({ identity }: { identity: Identity }): JSX.Element {
  return (
    <div class="row">
      <Stands identity={identity} />
      <IdentityKindMark kind={identity.kind} />
      {identity.terminatedAt === null ? (
        <span>
          {identity.suspendedAt === null ? 'is here' : 'suspended '}
          {identity.suspendedAt === null ? undefined : <Ago at={identity.suspendedAt} />}
        </span>
      ) : (
        <span>
          {identity.state === 'terminated' ? 'left ' : 'leaves '}
          <Ago at={identity.terminatedAt} />
        </span>
      )}
    </div>
  )
}

/** Systems × credentials: what each says, how old that is, and the clock. */
function About({ identity }: { identity: Identity }): JSX.Element {
  return (
    <Panel title="About">
      <dl class="facts">
        <dt>External id</dt>
        <dd class="mono">{identity.externalId}</dd>
        <dt>E-mail</dt>
        <dd>{identity.email ?? '–'}</dd>
        <dt>Owner</dt>
        <dd>
          {identity.owner === null ? (
            (identity.ownerExternalId ?? '–')
          ) : (
            <a href={hrefOf('identities', identity.owner.id)}>{identity.owner.name}</a>
          )}
        </dd>
        <dt>{identity.state === 'active' && identity.terminatedAt !== null ? 'Leaves' : 'Left'}</dt>
        <dd>{identity.terminatedAt === null ? '–' : <At at={identity.terminatedAt} />}</dd>
        {identity.suspendedAt === null ? undefined : (
          <>
            <dt>Suspended</dt>
            <dd>
              <At at={identity.suspendedAt} />
            </dd>
          </>
        )}
        <dt>Source</dt>
        <dd>{identity.source}</dd>
        <dt>Known since</dt>
        <dd>
          <At at={identity.createdAt} />
        </dd>
        <dt>Last changed</dt>
        <dd>
          <At at={identity.updatedAt} />
        </dd>
      </dl>
    </Panel>
  )
}

function History({ id }: { id: string }): JSX.Element {
  const list = useList<HistoryItem>(`/v1/identities/${id}/history`, { topics: ['finding', 'operator'] })
  const { items, error } = list
  return (
    <Panel title="History" flush>
      {error === undefined ? undefined : <Problem error={error} retry={list.reload} />}
      {items === undefined ? (
        error === undefined ? (
          <Ghosts />
        ) : undefined
      ) : items.length === 0 ? (
        <Empty>
          <p>Nothing has happened yet.</p>
        </Empty>
      ) : (
        <>
          <ol class="events">
            {items.map((item) => {
              const { icon, look } = eventLook(item.event)
              return (
                <li key={item.id} class={look}>
                  <Icon name={icon} />
                  <span class="what">
                    {item.finding === null ? (
                      <b>{humane(item.event.replace('.', ' '))}</b>
                    ) : (
                      <>
                        <a href={hrefOf('findings', item.finding.id)}>{KIND_LABELS[item.finding.kind]}</a>{' '}
                        {eventLabel(item.event)}
                      </>
                    )}
                    {item.system === null ? undefined : ` at ${item.system.name}`}
                    {item.actor === null ? undefined : <span class="soft"> by {item.actor}</span>}
                  </span>
                  <span class="when">
                    <Ago at={item.at} />
                  </span>
                  {item.note === null ? undefined : <span class="note">{item.note}</span>}
                </li>
              )
            })}
          </ol>
          <More list={list} />
        </>
      )}
    </Panel>
  )
}
