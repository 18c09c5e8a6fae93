import type { JSX } from 'preact'
import { say } from './toast.tsx'

/** A trace's id: it leads to where traces are looked at, where the configuration says where that is; it can be copied in any case. */
export function Trace({ id, url }: { id: string; url: string | null }): JSX.Element {
  const copy = () =>
    navigator.clipboard.writeText(id).then(
      () => say('Copied.'),
      () => say('The browser does not let the page copy: mark and copy it by hand.', true),
    )
  return (
    <span class="row tight">
      {url === null ? (
        <span class="mono wrap">{id}</span>
      ) : (
        <a class="mono wrap" href={url} rel="noopener noreferrer" target="_blank">
          {id}
        </a>
      )}
      <button type="button" class="button plain" aria-label="Copy the id of the trace" onClick={copy}>
        Copy
      </button>
    </span>
  )
}
