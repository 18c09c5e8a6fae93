import type { ComponentChildren, JSX } from 'preact'
import type { ApiError } from '../api.ts'
import type { Reading } from '../read.ts'

/** Takes the place of what is being read, so that nothing jumps when it comes. */
export function Ghosts({ rows = 5 }: { rows?: number }): JSX.Element {
  return (
    <div class="ghosts" role="status">
      <span class="unseen">Loading</span>
      {Array.from({ length: rows }, (_, at) => (
        <span key={at} class="ghost" />
      ))}
    </div>
  )
}

/** What went wrong, in the daemon's words, and another try. */
export function Problem({ error, retry }: { error: ApiError; retry?: () => void }): JSX.Element {
  return (
    <div class="problem" role="alert">
      <div>
        <p class="strong">{HEADLINES[error.status] ?? 'This could not be read.'}</p>
        <p>{error.message}</p>
        {error.faults.length === 0 ? undefined : (
          <ul>
            {error.faults.map(({ field, message }) => (
              <li key={field}>
                <code>{field}</code> {message}
              </li>
            ))}
          </ul>
        )}
      </div>
      {retry === undefined ? undefined : (
        <button type="button" class="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  )
}

const HEADLINES: Readonly<Record<number, string>> = {
  0: 'No answer.',
  400: 'This does not fit.',
  403: 'Your role may not see this.',
  404: 'There is nothing here.',
  412: 'It has changed.',
  429: 'Too many questions at once.',
  503: 'The daemon cannot answer now.',
}

/** Nothing to show, and what to do about it. */
export function Empty({ children }: { children: ComponentChildren }): JSX.Element {
  return <div class="empty">{children}</div>
}

/** Shows what was read; its ghosts before, the problem instead, or above what is known still. */
export function Shown<Body>(props: {
  reading: Reading<Body>
  rows?: number
  children: (value: Body) => ComponentChildren
}): JSX.Element {
  const { value, error, reload } = props.reading
  return (
    <>
      {error === undefined ? undefined : <Problem error={error} retry={reload} />}
      {value !== undefined ? props.children(value) : error === undefined ? <Ghosts rows={props.rows ?? 5} /> : undefined}
    </>
  )
}
