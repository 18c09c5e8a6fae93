import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { Source, Statement } from '../../api/schemas/source.ts'
import { ApiError } from '../api.ts'
import { type MassGroup, massGroups, whomOf } from '../held.ts'
import { filters } from '../navigate.ts'
import { Badge } from '../parts/badge.tsx'
import { AskDecide, AskDecideAll, People, readGroup } from '../parts/decide.tsx'
import { FilterSelect, FilterText } from '../parts/field.tsx'
import { Head } from '../parts/head.tsx'
import { Ago } from '../parts/moment.tsx'
import { Panel } from '../parts/panel.tsx'
import { Problem } from '../parts/states.tsx'
import { type Column, List } from '../parts/table.tsx'
import { IdentityTabs } from '../parts/tabs.tsx'
import { say } from '../parts/toast.tsx'
import { hrefOf } from '../place.ts'
import { useList, useRead } from '../read.ts'
import { may } from '../session.ts'
import { REASON_LABELS, SAYS_LABELS, STATEMENT_STATES } from '../source-words.ts'
import { countOf } from '../words.ts'

interface Page {
  items: Statement[]
  next: string | null
}

type Asking = { statement: Statement } | { group: MassGroup; what: 'apply' | 'dismiss' }

const STANDARD = 'held'
/** Enough to show any event; whoever decides about all of it reads the rest. */
const MOST = 500
const PATH = '/v1/source-statements'

/** What sources said that waits for a person; by its filters, everything that they said. */
export function WaitingView(): JSX.Element {
  const { state = STANDARD, reason = '', source, identity } = filters()
  const isHeld = state === STANDARD
  const query = { state: state === 'any' ? undefined : state, source, identity }
  const hasMass = isHeld && (reason === '' || reason === 'mass_event')
  const hasRest = !isHeld || reason !== 'mass_event'
  const mass = useRead<Page>(hasMass ? PATH : undefined, {
    query: { ...query, reason: 'mass_event', limit: MOST },
    topics: ['operator'],
  })
  const rest = useList<Statement>(hasRest ? PATH : undefined, {
    // Mass events stand above, each as one.
    query: { ...query, reason: isHeld && reason === '' ? 'ask,identifier_reuse,named_elsewhere' : reason },
    topics: ['operator'],
  })
  const [asking, setAsking] = useState<Asking>()
  const [cursor, setCursor] = useState<string>()
  const groups = massGroups(mass.value?.items ?? [])
  const reload = () => {
    mass.reload()
    rest.reload()
  }
  const open = (id: string) => {
    const statement = rest.items?.find((each) => each.id === id)
    if (statement !== undefined && isOpen(statement)) setAsking({ statement })
  }
  return (
    <>
      <Head
        title="Waiting for you"
        lead="What sources said of people and nobody acts upon before a person has decided. The clock of whoever has left runs meanwhile."
      />
      <IdentityTabs current="waiting" />
      <div class="stack">
        <section class="panel" aria-label="Filters">
          <StatementFilters />
        </section>
        {mass.error === undefined ? undefined : <Problem error={mass.error} retry={mass.reload} />}
        {groups.map((group) => (
          <MassEvent key={group.key} group={group} more={mass.value?.next !== null} ask={setAsking} />
        ))}
        {hasRest ? (
          <Panel title={isHeld ? 'One by one' : 'What was said'} flush>
            <List
              label={isHeld ? 'Statements that wait' : 'Statements'}
              list={rest}
              rowKey={({ id }) => id}
              cursor={cursor}
              onCursor={setCursor}
              onOpen={open}
              columns={columnsOf((statement) => setAsking({ statement }))}
              empty={<Nothing isHeld={isHeld} isFiltered={reason !== '' || source !== undefined || identity !== undefined} />}
            />
          </Panel>
        ) : groups.length === 0 && mass.value !== undefined ? (
          <section class="panel">
            <div class="empty">
              <p class="strong">Nothing fits.</p>
            </div>
          </section>
        ) : undefined}
      </div>
      {asking === undefined ? undefined : 'statement' in asking ? (
        <AskDecide statement={asking.statement} onClose={() => setAsking(undefined)} onDone={reload} />
      ) : (
        <AskDecideAll {...asking} onClose={() => setAsking(undefined)} onDone={reload} />
      )}
    </>
  )
}

function StatementFilters(): JSX.Element {
  const sources = useList<Source>('/v1/sources')
  const names = sources.items?.map(({ name }) => [name, name] as const) ?? []
  const chosen = filters().source
  // An address may name one that is not read yet, or is gone.
  const all = chosen === undefined || chosen === '' ? names : [[chosen, chosen] as const, ...names]
  return (
    <search class="filters">
      <FilterSelect name="state" label="State" standard={STANDARD} choices={labelsOf(STATEMENT_STATES)} />
      <FilterSelect name="reason" label="Why it was held" choices={REASON_LABELS} />
      <FilterSelect name="source" label="Source" choices={Object.fromEntries(all)} />
      <FilterText name="identity" label="Identity" hint="External id, exactly" />
    </search>
  )
}

