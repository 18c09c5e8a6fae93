import type { JSX } from 'preact'
import type { Identity } from '../../api/schemas/identity.ts'
import type { IdentitySources } from '../../api/schemas/ownership.ts'
import { hrefOf } from '../place.ts'
import { useRead } from '../read.ts'
import { feedLabel, WORD_LABELS, type Word } from '../source-words.ts'
import { countOf } from '../words.ts'
import { Badge } from './badge.tsx'
import { Ago } from './moment.tsx'
import { Panel } from './panel.tsx'
import { Empty, Shown } from './states.tsx'
import { Table } from './table.tsx'

/** What each source says of one identity, and whether some of it waits for a person. */
export function SourceWords({ identity }: { identity: Identity }): JSX.Element {
  const { id, externalId, source } = identity
  const reading = useRead<IdentitySources>(`/v1/identities/${id}/sources`, { topics: ['operator', 'finding'] })
  const all = hrefOf('waiting', undefined, { state: 'any', identity: externalId })
  return (
    <Panel title="What sources say" note={<a href={all}>everything they said</a>} flush>
      <Shown reading={reading} rows={3}>
        {({ sources }) =>
          sources.length === 0 ? (
            <Empty>
              <p>
                No source that tells by itself speaks of it. It is known by <b>{source}</b>.
              </p>
            </Empty>
          ) : (
            <Table
              label="By source"
              rows={sources}
              rowKey={(word) => `${word.source.id} ${word.key}`}
              columns={[
                {
                  head: 'Source',
                  cell: ({ source: { name, kind, retired, silent }, key }) => (
                    <>
                      <b>{name}</b> <span class="soft">{feedLabel(kind)}</span>
                      <span class="under wrap">{key}</span>
                      {retired ? <span class="under">not configured any more: it does not count</span> : undefined}
                      {silent && !retired ? <span class="under overdue">silent: it may not know better</span> : undefined}
                    </>
                  ),
                },
                {
                  head: 'Says',
                  cell: (word) => (
                    <>
                      <Says word={word} />
                      {word.held === 0 ? undefined : (
                        <a class="under" href={hrefOf('waiting', undefined, { identity: externalId })}>
                          {countOf(word.held, 'statement')} waiting for a decision
                        </a>
                      )}
                    </>
                  ),
                },
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
