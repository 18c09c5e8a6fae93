import type { JSX } from 'preact'
import { useId, useState } from 'preact/hooks'
import type { Identity } from '../../api/schemas/identity.ts'
import type { IdentityKind } from '../../domain/identity.ts'
import { useRead } from '../read.ts'
import { Field } from './field.tsx'

const MOST_OFFERED = 20

/** The external id of somebody, offered while it is written. */
export function IdentityField(props: {
  name: string
  label: string
  hint: string
  kind?: IdentityKind
  required?: boolean
}): JSX.Element {
  const { name, label, hint, kind, required = false } = props
  const [who, setWho] = useState('')
  const offers = useId()
  const found = useRead<{ items: Identity[] }>(who === '' ? undefined : '/v1/identities', {
    query: { q: who, kind, state: 'active', limit: MOST_OFFERED },
  })
  const items = found.value?.items ?? []
  return (
    <>
      <Field label={label} hint={items.find(({ externalId }) => externalId === who)?.name ?? hint}>
        <input
          name={name}
          list={offers}
          required={required}
          maxLength={256}
          autocomplete="off"
          spellcheck={false}
          value={who}
          onInput={(event) => setWho(event.currentTarget.value.trim())}
        />
      </Field>
      <datalist id={offers}>
        {items.map((each) => (
          <option key={each.id} value={each.externalId} label={each.name} />
        ))}
      </datalist>
    </>
  )
}