function labelsOf(words: Readonly<Record<string, { label: string }>>): Record<string, string> {
  return Object.fromEntries(Object.entries(words).map(([code, { label }]) => [code, label]))
}

function Nothing({ isHeld, isFiltered }: { isHeld: boolean; isFiltered: boolean }): JSX.Element {
  if (isFiltered)
    return (
      <>
        <p class="strong">Nothing fits.</p>
        <p>
          <a href={hrefOf('waiting')}>Take the filters away</a>
        </p>
      </>
    )
  return (
    <>
      <p class="strong">{isHeld ? 'Nothing more waits for a decision.' : 'No source has said anything yet.'}</p>
      <p>
        What a <a href={hrefOf('setup', 'sources')}>source</a> says is acted upon at once, but for what may be a mistake: somebody
        inactive where the policy says to ask, very many at once, a known name with a new id.
      </p>
    </>
  )
}

/** One mass event, to be decided about as a whole or one by one. */
function MassEvent(props: { group: MassGroup; more: boolean; ask(asking: Asking): void }): JSX.Element {
  const { group, more, ask } = props
  const { statements, source, together } = group
  const [busy, setBusy] = useState(false)
  const [first] = statements
  const askAll = async (what: 'apply' | 'dismiss') => {
    setBusy(true)
    try {
      const whole = await readGroup(group)
      if (whole === undefined) say('Somebody has decided about it meanwhile.', true)
      else ask({ group: whole, what })
    } catch (error) {
      say(error instanceof ApiError ? error.message : String(error), true)
    } finally {
      setBusy(false)
    }
  }
  return (
    <Panel
      title={`${source}: ${more ? 'at least ' : ''}${countOf(statements.length, 'departure')} at once`}
      note={
        first === undefined ? undefined : (
          <>
            {together ? 'in one delivery' : 'one after the other'}, <Ago at={first.at} />
          </>
        )
      }
    >
      <div class="stack tight">
        <p>A filter or a mapping that is wrong over there looks the same as a plant that closes. Are they right?</p>
        <People statements={statements} />
        {may('operate') ? (
          <>
            <div class="row">
              <button type="button" class="button harm" disabled={busy} onClick={() => askAll('apply')}>
                Apply all<span class="unseen"> of {source}</span>
              </button>
              <button type="button" class="button" disabled={busy} onClick={() => askAll('dismiss')}>
                Dismiss all<span class="unseen"> of {source}</span>
              </button>
            </div>
            <details>
              <summary>Decide about them one by one</summary>
              <ul class="events">
                {statements.map((statement) => (
                  <li key={statement.id}>
                    <span />
                    <span class="what">
                      <b>{whomOf(statement)}</b> <span class="soft">{statement.called}</span>
                    </span>
                    <button type="button" class="button" onClick={() => ask({ statement })}>
                      Decide<span class="unseen"> about {whomOf(statement)}</span>
                    </button>
                  </li>
                ))}
              </ul>
            </details>
          </>
        ) : (
          <p class="soft">An operator decides.</p>
        )}
      </div>
    </Panel>
  )
}

function isOpen({ state }: Statement): boolean {
  return state === 'held' && may('operate')
}

function columnsOf(decide: (statement: Statement) => void): readonly Column<Statement>[] {
  return [
    {
      head: 'Who',
      cell: (statement) => (
        <>
          {statement.identity === null ? (
            <b>{whomOf(statement)}</b>
          ) : (
            <a class="primary" href={hrefOf('identities', statement.identity.id)}>
              {whomOf(statement)}
            </a>
          )}
          <span class="under">{statement.called}</span>
        </>
      ),
    },
    {
      head: 'Says',
      cell: ({ source, says, reason, effectiveAt }) => (
        <>
          {reason === 'ask' ? 'Is inactive' : SAYS_LABELS[says]}
          {effectiveAt === null ? undefined : (
            <>
              {', '}
              <Ago at={effectiveAt} />
            </>
          )}
          <span class="under">{source.name}</span>
        </>
      ),
    },
    {
      head: 'State',
      cell: ({ state, reason, decidedBy, decidedAt }) => (
        <>
          <Badge {...STATEMENT_STATES[state]} />
          {reason === null ? undefined : <span class="under">{REASON_LABELS[reason]}</span>}
          {decidedAt === null ? undefined : (
            <span class="under">
              <Ago at={decidedAt} />
              {decidedBy === null ? '' : ` by ${decidedBy}`}
            </span>
          )}
        </>
      ),
    },
    { head: 'Came', cell: ({ at }) => <Ago at={at} /> },
    {
      head: '',
      isVoid: (statement) => !isOpen(statement),
      cell: (statement) =>
        isOpen(statement) ? (
          <button type="button" class="button" onClick={() => decide(statement)}>
            Decide<span class="unseen"> about {whomOf(statement)}</span>
          </button>
        ) : undefined,
    },
  ]
}
