import type { JSX } from 'preact'
import type { Identity } from '../../api/schemas/identity.ts'
import { filters, setFilters } from '../navigate.ts'
import { IdentityKindMark, SeverityMark } from '../parts/badge.tsx'
import { FilterSelect, FilterText } from '../parts/field.tsx'
import { Head } from '../parts/head.tsx'
import { Ago } from '../parts/moment.tsx'
import { Credentials, Stands } from '../parts/stands.tsx'
import { List } from '../parts/table.tsx'
import { IdentityTabs } from '../parts/tabs.tsx'
import { hrefOf } from '../place.ts'
import { useList } from '../read.ts'
import { may } from '../session.ts'
import { figure, IDENTITY_KIND_LABELS } from '../words.ts'

const STANDARD = '-terminatedAt'

/** People, service accounts and agents; whoever left first. */
export function IdentitiesView(): JSX.Element {
  const { sort = STANDARD, ...rest } = filters()
  const list = useList<Identity>('/v1/identities', { query: { ...rest, sort }, topics: ['finding', 'operator'] })
  return (
    <>
      <Head title="Identities" lead="People, service accounts and AI agents, and how the credentials stand that they held.">
        {may('operate') ? (
          <a class="button" href={hrefOf('setup')}>
            Import
          </a>
        ) : undefined}
      </Head>
      <IdentityTabs current="identities" />
      <section class="panel" aria-label="Identities">
        <search class="filters">
          <FilterText name="q" label="Search" hint="Name, e-mail, external id begins with" />
          <FilterSelect
            name="state"
            label="State"
            choices={{ terminated: 'Has left', active: 'Is here', suspended: 'Is suspended' }}
          />
          <FilterSelect name="kind" label="Kind" choices={IDENTITY_KIND_LABELS} />
          <FilterSelect name="open" label="Door" choices={{ true: 'Still let in', false: 'Not let in' }} />
        </search>
        <List
          label="Identities"
          list={list}
          rowKey={({ id }) => id}
          sort={sort}
          onSort={(by) => setFilters({ sort: by })}
          columns={[
            {
              head: 'Name',
              sort: 'name',
              cell: (identity) => (
                <>
                  <a class="primary" href={hrefOf('identities', identity.id)}>
                    {identity.name}
                  </a>
                  <span class="under">{identity.email ?? identity.externalId}</span>
                </>
              ),
            },
            { head: 'Kind', cell: ({ kind }) => <IdentityKindMark kind={kind} /> },
            {
              head: 'Left',
              sort: 'terminatedAt',
              cell: ({ terminatedAt, state, suspendedAt }) =>
                terminatedAt === null ? (
                  <>
                    <span class="soft">is here</span>
                    {suspendedAt === null ? undefined : (
                      <span class="under">
                        suspended <Ago at={suspendedAt} />
                      </span>
                    )}
                  </>
                ) : (
                  <>
                    <Ago at={terminatedAt} />
                    {state === 'active' ? <span class="under">last day set</span> : undefined}
                  </>
                ),
            },
            { head: 'Stands', cell: (identity) => <Stands identity={identity} /> },
            { head: 'Credentials', cell: ({ credentials }) => <Credentials counts={credentials} /> },
            {
              head: 'Findings',
              cell: ({ findings: { unresolved, worst } }) =>
                worst === null ? (
                  <span class="soft">none</span>
                ) : (
                  <span class="row">
                    <SeverityMark severity={worst} /> <span class="soft">{figure(unresolved)}</span>
                  </span>
                ),
            },
          ]}
          empty={
            Object.keys(rest).length > 0 ? (
              <>
                <p class="strong">No identity fits these filters.</p>
                <p>
                  <a href={hrefOf('identities')}>Take the filters away</a>
                </p>
              </>
            ) : (
              <>
                <p class="strong">Nobody is known here yet.</p>
                <p>
                  Import a list of identities, whoever has left with the day of it: <a href={hrefOf('setup')}>the guide</a> leads
                  through it.
                </p>
              </>
            )
          }
        />
      </section>
    </>
  )
}

/** The worst that is true of an identity's credentials. */
/** How the credentials stand, as a bar and in words. */
