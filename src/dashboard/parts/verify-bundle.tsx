import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { textOf } from '../act.ts'
import { ApiError } from '../api.ts'
import type { Told, ToldCheck } from '../verify/message.ts'
import { type Running, verifyHere } from '../verify/run.ts'
import { countOf, type Look, percent } from '../words.ts'
import { Badge } from './badge.tsx'
import { Field } from './field.tsx'
import type { IconName } from './icon.tsx'
import { At } from './moment.tsx'
import { Problem } from './states.tsx'

/** Where a verification stands: how much of the bundle was read, what was found, or why nothing can be said. */
type Standing = { doneBytes: number; totalBytes: number } | { told: Told } | { error: ApiError }

/** Verifies a bundle here, in the browser: nothing of it is sent anywhere. */
export function VerifyBundle(): JSX.Element {
  const [file, setFile] = useState<File>()
  const [standing, setStanding] = useState<Standing>()
  const running = useRef<Running>(undefined)
  const stop = () => {
    running.current?.stop()
    running.current = undefined
    setStanding(undefined)
  }
  useEffect(() => () => running.current?.stop(), [])
  const isBusy = standing !== undefined && 'doneBytes' in standing
  const submit = async (event: SubmitEvent) => {
    event.preventDefault()
    if (file === undefined || !(event.currentTarget instanceof HTMLFormElement)) return
    const form = new FormData(event.currentTarget)
    setStanding({ doneBytes: 0, totalBytes: 0 })
    const vkeys = (textOf(form, 'vkeys') ?? '').split(/\s+/).filter((vkey) => vkey !== '')
    const mine = verifyHere({ file, vkeys, oldCheckpoint: noteOf(form) }, (doneBytes, totalBytes) =>
      setStanding({ doneBytes, totalBytes }),
    )
    running.current = mine
    const found = await mine.told.then(
      (told) => ({ told }),
      (error: unknown) => ({ error: new ApiError(422, error instanceof Error ? error.message : String(error)) }),
    )
    if (running.current === mine) setStanding(found)
  }
  return (
    <form class="stack tight" onSubmit={submit}>
      <p class="said">
        Your browser checks it, by the code of <code>revenant verify</code>: nothing of the bundle leaves this page. The page
        itself comes from this daemon, though. Whoever distrusts that runs <code>revenant verify BUNDLE --vkey KEY</code> on a
        machine of his own, without a network.
      </p>
      <Field label="Bundle, a ZIP">
        <input
          type="file"
          accept=".zip,application/zip"
          required
          onChange={(event) => {
            setFile(event.currentTarget.files?.[0])
            stop()
          }}
        />
      </Field>
      <Field
        label="The key of the log, as you were told it"
        hint="name+id+base64, one a line, from another place than this page or the bundle. Without one, the bundle vouches for itself"
      >
        <textarea name="vkeys" rows={2} autocomplete="off" spellcheck={false} />
      </Field>
      <details>
        <summary>Against an older checkpoint</summary>
        <Field label="A signed checkpoint that you hold" hint="Whether the log was only added to since; may be left empty">
          <textarea name="checkpoint" rows={4} autocomplete="off" spellcheck={false} />
        </Field>
      </details>
      <div class="row">
        <button type="submit" class="button first" disabled={isBusy || file === undefined}>
          {isBusy ? 'Verifying …' : 'Verify'}
        </button>
        {isBusy ? (
          <button type="button" class="button" onClick={stop}>
            Stop
          </button>
        ) : undefined}
      </div>
      {standing === undefined ? undefined : 'told' in standing ? (
        <Answer told={standing.told} />
      ) : 'error' in standing ? (
        <Problem error={standing.error} />
      ) : (
        <Progress {...standing} />
      )}
    </form>
  )
}

/** A signed note ends in a newline, which pasting tends to lose. */
function noteOf(form: FormData): string | undefined {
  const text = textOf(form, 'checkpoint')?.trim().replaceAll('\r\n', '\n')
  return text === undefined || text === '' ? undefined : `${text}\n`
}

function Progress({ doneBytes, totalBytes }: { doneBytes: number; totalBytes: number }): JSX.Element {
  // Every file is read once. What is read again is looked at for the first false byte.
  const isLooking = totalBytes > 0 && doneBytes > totalBytes
  return (
    <p class="row" role="status">
      <progress max={1} {...(totalBytes === 0 || isLooking ? {} : { value: doneBytes / totalBytes })} aria-label="Verifying" />
      {isLooking ? 'Something is false: looking for the first false byte' : `${percent(doneBytes, totalBytes)} % read`}
    </p>
  )
}

function Answer({ told }: { told: Told }): JSX.Element {
  const { holds, keysGiven, signedBy, isChosen, bundle, checks, firstFalse } = told
  const [look, label, icon] = verdictOf(told)
  return (
    <div class="stack tight" role="status" data-verified={holds ? 'holds' : 'false'} data-keys={keysGiven ? 'given' : 'own'}>
      <p class="row">
        <Badge look={look} label={label} icon={icon} />
        {bundle === undefined ? undefined : (
          <span class="wrap">
            {bundle.origin}, <At at={bundle.from} /> to <At at={bundle.to} />, made <At at={bundle.madeAt} />,{' '}
            {countOf(bundle.files, 'file')}
          </span>
        )}
      </p>
      {firstFalse === undefined ? undefined : <p class="overdue wrap">First false byte: {firstFalse}</p>}
      {keysGiven ? (
        <p class="wrap">
          {signedBy.length === 0 ? 'The key that you gave did not sign it.' : 'Signed with the key that you gave.'}
        </p>
      ) : (
        <p class="wrap">
          <b>Who made it is not proven.</b> Only the bundle's own key was used: <code>{signedBy.join(', ') || 'none'}</code>.
          Anybody can make a bundle with a key of his own. Compare it with the one that you were told by another way, or give that
          one above.
        </p>
      )}
      {isChosen ? (
        <p>It was chosen from its period: whether anything that belongs to the choice was left out cannot be told.</p>
      ) : undefined}
      <ul class="stack tight small">
        {checks.map((check) => (
          <Check key={check.name} check={check} />
        ))}
      </ul>
      <p class="small soft">
        Not looked at here: what anchors say of the log, a time stamp or a witness, which lies outside of the bundle.
      </p>
    </div>
  )
}

function verdictOf({ holds, keysGiven }: Told): [Look, string, IconName] {
  if (!holds) return ['open', 'It is false', 'close']
  return keysGiven ? ['closed', 'It holds', 'check'] : ['doubt', 'It fits together', 'question']
}

const STATES: Record<ToldCheck['state'], [Look, string, IconName]> = {
  holds: ['closed', 'Holds', 'check'],
  open: ['doubt', 'Cannot be told', 'question'],
  false: ['open', 'False', 'close'],
}

function Check({ check: { name, state, detail, count, problems } }: { check: ToldCheck }): JSX.Element {
  const [look, label, icon] = STATES[state]
  return (
    <li>
      <p class="row">
        <Badge look={look} label={label} icon={icon} />
        <b>{name}</b> <span class="wrap">{count === 0 ? detail : `${count} false`}</span>
      </p>
      {count === 0 ? undefined : (
        <ul class="stack tight">
          {problems.map((problem, at) => (
            <li key={at} class="wrap">
              {problem}
            </li>
          ))}
          {count > problems.length ? <li>and {count - problems.length} more</li> : undefined}
        </ul>
      )}
    </li>
  )
}
