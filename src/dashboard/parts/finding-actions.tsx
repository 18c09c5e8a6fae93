import type { JSX } from 'preact'
import { useRef } from 'preact/hooks'
import type { ActedAnswer, ActedManyAnswer } from '../../api/schemas/actions.ts'
import type { Finding } from '../../api/schemas/finding.ts'
import { instantOf, textOf } from '../act.ts'
import { ApiError, send } from '../api.ts'
import { sendAsSeen } from '../as-seen.ts'
import { session } from '../session.ts'
import { inputValue } from '../time.ts'
import { countOf, KIND_LABELS } from '../words.ts'
import { Ask } from './dialog.tsx'
import { Field } from './field.tsx'
import { say } from './toast.tsx'

export interface FindingActionProps {
  /** As the reader saw them when he asked; at least one. */
  findings: readonly [Finding, ...Finding[]]
  onClose(): void
  onDone(): void
}

const LONGEST_NOTE = 1_000

/** Asks for the note of an acknowledgement, of one finding or many. */
export function AskAcknowledge({ findings, onClose, onDone }: FindingActionProps): JSX.Element {
  const seen = useRef(findings[0])
  const ids = findings.map(({ id }) => id)
  const submit = async (form: FormData) => {
    const note = textOf(form, 'note') ?? ''
    if (ids.length === 1) {
      const { changed } = await sendAsSeen<ActedAnswer>('acknowledge', seen, { note })
      say(changed ? 'Acknowledged.' : 'It was acknowledged already.')
    } else sayMany(await send<ActedManyAnswer>('POST', '/v1/findings/acknowledge', { body: { ids, note } }), 'acknowledged')
    onDone()
  }
  return (
    <Ask
      title={`Acknowledge ${countOf(ids.length, 'finding')}`}
      what={
        <>
          <p>Somebody has taken note of it. It is tried and watched as before, and not reminded of until it becomes worse.</p>
          <Named findings={findings} />
        </>
      }
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
export function AskExempt({ findings, onClose, onDone }: FindingActionProps): JSX.Element {
  const seen = useRef(findings[0])
  const ids = findings.map(({ id }) => id)
  const submit = async (form: FormData) => {
    const body = {
      owner: textOf(form, 'owner') ?? '',
      reason: textOf(form, 'reason') ?? '',
      until: instantOf(form, 'until') ?? '',
    }
    if (Date.parse(body.until) <= Date.now()) throw new ApiError(400, 'An exemption ends in the future.')
    if (ids.length === 1) {
      const { changed } = await sendAsSeen<ActedAnswer>('exempt', seen, body)
      say(changed ? 'Exempted: tried and recorded, not alerted.' : 'It was exempted so already.')
    } else sayMany(await send<ActedManyAnswer>('POST', '/v1/findings/exempt', { body: { ids, ...body } }), 'exempted')
    onDone()
  }
  const who = typeof session.value === 'object' ? session.value.actor : ''
  return (
    <Ask
      title={`Exempt ${countOf(ids.length, 'finding')}`}
      what={
        <>
          <p>It goes on being tried and recorded, and stands in every report. Until the exemption ends, nobody is alerted.</p>
          <Named findings={findings} />
        </>
      }
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

/** Asks for the note of closing by hand what nothing tries any more. */
export function AskResolve({
  finding,
  onClose,
  onDone,
}: Omit<FindingActionProps, 'findings'> & { finding: Finding }): JSX.Element {
  const seen = useRef(finding)
  const submit = async (form: FormData) => {
    await sendAsSeen<ActedAnswer>('resolve', seen, { note: textOf(form, 'note') ?? '' })
    say('Resolved.')
    onDone()
  }
  return (
    <Ask
      title="Resolve 1 finding"
      what={
        <>
          <p>
            Nothing tries any more what it is about, so no answer can close it. Whoever was told of it is told that it is over;
            the record says that it was closed by hand.
          </p>
          <Named findings={[finding]} />
        </>
      }
      action="Resolve"
      submit={submit}
      onClose={onClose}
    >
      <Field label="Note, for the record" hint="Why it is over.">
        <textarea name="note" required maxLength={LONGEST_NOTE} />
      </Field>
    </Ask>
  )
}

const MOST_NAMED = 8

/** Which findings: who decides must not have to remember. */
function Named({ findings }: { findings: readonly Finding[] }): JSX.Element {
  const rest = findings.length - MOST_NAMED
  return (
    <ul class="named">
      {findings.slice(0, MOST_NAMED).map((finding) => (
        <li key={finding.id}>
          <b>{KIND_LABELS[finding.kind]}</b> {placeOf(finding)}
        </li>
      ))}
      {rest > 0 ? <li class="soft">and {rest} more</li> : undefined}
    </ul>
  )
}

function placeOf({ identity, system, credential }: Finding): string {
  return [identity?.name, system?.name, credential?.label].filter((part) => part !== undefined).join(', ')
}

function sayMany({ changed, items }: ActedManyAnswer, done: string): void {
  const refused = items.filter((item) => item.refused !== null).length
  say(
    `${countOf(changed, 'finding')} ${done}.${refused === 0 ? '' : ` ${refused} left as they were: resolved, or gone.`}`,
    refused > 0,
  )
}
