import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { Credential } from '../../api/schemas/credential.ts'
import type { Identity } from '../../api/schemas/identity.ts'
import type { System } from '../../api/schemas/system.ts'
import { FINDING_KINDS } from '../../domain/finding.ts'
import { instantOf, textOf } from '../act.ts'
import { ApiError, send } from '../api.ts'
import { filters } from '../navigate.ts'
import { useRead } from '../read.ts'
import { session } from '../session.ts'
import { inputValue } from '../time.ts'
import { KIND_LABELS } from '../words.ts'
import { Ask } from './dialog.tsx'
import { Field } from './field.tsx'
import { say } from './toast.tsx'

interface Page<Item> {
  items: Item[]
}

const DAY_MS = 86_400_000
const MOST_OFFERED = 20
const MOST = 500

/**
 * Asks for an exemption of whatever there is or will be: of an identity, a system, a credential, or of what they have in common. What the
 * list is filtered by is offered first.
 */
export function AskGrant({ onClose, onDone }: { onClose(): void; onDone(): void }): JSX.Element {
  const here = filters()
  const [who, setWho] = useState(here.identity ?? '')
  const [system, setSystem] = useState('')
  const identities = useRead<Page<Identity>>(who === '' ? undefined : '/v1/identities', {
    query: { q: who, limit: MOST_OFFERED },
  })
  const identity = identities.value?.items.find(({ externalId }) => externalId === who)
  const systems = useRead<Page<System>>('/v1/systems', { query: { state: 'paused,rebind,open,blind,held,active', limit: MOST } })
  const credentials = useRead<Page<Credential>>(identity === undefined ? undefined : '/v1/credentials', {
    query: { identity: identity?.id, system, limit: MOST },
  })
  const held = credentials.value?.items.filter(({ standing }) => standing !== 'retired') ?? []
  const actor = typeof session.value === 'object' ? session.value.actor : ''
  const submit = async (form: FormData) => {
    if (who !== '' && identity === undefined)
      throw new ApiError(400, `No identity has the external id ${who}: choose one that is offered while you write.`)
    const { changed } = await send<{ changed: boolean }>('POST', '/v1/exemptions', { body: bodyOf(form, identity?.id) })
    say(changed ? 'Exempted: tried and recorded, not alerted.' : 'It was exempted so already.')
    onDone()
  }
  return (
    <Ask
      title="New exemption"
      what={
        <p>
          It covers what all that it names have in common. That goes on being tried and recorded, and stands in every report;
          until the exemption ends, nobody is alerted.
        </p>
      }
      action="Exempt"
      submit={submit}
      onClose={onClose}
    >
      <Field label="Identity" hint={identity?.name ?? 'Name or external id; left empty: any'}>
        <input
          list="identities-offered"
          maxLength={256}
          autocomplete="off"
          spellcheck={false}
          value={who}
          onInput={(event) => setWho(event.currentTarget.value.trim())}
        />
      </Field>
      <datalist id="identities-offered">
        {identities.value?.items.map(({ id, externalId, name }) => (
          <option key={id} value={externalId} label={name} />
        ))}
      </datalist>
      <Choice label="System" name="systemId" any="Any" onChange={setSystem}>
        {(systems.value?.items ?? []).map(({ id, name }) => [id, name])}
      </Choice>
      {identity === undefined ? undefined : (
        <Choice label="Credential" name="credentialId" any="Any of this identity">
          {held.map((each) => [each.id, `${each.label} at ${each.system.name}`])}
        </Choice>
      )}
      <Choice label="Kind of finding" name="kind" any="Any">
        {FINDING_KINDS.map((kind) => [kind, KIND_LABELS[kind]])}
      </Choice>
      <Field label="Who answers for it">
        <input name="owner" required maxLength={256} defaultValue={actor.includes('@') ? actor : ''} autocomplete="email" />
      </Field>
      <Field label="Why it is accepted">
        <textarea name="reason" required maxLength={1_000} />
      </Field>
      <div class="grid pair">
        <Field label="From" hint="Left empty: now">
          <input type="datetime-local" name="from" />
        </Field>
        <Field label="Until" hint="In your own time zone">
          <input
            type="datetime-local"
            name="until"
            required
            min={inputValue(new Date())}
            defaultValue={inputValue(new Date(Date.now() + 7 * DAY_MS))}
          />
        </Field>
      </div>
    </Ask>
  )
}

interface ChoiceProps {
  label: string
  name: string
  any: string
  onChange?(value: string): void
  children: (readonly [value: string, words: string])[]
}

function Choice({ label, name, any, onChange, children }: ChoiceProps): JSX.Element {
  return (
    <Field label={label}>
      <select name={name} onChange={(event) => onChange?.(event.currentTarget.value)}>
        <option value="">{any}</option>
        {children.map(([value, words]) => (
          <option key={value} value={value}>
            {words}
          </option>
        ))}
      </select>
    </Field>
  )
}

function bodyOf(form: FormData, identityId: string | undefined): Record<string, string> {
  const given = {
    ...{ identityId, systemId: textOf(form, 'systemId'), credentialId: textOf(form, 'credentialId'), kind: textOf(form, 'kind') },
    ...{ owner: textOf(form, 'owner'), reason: textOf(form, 'reason') },
    ...{ from: instantOf(form, 'from'), until: instantOf(form, 'until') },
  }
  if (given.identityId === undefined && given.systemId === undefined)
    throw new ApiError(400, 'Name an identity or a system: an exemption of everything is none.')
  return Object.fromEntries(Object.entries(given).filter((each): each is [string, string] => each[1] !== undefined))
}
