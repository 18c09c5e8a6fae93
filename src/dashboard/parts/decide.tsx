import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { Statement } from '../../api/schemas/source.ts'
import { textOf } from '../act.ts'
import { ApiError, addressOf, read, send } from '../api.ts'
import {
  CHOICES,
  type Choice,
  choicesOf,
  type DecidedItem,
  decisionOf,
  doneOf,
  isHarm,
  type MassGroup,
  massGroups,
  meansOf,
  outcomesOf,
  whomOf,
} from '../held.ts'
import { SAYS_LABELS } from '../source-words.ts'
import { local } from '../time.ts'
import { countOf } from '../words.ts'
import { Ask } from './dialog.tsx'
import { Field } from './field.tsx'
import { Ago, At } from './moment.tsx'
import { say } from './toast.tsx'

interface Decided {
  items: DecidedItem[]
}

/** The most that one request decides about. */
const MOST = 1_000

async function decide(statements: readonly Statement[], body: object): Promise<void> {
  const items: Decided['items'] = []
  for (let from = 0; from < statements.length; from += MOST) {
    const ids = statements.slice(from, from + MOST).map(({ id }) => id)
    items.push(...(await send<Decided>('POST', '/v1/source-statements/decide', { body: { ids, ...body } })).items)
  }
  const [only, ...more] = items
  const done = only === undefined || more.length > 0 ? undefined : doneOf(only, local)
  say(`Decided: ${done ?? outcomesOf(items)}.`)
}

/** Asks what one statement comes to. */
export function AskDecide(props: { statement: Statement; onClose(): void; onDone(): void }): JSX.Element {
  const { statement, onClose, onDone } = props
  const choices = choicesOf(statement)
  const [choice, setChoice] = useState<Choice>()
  const submit = async (form: FormData) => {
    const chosen = choices.find((each) => each === form.get('choice'))
    if (chosen === undefined) throw new ApiError(400, 'Choose one of them.')
    const as = textOf(form, 'as')
    if (chosen === 'other' && as === undefined) throw new ApiError(400, 'Say what somebody else is called here.')
    await decide([statement], decisionOf(statement, chosen, as))
    onDone()
  }
  return (
    <Ask
      title={`Decide about ${whomOf(statement)}`}
      what={<Question of={statement} />}
      action="Decide"
      harm={isHarm(choice, statement)}
      submit={submit}
      onClose={onClose}
    >
      <Choices choices={choices} statement={statement} onChoose={setChoice} />
      {choice !== 'other' ? undefined : (
        <Field
          label="External id of somebody else"
          hint={`What they are called here: anything but ${statement.called}, which is taken.`}
        >
          <input name="as" required maxLength={256} autocomplete="off" spellcheck={false} />
        </Field>
      )}
    </Ask>
  )
}

function Choices(props: { choices: readonly Choice[]; statement: Statement; onChoose(choice: Choice): void }): JSX.Element {
  const { choices, statement, onChoose } = props
  return (
    <fieldset class="choices">
      <legend>What is it?</legend>
      {choices.map((each) => (
        <label key={each}>
          <input type="radio" name="choice" value={each} required onChange={() => onChoose(each)} />
          <span>
            <b>{CHOICES[each].label}</b>
            <span class="under">{meansOf(each, statement, local)}</span>
          </span>
        </label>
      ))}
    </fieldset>
  )
}

