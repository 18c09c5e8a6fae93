import type { JSX } from 'preact'
import type { StandingCounts } from '../../api/schemas/common.ts'
import type { Identity } from '../../api/schemas/identity.ts'
import { filters, setFilters } from '../navigate.ts'
import { Badge, IdentityKindMark, SeverityMark } from '../parts/badge.tsx'
import { FilterSelect, FilterText } from '../parts/field.tsx'
import { Head } from '../parts/head.tsx'
import { Ago } from '../parts/moment.tsx'
import { PartsBar } from '../parts/parts-bar.tsx'
import { List } from '../parts/table.tsx'
import { hrefOf } from '../place.ts'
import { useList } from '../read.ts'
import { may } from '../session.ts'
import { countOf, figure, IDENTITY_KIND_LABELS } from '../words.ts'

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
      <section class="panel" aria-label="Identities">
        <search class="filters">
          <FilterText name="q" label="Search" hint="Name, e-mail, external id begins with" />
          <FilterSelect name="state" label="State" choices={{ terminated: 'Has left', active: 'Is here' }} />
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
              cell: ({ terminatedAt, state }) =>
                terminatedAt === null ? (
                  <span class="soft">is here</span>
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
export function Stands({ identity: { credentials, state } }: { identity: Pick<Identity, 'credentials' | 'state'> }): JSX.Element {
  const { open, unverified, not_tried, refused, closed } = credentials
  if (state === 'active') return <Badge look="none" label="Is here" />
  if (open > 0) return <Badge look="open" label="Still let in" />
  if (unverified + not_tried > 0) return <Badge look="doubt" label="Not judged" />
  if (refused > 0) return <Badge look="refused" label="Refused once" />
  if (closed > 0) return <Badge look="closed" label="Closed" />
  return <Badge look="none" label="No credential" />
}

/** How the credentials stand, as a bar and in words. */
export function Credentials({ counts }: { counts: StandingCounts }): JSX.Element {
  const { open, unverified, not_tried, refused, closed, retired, resting } = counts
  const whole = open + unverified + not_tried + refused + closed + retired + resting
  if (whole === 0) return <span class="soft">none known</span>
  const doubt = unverified + not_tried
  const words = [
    open > 0 ? `${figure(open)} open` : '',
    doubt > 0 ? `${figure(doubt)} not judged` : '',
    refused > 0 ? `${figure(refused)} refused once` : '',
    closed > 0 ? `${figure(closed)} closed` : '',
    resting > 0 ? `${figure(resting)} resting` : '',
    retired > 0 ? `${figure(retired)} retired` : '',
  ].filter(Boolean)
  return (
    <span class="credentials">
      <PartsBar
        thin
        parts={[
          { label: 'open', count: open, ground: 'open' },
          { label: 'not judged', count: doubt, ground: 'doubt' },
          { label: 'refused once', count: refused, ground: 'refused' },
          { label: 'closed', count: closed, ground: 'closed' },
          { label: 'others', count: retired + resting, ground: 'quiet' },
        ]}
      />
      <span class="under">{words.length === 0 ? countOf(whole, 'credential') : words.join(', ')}</span>
    </span>
  )
}
