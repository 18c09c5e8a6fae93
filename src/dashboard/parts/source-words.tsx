import type { JSX } from 'preact'
import type { Identity } from '../../api/schemas/identity.ts'
import type { Statement, Word } from '../../api/schemas/source.ts'
import { hrefOf } from '../place.ts'
import { useRead } from '../read.ts'
import { feedLabel, WORD_LABELS } from '../source-words.ts'
import { Badge } from './badge.tsx'
import { Ago } from './moment.tsx'
import { Panel } from './panel.tsx'
import { Empty, Shown } from './states.tsx'
import { Table } from './table.tsx'

/** What each source says of one identity, and whether some of it waits for a person. */
export function SourceWords({ identity }: { identity: Identity }): JSX.Element {
  const { id, externalId, source } = identity
  const reading = useRead<{ items: Word[] }>(`/v1/identities/${id}/sources`, { topics: ['operator'] })
  const held = useRead<{ items: Statement[] }>('/v1/source-statements', {
    query: { identity: id, state: 'held', limit: 1 },
    topics: ['operator'],
  })
  const all = hrefOf('waiting', undefined, { state: 'any', identity: externalId })
  return (
    <Panel title="What sources say" note={<a href={all}>everything they said</a>} flush>
      {held.value === undefined || held.value.items.length === 0 ? undefined : (
        <div class="body">
          <p class="said">
            <a href={hrefOf('waiting', undefined, { identity: externalId })}>Something that a source said waits for a decision</a>
          </p>
        </div>
      )}
      <Shown reading={reading} rows={3}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty>
              <p>
                No source that tells by itself speaks of it. It is known by <b>{source}</b>.
              </p>
            </Empty>
          ) : (
            <Table
              label="What sources say"
              rows={items}
              rowKey={(word) => `${word.source.id} ${word.key}`}
              columns={[
                {
                  head: 'Source',
                  cell: ({ source: { name, kind }, key, removed }) => (
                    <>
                      <b>{name}</b> <span class="soft">{feedLabel(kind)}</span>
                      <span class="under wrap">
                        {key}
                        {removed ? ': not configured any more, does not count' : ''}
                      </span>
                    </>
                  ),
                },
                { head: 'Says', cell: (word) => <Says word={word} /> },
                { head: 'Said', cell: ({ saidAt }) => <Ago at={saidAt} /> },
              ]}
            />
          )
        }
      </Shown>
    </Panel>
  )
}

function Says({ word: { standing, terminatedAt } }: { word: Word }): JSX.Element {
  const isComing = terminatedAt !== null && Date.parse(terminatedAt) > Date.now()
  return (
    <>
      <Badge {...WORD_LABELS[standing]} {...(isComing ? { label: 'Leaves' } : {})} />
      {terminatedAt === null ? undefined : (
        <span class="under">
          <Ago at={terminatedAt} />
        </span>
      )}
    </>
  )
}
