import type { JSX } from 'preact'
import type { Identity } from '../../api/schemas/identity.ts'
import { instantOf, textOf } from '../act.ts'
import { send } from '../api.ts'
import { countOf } from '../words.ts'
import { Ask } from './dialog.tsx'
import { Field } from './field.tsx'
import { say } from './toast.tsx'

export function AskStanding(props: {
  identity: Identity
  what: 'terminate' | 'reinstate'
  onClose(): void
  onDone(): void
}): JSX.Element {
  const { identity, what, onClose, onDone } = props
  const isLeaving = identity.state === 'active' && identity.terminatedAt !== null
  const submit = async (form: FormData) => {
    const at = instantOf(form, 'at')
    const body = { reason: textOf(form, 'reason') ?? '', ...(what === 'terminate' && at !== undefined ? { at } : {}) }
    const { changed, dueNow } = await send<{ changed: boolean; dueNow: number }>(
      'POST',
      `/v1/identities/${identity.id}/${what}`,
      { body },
    )
    say(changed ? (dueNow > 0 ? `Done. ${countOf(dueNow, 'credential')} due now.` : 'Done.') : 'It stood so already.')
    onDone()
  }
  return (
    <Ask
      title={what === 'terminate' ? `${identity.name} has left` : `${identity.name} ${isLeaving ? 'stays' : 'is back'}`}
      what={
        what === 'terminate' ? (
          <p>
            The clock starts: every credential that is known of it is tried at once, and again and again until it is proven
            closed.
          </p>
        ) : isLeaving ? (
          <p>The departure that was planned is taken back: it is here, with no last day.</p>
        ) : (
          <p>
            Its credentials rest: nothing of it is tried any more. What was found with them stays open until somebody resolves it:
            nothing is left that could close it by itself.
          </p>
        )
      }
      action={what === 'terminate' ? 'Terminate' : 'Reinstate'}
      harm={what === 'terminate'}
      submit={submit}
      onClose={onClose}
    >
      {what === 'terminate' ? (
        <Field label="When" hint="In your own time zone. Left empty: now.">
          <input type="datetime-local" name="at" />
        </Field>
      ) : undefined}
      <Field label="Why, for the record">
        <textarea name="reason" required maxLength={1_000} />
      </Field>
    </Ask>
  )
}
