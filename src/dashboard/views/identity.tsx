import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { ScanAnswer } from '../../api/schemas/actions.ts'
import type { HistoryItem, Identity, IdentityMatrix, MatrixCell } from '../../api/schemas/identity.ts'
import { act, instantOf, textOf } from '../act.ts'
import { send } from '../api.ts'
import { IdentityKindMark, StandingBadge } from '../parts/badge.tsx'
import { Ask } from '../parts/dialog.tsx'
import { eventLook } from '../parts/events.tsx'
import { Field } from '../parts/field.tsx'
import { Head } from '../parts/head.tsx'
import { Icon } from '../parts/icon.tsx'
import { Ago, At, Clock, Next } from '../parts/moment.tsx'
import { Panel } from '../parts/panel.tsx'
import { Empty, Ghosts, Problem, Shown } from '../parts/states.tsx'
import { List, More, Table } from '../parts/table.tsx'
import { say } from '../parts/toast.tsx'
import { hrefOf } from '../place.ts'
import { useList, useRead } from '../read.ts'
import { scanned } from '../scanned.ts'
import { may } from '../session.ts'
import { countOf, eventLabel, humane, KIND_LABELS } from '../words.ts'
import { Credentials, Stands } from './identities.tsx'

/** One person, service account or agent. */
export function IdentityView({ id }: { id: string }): JSX.Element {
  const reading = useRead<Identity>(`/v1/identities/${id}`, { topics: ['finding', 'operator', 'trial'] })
  const [asking, setAsking] = useState<'terminate' | 'reinstate'>()
  const identity = reading.value
  const scan = () => act<ScanAnswer>(`/v1/identities/${id}/scan`, scanned)
  return (
    <>
      <Head
        title={identity?.name ?? 'Identity'}
        up={{ href: hrefOf('identities'), label: 'Identities' }}
        lead={identity === undefined ? undefined : <Lead identity={identity} />}
      >
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
          <button type="button" class="button harm" onClick={() => setAsking('terminate')}>
            Terminate
          </button>
        )}
      </Head>
      <Shown reading={reading} rows={10}>
        {(value) => (
          <div class="stack">
            <Matrix id={id} identity={value} />
            <div class="columns">
              <History id={id} />
              <div class="stack">
                <About identity={value} />
                <Owned id={id} />
              </div>
            </div>
          </div>
        )}
      </Shown>
      {asking === undefined || identity === undefined ? undefined : (
        <AskStanding identity={identity} what={asking} onClose={() => setAsking(undefined)} onDone={reading.reload} />
      )}
    </>
  )
}

function Lead({ identity }: { identity: Identity }): JSX.Element {
  return (
    <div class="row">
      <Stands identity={identity} />
      <IdentityKindMark kind={identity.kind} />
      {identity.terminatedAt === null ? (
        <span>is here</span>
      ) : (
        <span>
          {identity.state === 'terminated' ? 'left ' : 'leaves '}
          <Ago at={identity.terminatedAt} />
        </span>
      )}
    </div>
  )
}

function AskStanding(props: {
  identity: Identity
  what: 'terminate' | 'reinstate'
  onClose(): void
  onDone(): void
}): JSX.Element {
  const { identity, what, onClose, onDone } = props
  const submit = async (form: FormData) => {
    const at = instantOf(form, 'at')
    const body = { reason: textOf(form, 'reason') ?? '', ...(what === 'terminate' && at !== undefined ? { at } : {}) }
    const { changed, dueNow } = await send<{ changed: boolean; dueNow: number }>(
      'POST',
      `/v1/identities/${identity.id}/${what}`,
      { body },
    )
    say(changed ? (dueNow > 0 ? `Done. ${countOf(dueNow, 'credential')} due now.` : 'Done.') : 'It stood so already.')
    onDone()
  }
  return (
    <Ask
      title={what === 'terminate' ? `${identity.name} has left` : `${identity.name} is back`}
      what={
        what === 'terminate' ? (
          <p>
            The clock starts: every credential that is known of it is tried at once, and again and again until it is proven
            closed.
          </p>
        ) : (
          <p>Its credentials rest: nothing of it is tried any more, and its open findings are closed.</p>
        )
      }
      action={what === 'terminate' ? 'Terminate' : 'Reinstate'}
      harm={what === 'terminate'}
      submit={submit}
      onClose={onClose}
    >
      {what === 'terminate' ? (
        <Field label="When" hint="In your own time zone. Left empty: now.">
          <input type="datetime-local" name="at" />
        </Field>
      ) : undefined}
      <Field label="Why, for the record">
        <textarea name="reason" required maxLength={1_000} />
      </Field>
    </Ask>
  )
}

