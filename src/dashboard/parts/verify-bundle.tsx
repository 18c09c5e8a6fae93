import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { VerifyAnswer } from '../../api/schemas/actions.ts'
import { ApiError, addressOf, send } from '../api.ts'
import { countOf, figure } from '../words.ts'
import { Badge } from './badge.tsx'
import { Field } from './field.tsx'
import { At } from './moment.tsx'
import { Problem } from './states.tsx'

/** Has a bundle checked by the daemon, and says what that is worth. */
export function VerifyBundle(): JSX.Element {
  const [file, setFile] = useState<File>()
  const [keys, setKeys] = useState<'ours' | 'bundle'>('ours')
  const [busy, setBusy] = useState(false)
  const [answer, setAnswer] = useState<VerifyAnswer>()
  const [error, setError] = useState<ApiError>()
  const verify = async () => {
    if (file === undefined) return
    setBusy(true)
    setError(undefined)
    setAnswer(undefined)
    try {
      setAnswer(
        await send<VerifyAnswer>('POST', addressOf('/v1/evidence/verify', { keys }), {
          upload: { file, type: 'application/zip' },
        }),
      )
    } catch (problem) {
      setError(problem instanceof ApiError ? problem : new ApiError(0, String(problem)))
    } finally {
      setBusy(false)
    }
  }
  return (
    <div class="stack tight">
      <p class="said">
        This asks the daemon itself, and whoever distrusts it should not ask it. What an auditor should trust is{' '}
        <code>revenant verify BUNDLE</code> on a machine of his own: it needs the bundle, the key that he was given, and no
        network.
      </p>
      <Field label="Bundle, a ZIP">
        <input
          type="file"
          accept=".zip,application/zip"
          onChange={(event) => {
            setFile(event.currentTarget.files?.[0])
            setAnswer(undefined)
          }}
        />
      </Field>
      <Field label="Against">
        <select value={keys} onChange={(event) => setKeys(event.currentTarget.value === 'ours' ? 'ours' : 'bundle')}>
          <option value="ours">the keys of this log</option>
          <option value="bundle">the bundle's own keys, which prove nothing about who made it</option>
        </select>
      </Field>
      <div class="row">
        <button type="button" class="button first" disabled={busy || file === undefined} onClick={verify}>
          {busy ? 'Verifying …' : 'Verify'}
        </button>
      </div>
      {error === undefined ? undefined : <Problem error={error} />}
      {answer === undefined ? undefined : <Answer answer={answer} />}
    </div>
  )
}

function Answer({ answer }: { answer: VerifyAnswer }): JSX.Element {
  const { holds, keysGiven, chosen, manifest, checks, firstFalse } = answer
  return (
    <div class="stack tight" role="status" data-verified={holds ? 'holds' : 'false'}>
      <p class="row">
        <Badge look={holds ? 'closed' : 'open'} label={holds ? 'It holds' : 'It is false'} icon={holds ? 'check' : 'close'} />
        {manifest === null ? undefined : (
          <span>
            {manifest.origin}, made <At at={manifest.madeAt} />, {countOf(manifest.files, 'file')}
          </span>
        )}
      </p>
      {firstFalse === null ? undefined : (
        <p class="overdue wrap">
          First false: {firstFalse.file}
          {firstFalse.line === null ? '' : `, line ${figure(firstFalse.line)}`}
          {firstFalse.offset === null ? '' : `, byte ${figure(firstFalse.offset)}`}
          {firstFalse.stretch === null
            ? ''
            : `, within bytes ${figure(firstFalse.stretch.from)} to ${figure(firstFalse.stretch.to)}`}
          : {firstFalse.what}
        </p>
      )}
      {keysGiven ? undefined : <p>By its own keys: who made it is not proven.</p>}
      {chosen ? <p>It was chosen from its period: whether anything was left out cannot be told.</p> : undefined}
      <ul class="stack tight small">
        {checks.map(({ name, holds: well, open, detail }) => (
          <li key={name} class="row">
            <Badge
              look={open ? 'doubt' : well ? 'closed' : 'open'}
              label={open ? 'Cannot be told' : well ? 'Holds' : 'False'}
              icon={open ? 'question' : well ? 'check' : 'close'}
            />
            <b>{name}</b> <span class="wrap">{detail}</span>
          </li>
        ))}
      </ul>
    </div>
  )
}
