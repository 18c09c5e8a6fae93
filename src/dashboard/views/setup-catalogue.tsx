import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { CatalogueAnswer, CatalogueEntry } from '../../api/schemas/setup.ts'
import { Field } from '../parts/field.tsx'
import { Panel } from '../parts/panel.tsx'
import { Empty, Shown } from '../parts/states.tsx'
import { useRead } from '../read.ts'
import { type SchemaField, schemaFields } from '../schema-fields.ts'

/** What can be asked, and what each kind needs. */
export function Catalogue(): JSX.Element {
  const reading = useRead<CatalogueAnswer>('/v1/setup/catalogue')
  const [search, setSearch] = useState('')
  return (
    <Panel
      title="Catalogue"
      note={
        <>
          what a system may name in <code>probe</code>
        </>
      }
      flush
    >
      <search class="filters">
        <Field label="Search" wide>
          <input
            type="search"
            value={search}
            placeholder="postgres, github, …"
            onInput={(event) => setSearch(event.currentTarget.value)}
          />
        </Field>
      </search>
      <Shown reading={reading} rows={10}>
        {({ items }) => {
          const words = search.toLowerCase().trim()
          const found = items.filter(({ kind, summary }) => `${kind} ${summary}`.toLowerCase().includes(words))
          return found.length === 0 ? (
            <Empty>
              <p class="strong">The catalogue has no such entry.</p>
              <p>
                The <code>http</code> probe asks any API over HTTPS; a new protocol is one file, see <code>docs/probes.md</code>.
              </p>
            </Empty>
          ) : (
            <ul class="catalogue">
              {found.map((entry) => (
                <Entry key={entry.kind} entry={entry} />
              ))}
            </ul>
          )
        }}
      </Shown>
    </Panel>
  )
}

function Entry({ entry }: { entry: CatalogueEntry }): JSX.Element {
  return (
    <li>
      <details>
        <summary>{entry.kind}</summary> <span class="tag">{entry.source}</span>
        <div class="stack tight">
          <p>{entry.summary}</p>
          <Fields title="target" fields={schemaFields(entry.target)} />
          <Fields title="secret" fields={schemaFields(entry.secret)} />
          <p class="small soft">
            {entry.effects.length === 0
              ? 'A replay changes nothing there.'
              : `A replay may have these effects, which allowEffects must name: ${entry.effects.join(', ')}.`}{' '}
            More in <code>{entry.docs}</code>.
          </p>
        </div>
      </details>
      <p class="summary">{entry.summary}</p>
    </li>
  )
}

function Fields({ title, fields }: { title: string; fields: readonly SchemaField[] }): JSX.Element | null {
  if (fields.length === 0) return null
  return (
    <dl class="facts small">
      {fields.map(({ name, type, required, description }) => (
        <>
          <dt key={name} class="mono">
            {title}.{name}
          </dt>
          <dd>
            {type}
            {required ? ', required' : ''}
            {description === '' ? '' : `: ${description}`}
          </dd>
        </>
      ))}
    </dl>
  )
}