/** Systems × credentials: what each says, how old that is, and the clock. */
function Matrix({ id, identity }: { id: string; identity: Identity }): JSX.Element {
  const reading = useRead<IdentityMatrix>(`/v1/identities/${id}/matrix`, { topics: ['finding', 'trial', 'operator'] })
  return (
    <Panel title="Where it is let in" note={<Credentials counts={identity.credentials} />} flush>
      <Shown reading={reading}>
        {({ rows, more }) => {
          const cells = rows.flatMap(({ system, credentials }) => credentials.map((cell) => ({ system, ...cell })))
          if (cells.length === 0)
            return (
              <Empty>
                <p class="strong">No credential of it is known.</p>
                <p>
                  Import what it held: keys, tokens, passwords, grants. <a href={hrefOf('setup')}>The guide</a> shows how.
                </p>
              </Empty>
            )
          return (
            <>
              <Table
                label="Systems and credentials"
                rows={cells}
                rowKey={({ credential }) => credential.id}
                columns={[
                  {
                    head: 'System',
                    cell: ({ system }) => (
                      <>
                        <a class="primary" href={hrefOf('systems', system.id)}>
                          {system.name}
                        </a>
                        {system.tier === 'critical' ? <span class="tag critical">critical</span> : undefined}
                      </>
                    ),
                  },
                  {
                    head: 'Credential',
                    cell: ({ credential, principal, privilege, shared }) => (
                      <>
                        <a href={hrefOf('credentials', credential.id)}>{credential.label}</a>{' '}
                        {privilege === 'standard' ? undefined : <span class="tag">{privilege}</span>}{' '}
                        {shared ? <span class="tag">shared</span> : undefined}
                        <span class="under">
                          {humane(credential.kind)}
                          {principal === null ? '' : `, ${principal}`}
                        </span>
                      </>
                    ),
                  },
                  { head: 'Verdict', cell: (cell) => <Verdict cell={cell} /> },
                  {
                    head: 'Age',
                    cell: ({ observedAt, dueAt }) => (
                      <>
                        {observedAt === null ? <span class="soft">never</span> : <Ago at={observedAt} />}
                        {dueAt === null ? undefined : (
                          <span class="under">
                            next <Next at={dueAt} />
                          </span>
                        )}
                      </>
                    ),
                  },
                  { head: 'Clock', cell: ({ deadline }) => <Clock deadline={deadline} /> },
                  {
                    head: 'Finding',
                    isVoid: ({ finding }) => finding === null,
                    cell: ({ finding }) =>
                      finding === null ? (
                        <span class="soft">–</span>
                      ) : (
                        <a href={hrefOf('findings', finding.id)}>{KIND_LABELS[finding.kind]}</a>
                      ),
                  },
                ]}
              />
              {more ? <p class="empty">It holds more credentials than are shown here.</p> : undefined}
            </>
          )
        }}
      </Shown>
    </Panel>
  )
}

function Verdict({ cell }: { cell: MatrixCell }): JSX.Element {
  return (
    <>
      <StandingBadge standing={cell.standing} />
      {cell.reason === null ? undefined : <span class="under">{humane(cell.reason)}</span>}
    </>
  )
}

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
        <dt>Left</dt>
        <dd>{identity.terminatedAt === null ? '–' : <At at={identity.terminatedAt} />}</dd>
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

/** What outlives its owner: service accounts and agents that it answers for. */
function Owned({ id }: { id: string }): JSX.Element {
  const list = useList<Identity>(`/v1/identities/${id}/owned`, { topics: ['finding', 'operator'] })
  return (
    <Panel title="Answers for" flush>
      <List
        label="Owned identities"
        list={list}
        rowKey={(owned) => owned.id}
        columns={[
          {
            head: 'Name',
            cell: (owned) => (
              <>
                <a class="primary" href={hrefOf('identities', owned.id)}>
                  {owned.name}
                </a>
                <span class="under">
                  <IdentityKindMark kind={owned.kind} />
                </span>
              </>
            ),
          },
          { head: 'Stands', cell: (owned) => <Stands identity={owned} /> },
        ]}
        empty={<p>No service account and no agent.</p>}
      />
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
