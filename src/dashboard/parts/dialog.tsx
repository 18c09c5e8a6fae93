import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useId, useRef, useState } from 'preact/hooks'
import { ApiError } from '../api.ts'
import { Problem } from './states.tsx'

/** A modal dialog: the browser keeps the focus in it and gives it back. */
export function Dialog(props: { title: string; onClose(): void; children: ComponentChildren }): JSX.Element {
  const id = useId()
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    const opener = document.activeElement
    dialog.current?.showModal()
    return () => {
      if (opener instanceof HTMLElement) opener.focus()
    }
  }, [])
  return (
    <dialog ref={dialog} aria-labelledby={id} onClose={props.onClose}>
      <div class="stack">
        <h2 id={id}>{props.title}</h2>
        {props.children}
      </div>
    </dialog>
  )
}

export interface AskProps {
  title: string
  /** What follows from it, before it is done. */
  what: ComponentChildren
  /** What the button says. */
  action: string
  harm?: boolean
  /** Does it; throws an ApiError, which is shown. */
  submit(form: FormData): Promise<void>
  onClose(): void
  /** Its fields. */
  children?: ComponentChildren
}

/** Asks before something is done. Stays open with the problem when it fails. */
export function Ask({ title, what, action, harm = false, submit, onClose, children }: AskProps): JSX.Element {
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<ApiError>()
  const onSubmit = async (event: SubmitEvent) => {
    event.preventDefault()
    if (!(event.currentTarget instanceof HTMLFormElement)) return
    const form = new FormData(event.currentTarget)
    setBusy(true)
    setError(undefined)
    try {
      await submit(form)
      onClose()
    } catch (problem) {
      setError(problem instanceof ApiError ? problem : new ApiError(0, String(problem)))
      setBusy(false)
    }
  }
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={onSubmit}>
        <div>{what}</div>
        {children}
        {error === undefined ? undefined : <Problem error={error} />}
        <div class="row end">
          <button type="button" class="button plain" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class={`button ${harm ? 'harm' : 'first'}`} disabled={busy}>
            {busy ? 'Working …' : action}
          </button>
        </div>
      </form>
    </Dialog>
  )
}
