import type { JSX } from 'preact'
import type { Grant } from '../../api/schemas/grant.ts'
import { hrefOf } from '../place.ts'
import { useList } from '../read.ts'
import { humane } from '../words.ts'
import { Badge } from './badge.tsx'
import { Ago } from './moment.tsx'
import { Panel } from './panel.tsx'
import { List } from './table.tsx'

/**
 * What administrators' lists show of one identity: nobody tried whether it works.
 *
 * @param left false: it is here, so that nobody looks what it has; what stood is over without a proof
 */
export function StandingGrants({ id, left }: { id: string; left: boolean }): JSX.Element {
  const list = useList<Grant>('/v1/grants', { query: { identity: id }, topics: ['finding', 'operator'] })
  return (
    <Panel title="Standing grants" note="listed, not authenticated" flush>
      <List
        label="Listed for it"
        list={list}
        rowKey={(grant) => grant.id}
        columns={[
          {
            head: 'Grant',
            cell: ({ title, kind, findingId }) => (
              <>
                {findingId === null ? (
                  <b>{title}</b>
                ) : (
                  <a class="primary" href={hrefOf('findings', findingId)}>
                    {title}
                  </a>
                )}
                <span class="under">{humane(kind)}</span>
              </>
            ),
          },
          { head: 'Where', cell: ({ system }) => <a href={hrefOf('systems', system.id)}>{system.name}</a> },
          {
            head: 'State',
            cell: ({ state, lastSeenAt, goneAt }) => (
              <>
                {state === 'standing' ? (
                  <Badge look="open" label="Still listed" />
                ) : left ? (
                  <Badge look="closed" label="Gone" />
                ) : (
                  <Badge look="none" label="Not watched" />
                )}
                <span class="under">
                  <Ago at={goneAt ?? lastSeenAt} />
                </span>
              </>
            ),
          },
        ]}
        empty={<p>No inventory lists anything of it. Whether that means that nothing is left, the last looks tell.</p>}
      />
    </Panel>
  )
}
