import type { JSX } from 'preact'
import type { ScanAnswer } from '../../api/schemas/actions.ts'
import type { SystemDetail } from '../../api/schemas/system.ts'
import { act, textOf } from '../act.ts'
import { send } from '../api.ts'
import { scanned } from '../scanned.ts'
import { may } from '../session.ts'
import { countOf } from '../words.ts'
import { Ask } from './dialog.tsx'
import { Field } from './field.tsx'
import { say } from './toast.tsx'

export type Asking = 'pause' | 'rebind' | undefined

export function Actions({ system, ask, reload }: { system: SystemDetail; ask(what: Asking): void; reload(): void }): JSX.Element {
  const base = `/v1/systems/${system.id}`
  const resume = async () => {
    await act<{ changed: boolean }>(`${base}/resume`, ({ changed }) =>
      changed ? 'Its trials go on.' : 'It was not paused by itself.',
    )
    reload()
  }
  return (
    <>
      <button type="button" class="button first" onClick={() => act<ScanAnswer>(`${base}/scan`, scanned)}>
        Scan now
      </button>
      {system.state === 'rebind' && may('administer') ? (
        <button type="button" class="button harm" onClick={() => ask('rebind')}>
          Rebind
        </button>
      ) : undefined}
      {system.pause === null ? (
        <button type="button" class="button" onClick={() => ask('pause')}>
          Pause
        </button>
      ) : (
        <button type="button" class="button" onClick={resume}>
          Resume
        </button>
      )}
    </>
  )
}

export function AskPause({ id, onClose, onDone }: { id: string; onClose(): void; onDone(): void }): JSX.Element {
  return (
    <Ask
      title="Pause this system"
      what={<p>No credential is tried there until somebody resumes. The time is recorded as a gap in the evidence.</p>}
      action="Pause"
      onClose={onClose}
      submit={async (form) => {
        const note = textOf(form, 'note')
        await send('POST', `/v1/systems/${id}/pause`, { body: note === undefined ? {} : { note } })
        say('Paused.')
        onDone()
      }}
    >
      <Field label="Why, for the record">
        <textarea name="note" maxLength={1_000} />
      </Field>
    </Ask>
  )
}

export function AskRebind({ system, onClose, onDone }: { system: SystemDetail; onClose(): void; onDone(): void }): JSX.Element {
  return (
    <Ask
      title={`Rebind the secrets of ${system.name}`}
      what={
        <dl class="facts">
          <dt>Registered for</dt>
          <dd class="mono">{system.boundOrigin}</dd>
          <dt>From now on for</dt>
          <dd class="mono">{system.origin}</dd>
          <dt>What follows</dt>
          <dd>Every secret of this system is sent to the new address. Do it only if you know that it is the same system.</dd>
        </dl>
      }
      action="Rebind"
      harm
      onClose={onClose}
      submit={async () => {
        const { resealed, broken } = await send<{ resealed: number; broken: string[] }>('POST', `/v1/systems/${system.id}/rebind`)
        say(
          `${countOf(resealed, 'secret')} bound anew.${broken.length === 0 ? '' : ` ${broken.length} do not open and were left as they are.`}`,
          broken.length > 0,
        )
        onDone()
      }}
    />
  )
}
