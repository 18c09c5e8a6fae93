import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { Identity } from '../../api/schemas/identity.ts'
import { hrefOf } from '../place.ts'
import { useList } from '../read.ts'
import { IdentityKindMark } from './badge.tsx'
import { Panel } from './panel.tsx'
import { Stands } from './stands.tsx'
import { Empty, Ghosts, Problem } from './states.tsx'
import { More } from './table.tsx'

/** What outlives its owner: service accounts and agents that it answers for, and what those answer for in turn. */
export function OwnedTree({ id }: { id: string }): JSX.Element {
  return (
    <Panel title="Answers for" flush>
      <Branch id={id} above={[id]} />
    </Panel>
  )
}

/** @param above whose branches it stands in: who owns each other in a circle is told once */
function Branch({ id, above }: { id: string; above: readonly string[] }): JSX.Element {
  const list = useList<Identity>(`/v1/identities/${id}/owned`, { topics: ['finding', 'operator'] })
  const { items, error, more } = list
  return (
    <>
      {error === undefined ? undefined : <Problem error={error} retry={list.reload} />}
      {items === undefined ? (
        error === undefined ? (
          <Ghosts rows={2} />
        ) : undefined
      ) : items.length === 0 ? (
        <Empty>
          <p>No service account and no agent.</p>
        </Empty>
      ) : (
        <>
          <ul class="tree">
            {items.map((owned) => (
              <Leaf key={owned.id} owned={owned} above={above} />
            ))}
          </ul>
          {more ? <More list={list} /> : undefined}
        </>
      )}
    </>
  )
}

function Leaf({ owned, above }: { owned: Identity; above: readonly string[] }): JSX.Element {
  const [open, setOpen] = useState(false)
  return (
    <li>
      <div class="row">
        <a class="primary" href={hrefOf('identities', owned.id)}>
          {owned.name}
        </a>
        <IdentityKindMark kind={owned.kind} />
        <Stands identity={owned} />
      </div>
      {above.includes(owned.id) ? undefined : (
        <details onToggle={(event) => setOpen(event.currentTarget.open)}>
          <summary>
            Answers for<span class="unseen">: {owned.name}</span>
          </summary>
          {open ? <Branch id={owned.id} above={[...above, owned.id]} /> : undefined}
        </details>
      )}
    </li>
  )
}
