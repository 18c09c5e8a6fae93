import type { JSX } from 'preact'
import type { ActedAnswer, ActedManyAnswer } from '../../api/schemas/actions.ts'
import { instantOf, textOf } from '../act.ts'
import { ApiError, send } from '../api.ts'
import { session } from '../session.ts'
import { inputValue } from '../time.ts'
import { countOf } from '../words.ts'
import { Ask } from './dialog.tsx'
import { Field } from './field.tsx'
import { say } from './toast.tsx'

export interface FindingActionProps {
  ids: readonly string[]
  onClose(): void
  onDone(): void
}

const LONGEST_NOTE = 1_000

/** Asks for the note of an acknowledgement, of one finding or many. */
export function AskAcknowledge({ ids, onClose, onDone }: FindingActionProps): JSX.Element {
  const submit = async (form: FormData) => {
    const note = textOf(form, 'note') ?? ''
    const [one] = ids
    if (ids.length === 1 && one !== undefined) {
      const { changed } = await send<ActedAnswer>('POST', `/v1/findings/${one}/acknowledge`, { body: { note } })
      say(changed ? 'Acknowledged.' : 'It was acknowledged already.')
    } else sayMany(await send<ActedManyAnswer>('POST', '/v1/findings/acknowledge', { body: { ids, note } }), 'acknowledged')
    onDone()
  }
  return (
    <Ask
      title={`Acknowledge ${countOf(ids.length, 'finding')}`}
      what={<p>Somebody has taken note of it. It is tried and watched as before, and not reminded of until it becomes worse.</p>}
      action="Acknowledge"
      submit={submit}
      onClose={onClose}
    >
      <Field label="Note, for the record" hint="Who does what about it; a ticket.">
        <textarea name="note" required maxLength={LONGEST_NOTE} />
      </Field>
    </Ask>
  )
}

const DAY_MS = 86_400_000

/** Asks for the terms of an exemption, of one finding or many. */
export function AskExempt({ ids, onClose, onDone }: FindingActionProps): JSX.Element {
  const submit = async (form: FormData) => {
    const body = {
      owner: textOf(form, 'owner') ?? '',
      reason: textOf(form, 'reason') ?? '',
      until: instantOf(form, 'until') ?? '',
    }
    if (Date.parse(body.until) <= Date.now()) throw new ApiError(400, 'An exemption ends in the future.')
    const [one] = ids
    if (ids.length === 1 && one !== undefined) {
      const { changed } = await send<ActedAnswer>('POST', `/v1/findings/${one}/exempt`, { body })
      say(changed ? 'Exempted: tried and recorded, not alerted.' : 'It was exempted so already.')
    } else sayMany(await send<ActedManyAnswer>('POST', '/v1/findings/exempt', { body: { ids, ...body } }), 'exempted')
    onDone()
  }
  const who = typeof session.value === 'object' ? session.value.actor : ''
  return (
    <Ask
      title={`Exempt ${countOf(ids.length, 'finding')}`}
      what={<p>It goes on being tried and recorded, and stands in every report. Until the exemption ends, nobody is alerted.</p>}
      action="Exempt"
      submit={submit}
      onClose={onClose}
    >
      <Field label="Who answers for it">
        <input name="owner" required maxLength={256} defaultValue={who.includes('@') ? who : ''} autocomplete="email" />
      </Field>
      <Field label="Why it is accepted">
        <textarea name="reason" required maxLength={LONGEST_NOTE} />
      </Field>
      <Field label="Until" hint="In your own time zone. After that it speaks again.">
        <input
          type="datetime-local"
          name="until"
          required
          min={inputValue(new Date())}
          defaultValue={inputValue(new Date(Date.now() + 7 * DAY_MS))}
        />
      </Field>
    </Ask>
  )
}

function sayMany({ changed, items }: ActedManyAnswer, done: string): void {
  const refused = items.filter((item) => item.refused !== null).length
  say(
    `${countOf(changed, 'finding')} ${done}.${refused === 0 ? '' : ` ${refused} left as they were: resolved, or gone.`}`,
    refused > 0,
  )
}
