import type { JSX } from 'preact'
import { lettersOn, setLetters } from '../keys.ts'
import { Dialog } from './dialog.tsx'

const KEYS = [
  ['j', 'Next finding'],
  ['k', 'The one before'],
  ['Enter', 'Open it'],
  ['x', 'Pick it, or let it go'],
  ['a', 'Acknowledge what is picked, or this one'],
  ['e', 'Exempt what is picked, or this one'],
  ['/', 'Search'],
  ['?', 'This help'],
] as const

export function KeysHelp({ onClose }: { onClose(): void }): JSX.Element {
  return (
    <Dialog title="Keys" onClose={onClose}>
      <dl class="facts">
        {KEYS.map(([key, what]) => (
          <>
            <dt key={key}>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </>
        ))}
      </dl>
      <label class="check">
        <input type="checkbox" checked={lettersOn.value} onChange={(event) => setLetters(event.currentTarget.checked)} />
        Single letters are commands
      </label>
      <div class="row end">
        <button type="button" class="button" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  )
}