function Question({ of }: { of: Statement }): JSX.Element {
  const { source, reason, identity, called, key, at, says, effectiveAt } = of
  if (reason === 'identifier_reuse')
    return (
      <>
        <p>
          <b>{source.name}</b> knows {identity === null ? 'somebody' : identity.name} already, and now calls a subject with
          another id, <code>{key}</code>
          {of.name === null ? '' : ` (${of.name})`}, by the same name, <code>{called}</code>.
        </p>
        <p>
          It told of that subject <Ago at={at} />: <b>{SAYS_LABELS[says].toLowerCase()}</b>
          {effectiveAt === null ? undefined : (
            <>
              , <At at={effectiveAt} />
            </>
          )}
          .
        </p>
      </>
    )
  if (reason === 'named_elsewhere')
    return (
      <p>
        <b>{source.name}</b> no longer has {identity?.name ?? called} under the id <code>{key}</code>, since <Ago at={at} />, and
        names <code>{called}</code> under another id, or under none. Whose entry was made anew looks the same as whoever has left.
      </p>
    )
  return (
    <p>
      <b>{source.name}</b> told of it <Ago at={at} />:{' '}
      {reason === 'ask'
        ? 'inactive. Whoever is only unassigned or on leave looks the same as whoever has left.'
        : `${SAYS_LABELS[says].toLowerCase()}; one of many at once.`}
    </p>
  )
}

interface Page {
  items: Statement[]
  next: string | null
}

/** Everybody of a mass event as it stands now, also those whom the list does not show. */
export async function readGroup({ key, source }: MassGroup): Promise<MassGroup | undefined> {
  const items: Statement[] = []
  let cursor: string | undefined
  do {
    const query = { state: 'held', reason: 'mass_event', source, limit: 500, cursor }
    const page: Page = await read<Page>(addressOf('/v1/source-statements', query))
    items.push(...page.items)
    cursor = page.next ?? undefined
  } while (cursor !== undefined)
  return massGroups(items).find((group) => group.key === key)
}

/** Asks about a mass event as a whole: how many, and who. */
export function AskDecideAll(props: {
  group: MassGroup
  what: 'apply' | 'dismiss'
  onClose(): void
  onDone(): void
}): JSX.Element {
  const { group, what, onClose, onDone } = props
  const { statements, source } = group
  const people = countOf(statements.length, 'person', 'people')
  const isDeparture = statements.every(({ says }) => says === 'terminated')
  const submit = async (form: FormData) => {
    const suspended = form.get('choice') === 'suspended'
    const body =
      what === 'dismiss' ? { decision: 'dismiss' } : { decision: 'apply', ...(suspended ? { departure: 'suspend' } : {}) }
    try {
      await decide(statements, body)
    } finally {
      onDone()
    }
  }
  return (
    <Ask
      title={what === 'apply' ? `Apply to ${people}` : `Dismiss for ${people}`}
      what={
        <>
          <p>
            {what === 'apply'
              ? `${source} is right. The clock of whoever has left runs from when it told of it, and what they held is tried at once.`
              : `${source} is wrong: nothing is done, and nobody is asked about them again until it takes it back and says it anew.`}
          </p>
          <People statements={statements} />
        </>
      }
      action={`${what === 'apply' ? 'Apply to' : 'Dismiss for'} all ${people}`}
      harm={what === 'apply'}
      submit={submit}
      onClose={onClose}
    >
      {what === 'apply' && isDeparture ? (
        <fieldset class="choices">
          <legend>What is it?</legend>
          {(['left', 'suspended'] as const).map((each) => (
            <label key={each}>
              <input type="radio" name="choice" value={each} defaultChecked={each === 'left'} />
              <span>
                <b>{CHOICES[each].label}</b>
                <span class="under">{CHOICES[each].means}</span>
              </span>
            </label>
          ))}
        </fieldset>
      ) : undefined}
    </Ask>
  )
}

const MOST_NAMED = 12

/** Who it is: whoever decides must not have to remember. */
export function People({ statements }: { statements: readonly Statement[] }): JSX.Element {
  const rest = statements.slice(MOST_NAMED)
  const line = (statement: Statement) => (
    <li key={statement.id}>
      <b>{whomOf(statement)}</b> <span class="soft">{statement.called}</span>
    </li>
  )
  return (
    <div class="named">
      <ul>{statements.slice(0, MOST_NAMED).map(line)}</ul>
      {rest.length === 0 ? undefined : (
        <details>
          <summary>and {countOf(rest.length, 'more', 'more')}</summary>
          <ul>{rest.map(line)}</ul>
        </details>
      )}
    </div>
  )
}
