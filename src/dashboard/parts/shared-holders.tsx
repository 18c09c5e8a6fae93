import type { JSX } from 'preact'
import type { Holders } from '../../api/schemas/ownership.ts'
import { passing } from '../clock.ts'
import { type Holder, knowsWords, rotationOf } from '../life.ts'
import { hrefOf } from '../place.ts'
import { useRead } from '../read.ts'
import { countOf } from '../words.ts'
import { StandingBadge } from './badge.tsx'
import { MarkLine } from './mark-line.tsx'
import { At, Clock, MaybeAgo } from './moment.tsx'
import { Panel } from './panel.tsx'
import { Shown } from './states.tsx'
import { Table } from './table.tsx'

/** Everybody who knows a shared secret, and whether it has to be changed. @param id of the credential that is looked at */
export function SharedHolders({ id }: { id: string }): JSX.Element {
  const reading = useRead<Holders>(`/v1/credentials/${id}/holders`, { topics: ['finding', 'trial', 'operator'] })
  const holders = reading.value?.holders ?? []
  return (
    <Panel title="Who knows it" note={holders.length === 0 ? undefined : countOf(holders.length, 'holder')} flush>
      <Shown reading={reading} rows={3}>
        {() =>
          holders.length === 0 ? (
            <p class="empty">It is said to be shared; with whom is not known. Import it again with its holders.</p>
          ) : (
            <>
              <Rotation holders={holders} />
              <Table label="Holders" rows={holders} rowKey={({ credentialId }) => credentialId} columns={columnsOf(id)} />
            </>
          )
        }
      </Shown>
    </Panel>
  )
}

function Rotation({ holders }: { holders: readonly Holder[] }): JSX.Element {
  const { by, ...mark } = rotationOf(holders, passing())
  return (
    <div class="body">
      <MarkLine mark={mark} told />
      {by === null ? undefined : (
        <span class="told strong">
          What they know must be refused by <At at={by} />
        </span>
      )}
    </div>
  )
}

function columnsOf(id: string) {
  return [
    {
      head: 'Who',
      cell: ({ identity, credentialId }: Holder) => (
        <>
          <a href={hrefOf('identities', identity.id)}>{identity.name}</a>{' '}
          {credentialId === id ? (
            <span class="tag">this one</span>
          ) : (
            <a href={hrefOf('credentials', credentialId)}>its credential</a>
          )}
          <span class="under">
            {identity.terminatedAt === null ? (
              'is here'
            ) : (
              <>
                {Date.parse(identity.terminatedAt) <= passing() ? 'left' : 'leaves'} <MaybeAgo at={identity.terminatedAt} />
              </>
            )}
          </span>
        </>
      ),
    },
    { head: 'Since', cell: ({ since }: Holder) => <MaybeAgo at={since} /> },
    {
      head: 'Knows',
      cell: (holder: Holder) => (
        <>
          {knowsWords(holder)}
          {holder.rotatedAt === null ? undefined : (
            <span class="under">
              replaced <MaybeAgo at={holder.rotatedAt} />
            </span>
          )}
        </>
      ),
    },
    { head: 'Stands', cell: ({ standing }: Holder) => <StandingBadge standing={standing} /> },
    { head: 'Deadline', cell: ({ deadline }: Holder) => <Clock deadline={deadline} /> },
  ]
}
