import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { ImportAnswer } from '../../api/schemas/actions.ts'
import { ApiError, addressOf, send } from '../api.ts'
import { fileGiven, type Given, textGiven } from '../import-given.ts'
import { countOf } from '../words.ts'
import { Field } from './field.tsx'
import { Problem } from './states.tsx'

export interface ImportProps {
  what: 'identities' | 'credentials'
  /** A few rows that show the columns. */
  example: string
  onDone(): void
}

/** Takes a file or pasted rows, checks them without writing, imports them, and tells every bad row. */
export function Import({ what, example, onDone }: ImportProps): JSX.Element {
  const [text, setText] = useState('')
  const [file, setFile] = useState<File>()
  const [busy, setBusy] = useState(false)
  const [answer, setAnswer] = useState<ImportAnswer>()
  const [error, setError] = useState<ApiError>()
  const given = givenOf(file, text)
  const run = async (dryRun: boolean) => {
    if (given === undefined) return
    setBusy(true)
    setError(undefined)
    try {
      const path = addressOf(`/v1/import/${what}`, { dryRun, name: given.name })
      const said = await send<ImportAnswer>('POST', path, { upload: { file: given.content, type: given.type } })
      setAnswer(said)
      if (dryRun) return
      // Secrets do not stay on the screen; rows that are to be mended do.
      if (said.badTotal === 0) setText('')
      onDone()
    } catch (problem) {
      setAnswer(undefined)
      setError(problem instanceof ApiError ? problem : new ApiError(0, String(problem)))
    } finally {
      setBusy(false)
    }
  }
  return (
    <div class="stack tight">
      <Field label={`File with ${what}, CSV or JSON Lines${what === 'credentials' ? ', or either encrypted with age' : ''}`}>
        <input
          type="file"
          accept={`.csv,.jsonl,.ndjson,text/csv,application/x-ndjson${what === 'credentials' ? ',.age' : ''}`}
          onChange={(event) => setFile(event.currentTarget.files?.[0])}
        />
      </Field>
      {file === undefined ? (
        <Field label="Or rows, pasted">
          <textarea
            class="mono"
            rows={4}
            value={text}
            placeholder={example}
            spellcheck={false}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </Field>
      ) : undefined}
      <div class="row">
        <button type="button" class="button first" disabled={busy || given === undefined} onClick={() => run(false)}>
          {busy ? 'Working …' : `Import ${what}`}
        </button>
        <button type="button" class="button" disabled={busy || given === undefined} onClick={() => run(true)}>
          Only check
        </button>
      </div>
      {error === undefined ? undefined : <Problem error={error} />}
      {answer === undefined ? undefined : <Outcome answer={answer} />}
    </div>
  )
}

function givenOf(file: File | undefined, text: string): (Given & { content: Blob }) | undefined {
  if (file !== undefined) return { ...fileGiven(file.name), content: file }
  return text.trim() === '' ? undefined : { ...textGiven(text), content: new Blob([text]) }
}

function Outcome({ answer }: { answer: ImportAnswer }): JSX.Element {
  const { dryRun, read, created, updated, unchanged, skipped, reinstated, dueNow, stopped } = answer
  const counts = [
    `${created} new`,
    `${updated} changed`,
    `${unchanged} as they were`,
    ...(skipped > 0 ? [`${skipped} skipped`] : []),
    ...(reinstated > 0 ? [`${reinstated} reinstated`] : []),
  ]
  return (
    <div class="said stack tight" role="status">
      <p>
        <b>{dryRun ? 'Checked, nothing written' : 'Imported'}</b>: {countOf(read, 'row')}, {counts.join(', ')}.
        {dueNow > 0 ? ` ${countOf(dueNow, 'credential')} due now.` : ''}
        {stopped ? ' It was cut short.' : ''}
      </p>
      <Lines head={<b class="overdue">{countOf(answer.badTotal, 'bad row')}</b>} lines={answer.bad} total={answer.badTotal} />
      <Lines
        head={<b>{countOf(answer.warningTotal, 'thing')} that may be wrong, of rows that were taken</b>}
        lines={answer.warnings}
        total={answer.warningTotal}
      />
    </div>
  )
}

interface LinesProps {
  head: JSX.Element
  lines: readonly { line: number; field: string | null; message: string }[]
  /** All there are: of very many the first are told. */
  total: number
}

function Lines({ head, lines, total }: LinesProps): JSX.Element | undefined {
  if (total === 0) return undefined
  return (
    <>
      <p>
        {head}
        {total > lines.length ? `, the first ${lines.length}` : ''}:
      </p>
      <ul class="small">
        {lines.map(({ line, field, message }) => (
          <li key={`${line} ${field ?? ''} ${message}`}>
            line {line}
            {field === null ? '' : `, ${field}`}: {message}
          </li>
        ))}
      </ul>
    </>
  )
}
