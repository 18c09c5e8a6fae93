import type { JSX } from 'preact'
import type { Identity, IdentityMatrix, MatrixCell } from '../../api/schemas/identity.ts'
import { hrefOf } from '../place.ts'
import { useRead } from '../read.ts'
import { humane, KIND_LABELS } from '../words.ts'
import { StandingBadge } from './badge.tsx'
import { Ago, Clock, Next } from './moment.tsx'
import { Panel } from './panel.tsx'
import { Credentials } from './stands.tsx'
import { Empty, Shown } from './states.tsx'
import { Table } from './table.tsx'

export function Matrix({ id, identity }: { id: string; identity: Identity }): JSX.Element {
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
                    cell: ({ credential, principal, privilege, shared, handoverBy }) => (
                      <>
                        <a href={hrefOf('credentials', credential.id)}>{credential.label}</a>{' '}
                        {privilege === 'standard' ? undefined : <span class="tag">{privilege}</span>}{' '}
                        {shared ? <span class="tag">shared</span> : undefined}{' '}
                        {handoverBy === null ? undefined : <span class="tag">handed over</span>}
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
