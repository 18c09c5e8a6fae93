import type { ComponentChildren, JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { ScanAnswer } from '../../api/schemas/actions.ts'
import type { Credential } from '../../api/schemas/credential.ts'
import type { Identity } from '../../api/schemas/identity.ts'
import type { Overview } from '../../api/schemas/overview.ts'
import type { System } from '../../api/schemas/system.ts'
import { act } from '../act.ts'
import { StandingBadge } from '../parts/badge.tsx'
import { Import } from '../parts/import.tsx'
import { Ago } from '../parts/moment.tsx'
import { Ghosts, Problem } from '../parts/states.tsx'
import { SystemState } from '../parts/system-state.tsx'
import { List } from '../parts/table.tsx'
import { hrefOf } from '../place.ts'
import { type ListReading, useList, useRead } from '../read.ts'
import { scanned } from '../scanned.ts'
import { countOf, figure, humane } from '../words.ts'

const IDENTITIES = 'external_id,name,email,kind,terminated_at\nanna,Anna Berg,anna@example.com,human,2026-11-01T17:00:00Z'
const CREDENTIALS = '{"identity":"anna","system":"code-host","kind":"api_token","secret":{"token":"…"}}'

/** The first run: systems, identities, credentials, and what their doors say. */
export function Guide(): JSX.Element {
  const overview = useRead<Overview>('/v1/overview', { topics: ['finding', 'trial', 'operator'], settleMs: 6_000 })
  const systems = useList<System>('/v1/systems', { query: { sort: 'name' }, topics: ['operator'] })
  // The overview may be some seconds old: right after an import the lists know more.
  const identities = useList<Identity>('/v1/identities', { topics: ['operator'] })
  const credentials = useList<Credential>('/v1/credentials', { topics: ['trial', 'finding', 'operator'] })
  const value = overview.value
  if (value === undefined || systems.items === undefined || identities.items === undefined || credentials.items === undefined) {
    const error = overview.error ?? systems.error ?? identities.error ?? credentials.error
    return <section class="panel">{error === undefined ? <Ghosts /> : <Problem error={error} retry={overview.reload} />}</section>
  }
  const people = Math.max(value.identities, identities.items.length)
  const left = Math.max(value.doors.terminated, identities.items.filter(({ state }) => state === 'terminated').length)
  const known = Math.max(sumOf(value.credentials), credentials.items.length)
  const tried = credentials.items.some(({ verdict }) => verdict !== null)
  return (
    <ol class="stack guide">
      <Step number={1} title="Where to look" done={systems.items.length > 0}>
        <Systems systems={systems.items} />
      </Step>
      <Step number={2} title="Who has left" done={people > 0}>
        <p>
          {people === 0
            ? 'Bring in the people, service accounts and agents you know, each with an id that stays, and the instant at which it left.'
            : `${countOf(people, 'identity', 'identities')} known, ${figure(left)} of them left. More can come at any time: rows that are known are written over.`}
        </p>
        <Bring more={people > 0}>
          <Import what="identities" example={IDENTITIES} onDone={identities.reload} />
        </Bring>
      </Step>
      <Step number={3} title="What they held" done={known > 0}>
        <p>
          {known === 0
            ? 'Bring in the keys, tokens and passwords they held. A secret is sealed as it comes in and opens only for the address of its system; a reference (env:, file:) stays where it is.'
            : `${countOf(known, 'credential')} known.`}
        </p>
        <Bring more={known > 0}>
          <Import what="credentials" example={CREDENTIALS} onDone={credentials.reload} />
        </Bring>
      </Step>
      <Step number={4} title="See what still opens" done={tried}>
        <Verdicts list={credentials} systems={systems.items} dueNow={value.dueNow} />
      </Step>
    </ol>
  )
}

function Step({
  number,
  title,
  done,
  children,
}: {
  number: number
  title: string
  done: boolean
  children: ComponentChildren
}): JSX.Element {
  return (
    <li class="panel">
      <header>
        <h2>
          {number}. {title}
        </h2>
        <p>{done ? <span class="in-time">✓ done</span> : 'to do'}</p>
      </header>
      <div class="body stack tight">{children}</div>
    </li>
  )
}

/** What was done once is folded away; it stays open while somebody works in it. */
function Bring({ more, children }: { more: boolean; children: ComponentChildren }): JSX.Element {
  const [open] = useState(!more)
  return (
    <details open={open}>
      <summary>{more ? 'Bring in more' : 'Bring them in'}</summary>
      {children}
    </details>
  )
}

function Systems({ systems }: { systems: readonly System[] }): JSX.Element {
  if (systems.length === 0)
    return (
      <>
        <p>
          Systems stand in the configuration file under <code>systems:</code>, so that what Revenant may touch is reviewed as code
          is. One entry is enough to begin:
        </p>
        <pre class="said" tabIndex={0}>
          {'systems:\n  - name: code-host\n    probe: github\n    target: { baseUrl: "https://api.github.com" }'}
        </pre>
        <p>
          The <a href={hrefOf('setup', 'catalogue')}>catalogue</a> says what each kind needs. Then <code>kill -HUP</code> the
          daemon, or start it again.
        </p>
      </>
    )
  return (
    <>
      <p>{countOf(systems.length, 'system')} configured.</p>
      <ul class="legend">
        {systems.map((system) => (
          <li key={system.id} class="row">
            <a href={hrefOf('systems', system.id)}>{system.name}</a> <SystemState system={system} />
          </li>
        ))}
      </ul>
    </>
  )
}

function Verdicts({
  list,
  systems,
  dueNow,
}: {
  list: ListReading<Credential>
  systems: readonly System[]
  dueNow: number
}): JSX.Element {
  if (list.items?.length === 0)
    return (
      <p class="soft">
        Once a credential of somebody who left is known, it is tried within seconds, and its verdict stands here.
      </p>
    )
  const scan = async () => {
    for (const { id } of systems.filter(({ credentials, state }) => state !== 'retired' && sumOf(credentials) > 0))
      await act<ScanAnswer>(`/v1/systems/${id}/scan`, scanned)
  }
  return (
    <>
      <p>
        What belongs to somebody who left is tried by itself, first at once, then again and again.{' '}
        {dueNow > 0 ? `${countOf(dueNow, 'credential')} due now.` : ''}
      </p>
      <div class="row">
        <button type="button" class="button first" onClick={scan}>
          Scan now
        </button>
        <a class="button" href={hrefOf('findings')}>
          To the findings
        </a>
      </div>
      <List
        label="Verdicts"
        list={list}
        rowKey={({ id }) => id}
        columns={[
          {
            head: 'Credential',
            cell: ({ id, label, identity }) => (
              <>
                <a class="primary" href={hrefOf('credentials', id)}>
                  {label}
                </a>
                <span class="under">{identity.name}</span>
              </>
            ),
          },
          { head: 'Where', cell: ({ system }) => system.name },
          {
            head: 'Verdict',
            cell: ({ standing, reason }) => (
              <>
                <StandingBadge standing={standing} />
                {reason === null ? undefined : <span class="under">{humane(reason)}</span>}
              </>
            ),
          },
          {
            head: 'Seen',
            cell: ({ observedAt }) => (observedAt === null ? <span class="soft">not yet</span> : <Ago at={observedAt} />),
          },
        ]}
        empty={<p>None yet.</p>}
      />
    </>
  )
}

function sumOf(counts: System['credentials']): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0)
}
