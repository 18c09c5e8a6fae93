import type { JSX } from 'preact'
import { SystemView } from './system.tsx'
import { SystemsView } from './systems.tsx'

/** Where it is: the list, one system. */
export function SystemViews({ id }: { id?: string }): JSX.Element {
  return id === undefined ? <SystemsView /> : <SystemView id={id} />
}
