import type { JSX } from 'preact'
import type { Identity } from '../../api/schemas/identity.ts'
import type { Handover } from '../../api/schemas/ownership.ts'
import { instantOf, textOf } from '../act.ts'
import { send } from '../api.ts'
import { inputValue } from '../time.ts'
import { countOf } from '../words.ts'
import { Ask } from './dialog.tsx'
import { Field } from './field.tsx'
import { IdentityField } from './identity-field.tsx'
import { At } from './moment.tsx'
import { say } from './toast.tsx'

const WEEK_MS = 7 * 86_400_000

interface AskProps {
  onClose(): void
  onDone(): void
}

function Why(): JSX.Element {
  return (
    <Field label="Why, for the record">
      <textarea name="reason" required maxLength={1_000} />
    </Field>
  )
}

function By(): JSX.Element {
  return (
    <Field label="By" hint="In your own time zone">
      <input type="datetime-local" name="by" required defaultValue={inputValue(new Date(Date.now() + WEEK_MS))} />
    </Field>
  )
}

/** Asks who answers for a service or an agent from now on. */
export function AskTransfer({ identity, onClose, onDone }: AskProps & { identity: Identity }): JSX.Element {
  const submit = async (form: FormData) => {
    const body = { to: textOf(form, 'to') ?? '', reason: textOf(form, 'reason') ?? '' }
    const { changed } = await send<{ changed: boolean }>('POST', `/v1/identities/${identity.id}/transfer`, { body })
    say(changed ? `${body.to} answers for it now.` : 'It was so already.')
    onDone()
  }
  return (
    <Ask
      title={`Transfer ${identity.name}`}
      what={
        <p>
          Somebody else answers for it from now on. It is an orphan no more; what it holds, and what its old owner knows of that,
          stays as it is: hand over what must be renewed.
        </p>
      }
      action="Transfer"
      submit={submit}
      onClose={onClose}
    >
      <IdentityField name="to" label="New owner" hint="A person's name or external id" kind="human" required />
      <Why />
    </Ask>
  )
}

interface Agreed {
  created: boolean
  credentials: number
  transferred: string[]
  orphaned: string[]
}

/** Asks for the terms of a handover. */
export function AskHandOver({ identity, onClose, onDone }: AskProps & { identity: Identity }): JSX.Element {
  const submit = async (form: FormData) => {
    const owner = textOf(form, 'owner')
    const body = {
      ...{ to: textOf(form, 'to') ?? '', by: instantOf(form, 'by') ?? '', reason: textOf(form, 'reason') ?? '' },
      ...(owner === undefined ? {} : { owner }),
    }
    const { credentials, transferred, orphaned } = await send<Agreed>('POST', `/v1/identities/${identity.id}/handover`, { body })
    const has = `Agreed: ${countOf(credentials, 'credential')} must be refused by then`
    const moved = transferred.length === 0 ? '' : `; ${transferred.join(', ')} transferred`
    const lost = orphaned.length === 0 ? '' : `; nobody answers for ${orphaned.join(', ')}`
    say(`${has}${moved}${lost}.`, orphaned.length > 0)
    onDone()
  }
  return (
    <Ask
      title={`Hand over from ${identity.name}`}
      what={
        <p>
          Somebody else takes over, with credentials of their own, which are never tried while they are here. What {identity.name}{' '}
          held may still work until the date; from then on it must be refused.
        </p>
      }
      action="Agree"
      submit={submit}
      onClose={onClose}
    >
      <IdentityField name="to" label="Who takes over" hint="Name or external id: a managed identity, or a person" required />
      <By />
      <IdentityField
        name="owner"
        label="Who answers for its services and agents"
        hint="Left empty: who takes over, where that is a person"
        kind="human"
      />
      <Why />
    </Ask>
  )
}

/** Asks for another date, or for the end of an agreement. */
export function AskChange(props: AskProps & { handover: Handover; what: 'postpone' | 'cancel' }): JSX.Element {
  const { handover, what, onClose, onDone } = props
  const submit = async (form: FormData) => {
    const by = instantOf(form, 'by')
    const body = { reason: textOf(form, 'reason') ?? '', ...(what === 'postpone' ? { by: by ?? '' } : {}) }
    await send('POST', `/v1/handovers/${handover.id}/${what}`, { body })
    say(what === 'postpone' ? 'The handover has another date.' : 'The handover is cancelled.')
    onDone()
  }
  return (
    <Ask
      title={what === 'postpone' ? 'Another date for the handover' : 'Cancel the handover'}
      what={
        <p>
          From {handover.leaver.name} to {handover.receiver.name}, by <At at={handover.by} />.{' '}
          {what === 'cancel' ? "The policy's deadlines count again. Who answers for what stays as it is." : ''}
        </p>
      }
      action={what === 'postpone' ? 'Set the date' : 'Cancel the handover'}
      harm={what === 'cancel'}
      submit={submit}
      onClose={onClose}
    >
      {what === 'postpone' ? <By /> : undefined}
      <Why />
    </Ask>
  )
}
