import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { FrameworkList } from '../../api/schemas/evidence.ts'
import { instantOf, textOf } from '../act.ts'
import { ApiError, fetchFile } from '../api.ts'
import { filters } from '../navigate.ts'
import { useRead } from '../read.ts'
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
          <input name="identity" maxLength={256} autocomplete="off" defaultValue={filters().identity ?? ''} />
        </Field>
        <Field label="Only one system" hint="Name; may be left empty">
          <input name="system" maxLength={256} autocomplete="off" />
        </Field>
        <Requirement />
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

/** Narrows a bundle to what one framework asks for, or one requirement of it. */
function Requirement(): JSX.Element {
  const { value } = useRead<FrameworkList>('/v1/frameworks')
  const [chosen, setChosen] = useState('')
  const controls = value?.frameworks.find(({ name }) => name === chosen)?.controls ?? []
  return (
    <>
      <Field label="Only one framework">
        <select name="framework" value={chosen} onChange={(event) => setChosen(event.currentTarget.value)}>
          <option value="">Any</option>
          {value?.frameworks.map(({ name, title }) => (
            <option key={name} value={name}>
              {title}
            </option>
          ))}
        </select>
      </Field>
      <Field label="Only one requirement" {...(chosen === '' ? { hint: 'Of the framework that is chosen' } : {})}>
        <select key={chosen} name="control" disabled={chosen === ''}>
          <option value="">Any</option>
          {controls.map(({ id, title }) => (
            <option key={id} value={id}>
              {id} {title}
            </option>
          ))}
        </select>
      </Field>
    </>
  )
}

/** By what a bundle can be narrowed; what is left empty does not. */
const SCOPES = ['identity', 'system', 'framework', 'control'] as const

function bodyOf(form: FormData): Record<string, string> {
  const scope = SCOPES.flatMap((name) => {
    const value = textOf(form, name)
    return value === undefined ? [] : [[name, value] as const]
  })
  return { from: instantOf(form, 'from') ?? '', to: instantOf(form, 'to') ?? '', ...Object.fromEntries(scope) }
}

function save(blob: Blob, name: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  URL.revokeObjectURL(link.href)
}
