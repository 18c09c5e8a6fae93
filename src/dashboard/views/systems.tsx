import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { Overview } from '../../api/schemas/overview.ts'
import type { System } from '../../api/schemas/system.ts'
import { act, textOf } from '../act.ts'
import { send } from '../api.ts'
import { filters, setFilters } from '../navigate.ts'
import { SeverityMark } from '../parts/badge.tsx'
import { Ask } from '../parts/dialog.tsx'
import { Field, FilterSelect, FilterText } from '../parts/field.tsx'
import { Head } from '../parts/head.tsx'
import { Ago, MaybeAgo } from '../parts/moment.tsx'
import { Credentials } from '../parts/stands.tsx'
import { SystemState } from '../parts/system-state.tsx'
import { List } from '../parts/table.tsx'
import { say } from '../parts/toast.tsx'
import { hrefOf } from '../place.ts'
import { useList, useRead } from '../read.ts'
import { may } from '../session.ts'
import { SYSTEM_STATE_LABELS } from '../system-look.ts'
import { figure } from '../words.ts'

/** Where Revenant looks, and whether it can see there. */
export function SystemsView(): JSX.Element {
  const { sort = 'name', ...rest } = filters()
  const list = useList<System>('/v1/systems', { query: { ...rest, sort }, topics: ['finding', 'trial', 'operator'] })
  const overview = useRead<Overview>('/v1/overview', { topics: ['operator'], settleMs: 6_000 })
  const [asking, setAsking] = useState(false)
  const paused = overview.value?.paused ?? null
  const resume = async () => {
    await act<{ changed: boolean }>('/v1/resume', ({ changed }) => (changed ? 'Trials go on.' : 'Nothing was paused.'))
    overview.reload()
    list.reload()
  }
  return (
    <>
      <Head title="Systems" lead="Where credentials are tried, whether their controls pass, and what keeps trials away.">
        {!may('operate') ? undefined : paused === null ? (
          <button type="button" class="button harm" onClick={() => setAsking(true)}>
            Pause everything
          </button>
        ) : (
          <button type="button" class="button first" onClick={resume}>
            Resume everything
          </button>
        )}
      </Head>
      {paused === null ? undefined : (
        <p class="banner" role="status">
          <strong>Everything is paused</strong> by {paused.by}, <Ago at={paused.at} />
          {paused.note === '' ? '.' : `: ${paused.note}`}
        </p>
      )}
      <section class="panel" aria-label="Systems">
        <search class="filters">
          <FilterText name="q" label="Search" hint="Name begins with" />
          <FilterSelect name="state" label="State" choices={SYSTEM_STATE_LABELS} />
          <FilterSelect name="tier" label="Tier" choices={{ critical: 'Critical', standard: 'Standard', low: 'Low' }} />
        </search>
        <List
          label="Systems"
          list={list}
          rowKey={({ id }) => id}
          sort={sort}
          onSort={(by) => setFilters({ sort: by })}
          columns={[
            {
              head: 'System',
              sort: 'name',
              cell: (system) => (
                <>
                  <a class="primary" href={hrefOf('systems', system.id)}>
                    {system.name}
                  </a>{' '}
                  {system.tier === 'standard' ? undefined : <span class={`tag ${system.tier}`}>{system.tier}</span>}
                  <span class="under">
                    {system.probe}, {system.origin}
                  </span>
                </>
              ),
            },
            { head: 'State', cell: (system) => <StateCell system={system} /> },
            { head: 'Credentials', cell: ({ credentials }) => <Credentials counts={credentials} /> },
            {
              head: 'Findings',
              cell: ({ findings: { worst, unresolved } }) =>
                worst === null ? (
                  <span class="soft">none</span>
                ) : (
                  <span class="row">
                    <SeverityMark severity={worst} /> <span class="soft">{figure(unresolved)}</span>
                  </span>
                ),
            },
            { head: 'Last trial', cell: ({ lastTrialAt }) => <MaybeAgo at={lastTrialAt} otherwise="never" /> },
            {
              head: 'Next',
              cell: ({ dueNow, nextDueAt }) =>
                dueNow > 0 ? <b>{figure(dueNow)} due now</b> : <MaybeAgo at={nextDueAt} otherwise="nothing due" />,
            },
            {
              head: 'Owner',
              isVoid: ({ owner }) => owner === null,
              cell: ({ owner }) => <span class="wrap">{owner ?? <span class="soft">–</span>}</span>,
            },
          ]}
          empty={
            Object.keys(rest).length > 0 ? (
              <p>
                <b>No system fits these filters.</b> <a href={hrefOf('systems')}>Take them away</a>
              </p>
            ) : (
              <>
                <p class="strong">No system is configured.</p>
                <p>
                  Systems stand in the configuration file under <code>systems:</code>. The{' '}
                  <a href={hrefOf('setup', 'catalogue')}>catalogue</a> lists what can be asked, and what each needs.
                </p>
              </>
            )
          }
        />
      </section>
      {asking ? (
        <Ask
          title="Pause everything"
          what={
            <p>
              No credential is tried anywhere until somebody resumes. Trials that run stop at once. The time is recorded as a gap
              in the evidence.
            </p>
          }
          action="Pause everything"
          harm
          onClose={() => setAsking(false)}
          submit={async (form) => {
            const note = textOf(form, 'note')
            await send('POST', '/v1/pause', { body: note === undefined ? {} : { note } })
            say('Everything is paused.')
            overview.reload()
            list.reload()
          }}
        >
          <Field label="Why, for the record">
            <textarea name="note" maxLength={1_000} />
          </Field>
        </Ask>
      ) : undefined}
    </>
  )
}

function StateCell({ system }: { system: System }): JSX.Element {
  const { blindSince, hold } = system
  return (
    <>
      <SystemState system={system} />
      {hold === null ? undefined : (
        <span class="under">
          again <Ago at={hold.until} />
        </span>
      )}
      {blindSince === null ? undefined : (
        <span class="under">
          nothing proven since <Ago at={blindSince} />
        </span>
      )}
    </>
  )
}
