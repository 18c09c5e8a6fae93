import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { instantOf, textOf } from '../act.ts'
import { ApiError, fetchFile } from '../api.ts'
import { inputValue } from '../time.ts'
import { Field } from './field.tsx'
import { Problem } from './states.tsx'
import { say } from './toast.tsx'

const DAY_MS = 86_400_000

/** Asks for a bundle of a period and hands it to the browser for saving. */
export function ExportBundle(): JSX.Element {
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<ApiError>()
  const submit = async (event: SubmitEvent) => {
    event.preventDefault()
    if (!(event.currentTarget instanceof HTMLFormElement)) return
    const form = new FormData(event.currentTarget)
    setBusy(true)
    setError(undefined)
    try {
      const { blob, name } = await fetchFile('/v1/evidence/bundle', bodyOf(form))
      save(blob, name)
      say(`${name} is ready.`)
    } catch (problem) {
      setError(problem instanceof ApiError ? problem : new ApiError(0, String(problem)))
    } finally {
      setBusy(false)
    }
  }
  return (
    <form class="stack tight" onSubmit={submit}>
      <div class="grid pair">
        <Field label="From">
          <input type="datetime-local" name="from" required defaultValue={inputValue(new Date(Date.now() - 30 * DAY_MS))} />
        </Field>
        <Field label="To">
          <input type="datetime-local" name="to" required defaultValue={inputValue(new Date(Date.now() + 60_000))} />
        </Field>
        <Field label="Only one identity" hint="External id; may be left empty">
          <input name="identity" maxLength={256} autocomplete="off" />
        </Field>
        <Field label="Only one system" hint="Name; may be left empty">
          <input name="system" maxLength={256} autocomplete="off" />
        </Field>
      </div>
      <div class="row">
        <button type="submit" class="button first" disabled={busy}>
          {busy ? 'Making it …' : 'Export'}
        </button>
      </div>
      {error === undefined ? undefined : <Problem error={error} />}
    </form>
  )
}

function bodyOf(form: FormData): Record<string, string> {
  const [identity, system] = [textOf(form, 'identity'), textOf(form, 'system')]
  return {
    from: instantOf(form, 'from') ?? '',
    to: instantOf(form, 'to') ?? '',
    ...(identity === undefined ? {} : { identity }),
    ...(system === undefined ? {} : { system }),
  }
}

function save(blob: Blob, name: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  URL.revokeObjectURL(link.href)
}
